import { CMD_RESUME } from "@faultline/shared/arm-smmu-v3/command.ts";
import { type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { numberOf, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import { addressMap, ecamAddress } from "@faultline/shared/machine/address-map.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { at, GPA, guestFrame, NestedRig, SID } from "../../../test/support/smmu-rig.ts";
import type { Accelerator } from "./endpoint/accelerator.ts";
import type { ScriptedEndpoint } from "./endpoint/scripted-endpoint.ts";
import { Hardware } from "./hardware.ts";

/** The nested rig's memory, behind a whole machine whose registers are programmed over the edge. */
function machine() {
  const rig = new NestedRig();
  const { memory, host, trace } = rig;
  const none = () => {
    throw new Error("no engine");
  };
  const hardware = new Hardware(defaultMachine, {
    memory,
    host,
    tracer: trace,
    timer: () => ({ cancel() {} }),
    held: () => false,
    now: () => 0,
    engine: { sha256: none, gzip: none },
  });
  let seq = 0;
  const reply = () => host.replies.at(-1)!;
  const read = (address: number, size: number) => {
    hardware.deliver(++seq, { kind: "mmioRead", address, size });
    const { body } = reply();
    return body.kind === "mmioReadResult" ? numberOf(body.value) : -1;
  };
  const write = (name: RegisterName, value: number) =>
    hardware.deliver(++seq, {
      kind: "mmioWrite",
      address: addressMap.smmuRegisters.base + registers[name].offset,
      value: uint64Bytes(value).subarray(0, registers[name].sizeBytes),
    });
  for (const [name, value] of [
    ["STRTAB_BASE", at.streamTable],
    ["STRTAB_BASE_CFG", 6],
    ["EVENTQ_BASE", at.eventq + 3],
    ["IRQ_CTRL", 7],
    ["CR0", 0x1f],
  ] as const)
    write(name, value);
  return { rig, hardware, host, read, write, reply, deliver: (body: Parameters<Hardware["deliver"]>[1]) => hardware.deliver(++seq, body) };
}

describe("address decode of the root complex (interfaces.md, section 4)", () => {
  it("reads SMMU registers of 4 and 8 bytes on both pages", () => {
    const { read, write } = machine();
    write("EVENTQ_CONS", 1);
    expect(read(addressMap.smmuRegisters.base + 0x100ac, 4)).toBe(1);
    expect(read(addressMap.smmuRegisters.base + 0x80, 8)).toBe(at.streamTable);
  });
  it("a configuration read finds the function, and all ones where there is none", () => {
    const { read } = machine();
    expect(read(ecamAddress(SID, 0), 4)).toBe(0x5a01_1234);
    expect(read(ecamAddress(0x10, 0), 4)).toBe(0xffff_ffff);
  });
  it("a BAR decodes where configuration space puts it, once memory space is enabled", () => {
    const { read, deliver, reply } = machine();
    const config = (offset: number, value: number, size: number) =>
      deliver({ kind: "configWrite", address: ecamAddress(SID, offset), value: uint64Bytes(value).subarray(0, size) });
    config(0x10, 0x1001_0000, 4);
    expect(reply().body).toEqual({ kind: "configWriteDone" });
    expect(read(0x1001_0000, 4)).toBe(0xffff_ffff);
    config(0x04, 6, 2);
    expect(read(0x1001_0000, 4)).toBe(0x0001_5a01);
  });
  it("nothing answers elsewhere: all ones", () => expect(machine().read(0x2000_0000, 4)).toBe(0xffff_ffff));
  it("power on clears registers and caches and answers", () => {
    const { read, deliver, reply } = machine();
    deliver({ kind: "power", action: "reset" });
    expect(reply().body).toEqual({ kind: "powerDone" });
    expect(read(addressMap.smmuRegisters.base + 0x20, 4)).toBe(0);
  });
});

describe("DMA of a function", () => {
  it("splits at 4 KiB of the input address; each part goes to its own frame, with its owner epochs in the trace", () => {
    const { rig, hardware } = machine();
    rig.memory.setOwner(guestFrame(GPA + 0x4000), "guest", 77);
    rig.nested({ S1DSS: 1 });
    expect(hardware.dma({ sid: SID, write: true, iova: BigInt(GPA + 0x3ffe), length: 4, data: Uint8Array.of(1, 2, 3, 4) })).toEqual({ ok: true });
    expect(Array.from(rig.memory.read(guestFrame(GPA + 0x3ffe), 2)!)).toEqual([1, 2]);
    expect(hardware.dma({ sid: SID, write: false, iova: BigInt(GPA + 0x4000), length: 2 })).toEqual({ ok: true, data: Uint8Array.of(3, 4) });
    expect(rig.trace.of("dma.access").at(-1)).toMatchObject({ ids: { sid: "0x8", iova: "0x80004000" }, fields: { write: false, length: 2, guestEpoch: 77 } });
  });
  it("an MSI-X write is translated like any DMA; at GITS_TRANSLATER it becomes an interrupt with the requester's DeviceID", () => {
    const { rig, hardware, host } = machine();
    const doorbellVa = 0x1234_5000;
    rig.cd(0, { TTB0: rig.stage1.root / 16 });
    rig.stage1.map(doorbellVa, addressMap.guestDoorbell.base, 4096, { read: false, write: true, device: true });
    rig.stage2.map(addressMap.guestDoorbell.base, addressMap.gitsPage.base, 4096, { read: true, write: true, device: true });
    const write = () => hardware.dma({ sid: SID, write: true, iova: BigInt(doorbellVa + 0x40), length: 4, data: Uint8Array.of(0x21, 0, 0, 0) });
    expect(write()).toEqual({ ok: true });
    expect(host.sent).toMatchObject([{ kind: "interrupt", source: "MSI", deviceId: SID, eventId: 0x21 }]);
  });
  it("an MSI-X write without a doorbell in stage 2 is an abort with an event", () => {
    const { rig, hardware, host } = machine();
    rig.nested({ S1DSS: 1 });
    expect(hardware.dma({ sid: SID, write: true, iova: 0x0808_0040n, length: 4, data: new Uint8Array(4) })).toEqual({ ok: false });
    expect(host.interrupts()).toEqual(["EVENTQ"]);
  });
  it("a DMA that stalls is neither done nor refused, and CMD_RESUME completes it (Arm IHI 0070 G.b, 3.12.2)", () => {
    const { rig, hardware, write } = machine();
    rig.nested({ EATS: 0 });
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, S: 1 });
    const va = 0x1234_5000;
    const dma = hardware.dma({ sid: SID, ssid: rig.ssid, write: true, iova: BigInt(va), length: 2, data: Uint8Array.of(7, 8) });
    expect(dma).toEqual({ ok: false, stalled: { status: "stalled", ended: null } });
    const read = hardware.dma({ sid: SID, ssid: rig.ssid, write: false, iova: 0n, length: 2 });
    expect(read).toEqual({ ok: false, stalled: { status: "stalled", ended: null } });
    const gpa = rig.map(va);
    rig.memory.write(at.cmdq, CMD_RESUME.encode({ Opcode: 0x44, StreamID: SID, STAG: 0, Ac: 1 }));
    write("CR0", 0x17); // CMDQEN = 0: the queue can be set up
    write("CMDQ_BASE", at.cmdq);
    write("CR0", 0x1f);
    write("CMDQ_PROD", 1);
    while (hardware.step());
    expect(dma).toEqual({ ok: false, stalled: { status: "stalled", ended: { status: "SC" } } });
    expect(rig.memory.read(guestFrame(gpa), 2)).toEqual(Uint8Array.of(7, 8));
  });
});

