import { type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import { addressMap, ecamAddress } from "@faultline/shared/machine/address-map.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { Action, Outcome } from "@faultline/shared/shell/endpoint-actions.ts";
import { describe, expect, it } from "vitest";
import { at, GPA, guestFrame, NestedRig } from "../../../test/support/smmu-rig.ts";
import { Hardware } from "../core/hardware.ts";
import { powerOn } from "./power-on.ts";
import { ScriptedEndpoints } from "./scripted-endpoints.ts";

const ACCELERATOR = 8,
  SCRIPTED = 0x10,
  VA = 0x7f00_0000_0000,
  PASID = 5;

/** An accelerator 00:01.0 and a scripted endpoint 00:02.0, whose stream is nested as the stack builds it. */
function machine({ anyRequester = false } = {}) {
  const rig = new NestedRig();
  const { memory, host, trace } = rig;
  const none = () => {
    throw new Error("no engine");
  };
  const [first] = defaultMachine.endpoints;
  const endpoints = [first, { ...first, bdf: SCRIPTED, kind: "scripted" as const }];
  const timers: { ns: number; expired(): void }[] = [];
  const hardware = new Hardware(
    { ...defaultMachine, endpoints },
    {
      memory,
      host,
      tracer: trace,
      held: () => false,
      now: () => 0,
      engine: { sha256: none, gzip: none },
      timer(ns, expired) {
        const timer = { ns, expired };
        timers.push(timer);
        return { cancel: () => void timers.splice(timers.indexOf(timer) >>> 0, 1) };
      },
    },
  );
  const write = (name: RegisterName, value: number) => {
    const { offset, sizeBytes } = registers[name];
    hardware.deliver(1, { kind: "mmioWrite", address: addressMap.smmuRegisters.base + offset, value: uint64Bytes(value).subarray(0, sizeBytes) });
  };
  const start = (cr0: number) => {
    for (const [name, value] of [
      ["STRTAB_BASE", at.streamTable],
      ["STRTAB_BASE_CFG", 6],
      ["CMDQ_BASE", at.cmdq + 6],
      ["EVENTQ_BASE", at.eventq + 3],
      ["PRIQ_BASE", at.priq + 1],
      ["CR0", cr0],
    ] as const)
      write(name, value);
  };
  rig.memory.write(at.streamTable + SCRIPTED * 64, rig.memory.read(at.streamTable + ACCELERATOR * 64, 64)!);
  const scripted = new ScriptedEndpoints(hardware, { anyRequester });
  const perform = async (action: Action, sid = SCRIPTED): Promise<Outcome> => {
    expect(scripted.refused(sid, action)).toBeNull();
    return scripted.perform(sid, action);
  };
  let commands = 0;
  /** Arm IHI 0070 G.b, 4.5: CMD_PRI_RESP with SSV, and CMD_ATC_INV of everything without. */
  const command = (low: bigint, high: bigint) => {
    const bytes = new Uint8Array(16);
    bytes.set(uint64Bytes(low));
    bytes.set(uint64Bytes(high), 8);
    memory.write(at.cmdq + commands * 16, bytes);
    write("CMDQ_PROD", ++commands);
    while (hardware.step());
    scripted.collect();
  };
  const priResp = (prgi: number, resp: bigint) => command((BigInt(SCRIPTED) << 32n) | (BigInt(PASID) << 12n) | (1n << 11n) | 0x41n, BigInt(prgi) | (resp << 12n));
  const atcInv = () => command((BigInt(SCRIPTED) << 32n) | 0x40n, 52n);
  start(0x1f);
  return { rig, hardware, trace, scripted, perform, start, priResp, atcInv, write, timers };
}

const noPasid = { ssid: null, priv: false, exec: false };
const prefix = { ...noPasid, ssid: PASID };
const ask = { ...prefix, prgi: 3, last: true, read: true, write: false, address: BigInt(VA), waitMs: 0 };
const translate: Action = { kind: "translate", ...prefix, noWrite: false, address: BigInt(VA), count: 1 };

describe("scripted endpoint over lab/v1: one architected outcome for each action (interfaces.md, section 6)", () => {
  it("translate: R = W = 0 for a page that is not there, the frame when it is", async () => {
    const { rig, perform } = machine();
    expect(await perform(translate)).toMatchObject({ kind: "translate", status: "SC", entries: [{ R: false, W: false }] });
    const gpa = rig.map(VA, false);
    expect(await perform(translate)).toMatchObject({ status: "SC", entries: [{ R: true, W: false, address: guestFrame(gpa), sizeBytes: 4096 }] });
  });
  it("translate: UR with F_BAD_ATS_TREQ where EATS is 0, CA for a CD that is not valid (3.9)", async () => {
    expect(await machine().perform({ ...translate, ssid: 6 })).toEqual({ kind: "translate", status: "CA", entries: [] });
    const bypassed = machine();
    bypassed.rig.ste({ Config: 4 }, SCRIPTED);
    expect(await bypassed.perform(translate)).toEqual({ kind: "translate", status: "UR", entries: [] });
  });
  it("dma: SC with data, CA when the SMMU terminates it; of no bytes: where it would go", async () => {
    const { rig, perform } = machine();
    const gpa = rig.map(VA);
    const request = { ...prefix, iova: BigInt(VA) + 4n };
    expect(await perform({ kind: "dma", ...request, write: true, length: 2, data: Uint8Array.of(1, 2) })).toEqual({ kind: "dma", ok: true, status: "SC" });
    expect(await perform({ kind: "dma", ...request, write: false, length: 2 })).toEqual({ kind: "dma", ok: true, status: "SC", data: Uint8Array.of(1, 2) });
    expect(await perform({ kind: "dma", ...request, write: false, length: 0 })).toEqual({ kind: "dma", ok: true, status: "SC", pa: guestFrame(gpa) + 4 });
    expect(await perform({ kind: "dma", ...request, iova: 0n, write: false, length: 2 })).toEqual({ kind: "dma", ok: false, status: "CA" });
    expect(await perform({ kind: "dma", ...request, iova: 0n, write: false, length: 0 })).toEqual({ kind: "dma", ok: false, status: "CA" });
  });
  it("translatedDma: what nobody granted passes while the stream has ATS (8.4)", async () => {
    const { rig, perform } = machine();
    const pa = guestFrame(GPA + 0x3000);
    rig.memory.write(pa, Uint8Array.of(7));
    expect(await perform({ kind: "translatedDma", pa: BigInt(pa), write: false, length: 1 })).toEqual({
      kind: "translatedDma",
      ok: true,
      status: "SC",
      data: Uint8Array.of(7),
    });
    expect(await perform({ kind: "translatedDma", pa: 0n, write: false, length: 1 })).toEqual({ kind: "translatedDma", ok: false, status: "UR" });
  });
  it("pageRequest: an entry of the PRI queue; its outcome has the response that software gives", async () => {
    const { trace, perform, priResp } = machine();
    const outcome = perform({ kind: "pageRequest", ...ask, waitMs: 10_000 });
    expect(trace.of("pri-queue.record")).toMatchObject([{ ids: { sid: "0x10", pasid: PASID, grpid: 3 } }]);
    priResp(4, 0b10n); // of another group: stays for `received`
    priResp(3, 0b10n);
    expect(await outcome).toEqual({ kind: "pageRequest", sent: 1, responses: [{ pasid: PASID, prgi: 3, code: 0, expected: true }] });
    expect(await perform({ kind: "received" })).toMatchObject({ responses: [{ prgi: 4, expected: false }], state: { priStatus: ["unexpected PRG index", "stopped"] } });
  });
  it("pageRequest: PRIQEN = 0 answers Response Failure without PASID at once, Last or not (8.1)", async () => {
    const { perform, start } = machine();
    start(0x1d);
    const responses = [{ pasid: null, prgi: 3, code: 0xf, expected: true }];
    expect(await perform({ kind: "pageRequest", ...ask })).toEqual({ kind: "pageRequest", sent: 1, responses });
    expect(await perform({ kind: "pageRequest", ...ask, last: false, waitMs: 10_000 })).toEqual({ kind: "pageRequest", sent: 1, responses });
  });
  it("pageRequest: without a response the outcome says so when its time is over", async () => {
    expect(await machine().perform({ kind: "pageRequest", ...ask, waitMs: 1 })).toEqual({ kind: "pageRequest", sent: 1, responses: [] });
  });
  it("flood: what overflows a queue of two entries is answered Success at once, indices wrap at 512 (8.1)", async () => {
    const { perform } = machine();
    const outcome = await perform({ kind: "flood", ...ask, prgi: 510, count: 4 });
    expect(outcome).toMatchObject({ sent: 4, responses: [0, 1].map((prgi) => ({ prgi, code: 0, expected: true })) });
  });
  it("stopMarker: a record of its own, not answered", async () => {
    const { trace, perform } = machine();
    expect(await perform({ kind: "stopMarker", ssid: PASID })).toEqual({ kind: "stopMarker", sent: 1, responses: [] });
    expect(trace.of("pri-queue.record")).toMatchObject([{ fields: { stopMarker: true } }]);
  });
  it("completeInvalidation: answers at once, never, or by hand; the SMMU waits meanwhile", async () => {
    const { perform, atcInv, hardware } = machine();
    atcInv();
    expect(hardware.smmu.invalidation.outstanding()).toBe(0);
    const never = { kind: "completeInvalidation", policy: "never", itag: 0, afterNs: 0 } as const;
    expect(await perform(never)).toEqual({ kind: "completeInvalidation", policy: "never", completed: false, outstanding: 0 });
    atcInv();
    const itag = { ...never, policy: "itag" } as const;
    expect(await perform({ ...itag, itag: 9 })).toMatchObject({ completed: false, outstanding: 1 });
    expect(await perform(itag)).toMatchObject({ completed: true, outstanding: 0 });
    const request = { pasid: null, global: false, address: 0n, sizeBytes: 2 ** 64, itag: 0 };
    expect(await perform({ kind: "received" })).toMatchObject({ invalidations: [request, request] });
    expect(await perform({ kind: "received" })).toMatchObject({ invalidations: [] });
  });
  it("completeInvalidation: late, so long after the request", async () => {
    const { perform, atcInv, hardware, timers } = machine();
    await perform({ kind: "completeInvalidation", policy: "late", itag: 0, afterNs: 777 });
    atcInv();
    expect(hardware.smmu.invalidation.outstanding()).toBe(1);
    timers.find(({ ns }) => ns === 777)!.expired();
    expect(hardware.smmu.invalidation.outstanding()).toBe(0);
  });
  it("flr: enables are cleared, and PRI is stopped (PCIe 6.6.2)", async () => {
    const { hardware, perform } = machine();
    hardware.deliver(1, { kind: "configWrite", address: ecamAddress(SCRIPTED, 4), value: Uint8Array.of(6, 0) });
    expect(await perform({ kind: "received" })).toMatchObject({ state: { up: true, busMaster: true } });
    expect(await perform({ kind: "flr" })).toMatchObject({ kind: "flr", state: { up: true, busMaster: false, priStatus: ["stopped"] } });
  });
  it("link: down, and every request ends as UR or is lost; up again as after power-on", async () => {
    const { perform, atcInv, hardware } = machine();
    expect(await perform({ kind: "link", up: false })).toMatchObject({ state: { up: false } });
    expect(await perform({ kind: "dma", ...prefix, iova: 0n, write: false, length: 1 })).toEqual({ kind: "dma", ok: false, status: "UR" });
    expect(await perform({ kind: "dma", ...prefix, iova: 0n, write: false, length: 0 })).toEqual({ kind: "dma", ok: false, status: "UR" });
    expect(await perform(translate)).toEqual({ kind: "translate", status: "UR", entries: [] });
    expect(await perform({ kind: "pageRequest", ...ask, waitMs: 10_000 })).toEqual({ kind: "pageRequest", sent: 0, responses: [] });
    atcInv();
    expect(hardware.smmu.invalidation.outstanding()).toBe(0);
    expect(await perform({ kind: "link", up: true })).toMatchObject({ state: { up: true, atsEnabled: false } });
  });
});

describe("who may be scripted", () => {
  const dma: Action = { kind: "dma", ...noPasid, iova: 0n, write: false, length: 1 };
  it("no accelerator and no function that is not there, by name; the link of any function", () => {
    const { scripted } = machine();
    expect(scripted.refused(ACCELERATOR, translate)).toBe("00:01.0 is an accelerator: translate needs a scripted endpoint (00:02.0)");
    expect(scripted.refused(0x1234, dma)).toBe("12:06.4 is no function of this machine: dma needs a scripted endpoint (00:02.0)");
    expect(scripted.refused(ACCELERATOR, { kind: "link", up: false })).toBeNull();
    expect(scripted.refused(0x1234, { kind: "link", up: false })).toMatch(/is no function/);
  });
  it("in a replay DMA comes from any number, and nothing else does", async () => {
    const { scripted, perform } = machine({ anyRequester: true });
    expect(await perform(dma, 0x3f)).toEqual({ kind: "dma", ok: false });
    expect(scripted.refused(0x3f, translate)).toMatch(/is no function/);
  });
});

describe("what nobody takes does not grow", () => {
  it("the newest 1,024 responses are kept, and how many went is told", async () => {
    const { perform, hardware, scripted } = machine();
    const endpoint = hardware.functions.get(SCRIPTED)!;
    for (let n = 0; n < 1030; n++) {
      endpoint.prgResponse({ pasid: null, prgi: n % 512, code: 0 });
      scripted.collect();
    }
    const received = (await perform({ kind: "received" })) as Extract<Outcome, { kind: "received" }>;
    expect([received.responses.length, received.dropped, received.responses[0].prgi]).toEqual([1024, 6, 6]);
    // Without anybody who collects, the endpoint itself lets the oldest go.
    for (let n = 0; n < 9000; n++) endpoint.prgResponse({ pasid: null, prgi: n % 512, code: 0 });
    const later = (await perform({ kind: "received" })) as Extract<Outcome, { kind: "received" }>;
    expect(later.responses.length + later.dropped).toBe(9000);
  });
});

describe("reset {} of the machine (interfaces.md, section 6)", () => {
  it("registers, caches and RAM are as at power-on", async () => {
    const { rig, hardware, perform } = machine();
    rig.map(VA);
    await perform(translate);
    powerOn(hardware, rig.memory);
    expect(hardware.smmu.regs.low("CR0")).toBe(0);
    expect(hardware.smmu.tlb.size).toBe(0);
    expect(rig.memory.read(at.streamTable + SCRIPTED * 64, 64)).toEqual(new Uint8Array(64));
    expect(await perform(translate)).toMatchObject({ status: "UR" });
  });
});