const SECOND = 0x09,
  OTHER = 0x10;

/** Two accelerators that are functions of one device, and a scripted endpoint of another, all of one nested stream configuration. */
function several() {
  const rig = new NestedRig();
  const { memory, host, trace, timers } = rig;
  const none = () => {
    throw new Error("no engine");
  };
  const [first] = defaultMachine.endpoints;
  const endpoints = [first, { ...first, bdf: SECOND }, { ...first, bdf: OTHER, kind: "scripted" as const }];
  const hardware = new Hardware(
    { ...defaultMachine, endpoints },
    { memory, host, tracer: trace, timer: (ns, expired) => timers.start(ns, expired), held: () => false, now: () => 0, engine: { sha256: none, gzip: none } },
  );
  for (const { bdf } of endpoints) memory.write(at.streamTable + bdf * 64, memory.read(at.streamTable + SID * 64, 64)!);
  const register = (name: RegisterName, value: number) => {
    const { offset, sizeBytes } = registers[name];
    hardware.deliver(1, { kind: "mmioWrite", address: addressMap.smmuRegisters.base + offset, value: uint64Bytes(value).subarray(0, sizeBytes) });
  };
  for (const [name, value] of [
    ["STRTAB_BASE", at.streamTable],
    ["STRTAB_BASE_CFG", 6],
    ["CMDQ_BASE", at.cmdq + 6],
    ["EVENTQ_BASE", at.eventq + 3],
    ["PRIQ_BASE", at.priq + 3],
    ["CR0", 0x1f],
  ] as const)
    register(name, value);
  const config = (bdf: number, offset: number, size: number) => {
    hardware.deliver(1, { kind: "mmioRead", address: ecamAddress(bdf, offset), size });
    const body = host.replies.at(-1)!.body;
    return body.kind === "mmioReadResult" ? numberOf(body.value) : -1;
  };
  const setConfig = (bdf: number, offset: number, size: number, value: number) =>
    hardware.deliver(1, { kind: "configWrite", address: ecamAddress(bdf, offset), value: uint64Bytes(value).subarray(0, size) });
  let commands = 0;
  /** Arm IHI 0070 G.b, 4.5.1 and 4.7.3: CMD_ATC_INV of everything, CMD_SYNC. */
  const invalidate = (bdf: number) => {
    for (const [low, high] of [
      [(BigInt(bdf) << 32n) | 0x40n, 52n],
      [0x46n, 0n],
    ]) {
      memory.write(at.cmdq + commands * 16, uint64Bytes(low));
      memory.write(at.cmdq + commands * 16 + 8, uint64Bytes(high));
      commands++;
    }
    register("CMDQ_PROD", commands);
    while (hardware.step());
    hardware.deliver(1, { kind: "mmioRead", address: addressMap.smmuRegisters.base + registers.CMDQ_CONS.offset, size: 4 });
    const body = host.replies.at(-1)!.body;
    return body.kind === "mmioReadResult" && numberOf(body.value) === commands ? "done" : "waits";
  };
  const accelerator = (bdf: number) => hardware.functions.get(bdf) as Accelerator;
  /** ATS and PRI of a function, as a driver enables them; offsets of shared/accelerator/README.md. */
  const enable = (bdf: number) => {
    for (const [offset, size, value] of [
      [0x04, 2, 6],
      [0x106, 2, 1],
      [0x116, 2, 0x8000],
      [0x12c, 4, 32],
      [0x124, 2, 1],
    ])
      setConfig(bdf, offset, size, value);
  };
  return { rig, hardware, config, setConfig, invalidate, accelerator, enable, scripted: hardware.functions.get(OTHER) as ScriptedEndpoint };
}

describe("several functions of one device", () => {
  it("Header Type bit 7 says so in each of them, and not in a device of one function (PCIe 7.5.1.1.9)", () => {
    const { config } = several();
    expect([SID, SECOND, OTHER].map((bdf) => config(bdf, 0x0e, 1))).toEqual([0x80, 0x80, 0]);
    expect([config(SID, 0x0c, 4), config(SID, 0x0e, 2), config(SID, 0x0f, 1)]).toEqual([0x80_0000, 0x80, 0]);
  });
  it("each has StreamID, enables and ATC of its own", () => {
    const { enable, accelerator, config } = several();
    enable(SECOND);
    expect([accelerator(SID).config.atsEnabled, accelerator(SECOND).config.atsEnabled]).toEqual([false, true]);
    expect(config(SECOND, 0x116, 2)).toBe(0x8000);
  });
});

describe("a device that is pulled out (surprise removal, PCIe 6.7.3)", () => {
  it("all its functions are gone: configuration reads give ones; another device stays", () => {
    const { hardware, config } = several();
    expect([hardware.link(SID, "down"), hardware.link(0x18, "down")]).toEqual([true, false]);
    expect([SID, SECOND, OTHER].map((bdf) => config(bdf, 0, 4))).toEqual([0xffff_ffff, 0xffff_ffff, 0x5a02_1234]);
    expect(config(SID, 0x0e, 1)).toBe(0xff);
  });
  it("its open groups are closed, and a PRG Response that comes late finds nobody", () => {
    const { hardware, enable, accelerator, rig } = several();
    enable(SECOND);
    const ends: string[] = [];
    accelerator(SECOND).pages.request(5, [{ address: 0x1000n, read: true, write: false, priv: false }], (outcome) => void ends.push(outcome));
    while (hardware.step());
    expect(rig.trace.of("pri-queue.record")).toHaveLength(1);
    hardware.link(SECOND, "down");
    expect([ends, accelerator(SECOND).pages.outstanding]).toEqual([["closed"], 0]);
    expect(rig.trace.of("endpoint.group-closed")).toMatchObject([{ ids: { sid: "0x9" } }]);
    accelerator(SECOND).prgResponse({ pasid: 5, prgi: 0, code: 0 });
    hardware.link(SECOND, "up");
    expect(accelerator(SECOND).config.priStatus & 2).toBe(0); // no Unexpected PRG Index
  });
  it("CMD_ATC_INV to it ends as UR, so CMD_SYNC does not wait (Arm IHI 0070 G.b, 4.5.1)", () => {
    const { hardware, enable, invalidate, scripted } = several();
    enable(SID);
    expect(invalidate(SID)).toBe("done");
    scripted.invalidationPolicy = "never";
    hardware.link(SID, "down");
    hardware.link(OTHER, "down");
    expect([invalidate(SID), invalidate(OTHER), hardware.smmu.invalidation.outstanding()]).toEqual(["done", "done", 0]);
  });
  it("an invalidation that it had taken in times out: CERROR_ATC_INV_SYNC", () => {
    const { hardware, invalidate, scripted, rig } = several();
    scripted.invalidationPolicy = "never";
    expect(invalidate(OTHER)).toBe("waits");
    hardware.link(OTHER, "down");
    expect(hardware.smmu.invalidation.outstanding()).toBe(1);
    rig.timers.pending[0].expired();
    while (hardware.step());
    expect(rig.trace.of("command-queue.error")).toHaveLength(1);
  });
  it("its slot tells the host, once each time (Data Link Layer State Changed, 6.7.3.3)", () => {
    const { hardware, rig } = several();
    for (const state of ["down", "down", "up", "up"] as const) hardware.link(SECOND, state);
    const slots = rig.host.sent.filter((message) => message.kind === "interrupt" && message.source === "SLOT");
    expect(slots).toMatchObject([{ deviceId: SECOND }, { deviceId: SECOND }]);
    expect(rig.trace.of("endpoint.link").map(({ fields }) => fields.up)).toEqual([false, true]);
  });
  it("it comes back as after power-on: nothing is enabled", () => {
    const { hardware, enable, config } = several();
    enable(SID);
    hardware.link(SID, "down");
    hardware.link(SID, "up");
    expect([config(SID, 0, 4), config(SID, 4, 2), config(SID, 0x116, 2)]).toEqual([0x5a01_1234, 0, 0]);
  });
});

describe("errors that a requester sees (PCIe 7.5.1.1.4)", () => {
  const STATUS = 0x06,
    TARGET_ABORT = 0x1000,
    MASTER_ABORT = 0x2000;
  it("a completion with CA sets Received Target Abort, one with UR Received Master Abort; a posted write has no completion", () => {
    const { scripted, config } = several();
    const status = () => config(OTHER, STATUS, 2) & (TARGET_ABORT | MASTER_ABORT);
    scripted.dma({ pasid: 5, write: true, iova: 0n, bytes: new Uint8Array(1) });
    expect(status()).toBe(0);
    expect(scripted.dma({ pasid: 5, write: false, iova: 0n, length: 1 })).toEqual({ status: "CA" });
    expect(status()).toBe(TARGET_ABORT);
    expect(scripted.translatedDma({ write: false, pa: 0n, length: 1 })).toEqual({ status: "UR" });
    expect(status()).toBe(TARGET_ABORT | MASTER_ABORT);
    expect(config(OTHER, 4, 4) >>> 16).toBe(TARGET_ABORT | MASTER_ABORT | 0x10);
    expect(config(SID, STATUS, 2)).toBe(0x10); // of nobody else
  });
  it("so does a translation completion; SC with R = W = 0 is no error", () => {
    const { scripted, config } = several();
    expect(scripted.translate({ pasid: 5, address: 0n })).toMatchObject({ status: "SC" });
    expect(config(OTHER, STATUS, 2)).toBe(0x10);
    expect(scripted.translate({ pasid: 6, address: 0n })).toEqual({ status: "CA" });
    expect(config(OTHER, STATUS, 2)).toBe(TARGET_ABORT | 0x10);
  });
  it("the bits are cleared by writing ones, each for itself, and by a function level reset", () => {
    const { scripted, config, setConfig } = several();
    const both = () => {
      scripted.dma({ pasid: 5, write: false, iova: 0n, length: 1 });
      scripted.translatedDma({ write: false, pa: 0n, length: 1 });
    };
    both();
    setConfig(OTHER, STATUS, 2, MASTER_ABORT);
    expect(config(OTHER, STATUS, 2)).toBe(TARGET_ABORT | 0x10);
    setConfig(OTHER, 4, 4, (TARGET_ABORT << 16) | 6);
    expect(config(OTHER, STATUS, 2)).toBe(0x10);
    both();
    setConfig(OTHER, 4, 2, 6); // the Command register alone
    expect(config(OTHER, STATUS, 2)).toBe(TARGET_ABORT | MASTER_ABORT | 0x10);
    setConfig(OTHER, 0x48, 2, 0x8000);
    expect(config(OTHER, STATUS, 2)).toBe(0x10);
  });
});
