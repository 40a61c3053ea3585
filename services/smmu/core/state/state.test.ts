import { CMD_TLBI_NH_VA } from "@faultline/shared/arm-smmu-v3/command.ts";
import { decodeEvent } from "@faultline/shared/arm-smmu-v3/decode-event.ts";
import { EVENT, EVENT_ID } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import type { Structure } from "@faultline/shared/state/structure.ts";
import { describe, expect, it } from "vitest";
import { at, guestFrame, NestedRig, SID } from "../../../../test/support/smmu-rig.ts";
import { cacheStructures } from "./caches.ts";
import { queueStructures } from "./queues.ts";
import { registerStructures } from "./registers.ts";
import { walk, walkStructure } from "./walk.ts";

const VA = 0x7f00_0000_0000;
const read = (rig: NestedRig, address = BigInt(VA), ssid: number | null = rig.ssid) =>
  rig.smmu.transact({ sid: SID, ssid, translated: false, address, write: false, priv: false, exec: false });
const of = (structures: Structure[], path: string): Record<string, never> => {
  const structure = structures.find((one) => one.path === path) as Structure;
  return structure.read({ number: () => 0n, word: () => "" } as never) as Record<string, never>;
};
const outcome = (rig: NestedRig, iova: bigint, ssid: number | null = rig.ssid, write = false) =>
  walk(rig.smmu, rig.memory, SID, ssid, iova, { write, priv: false, exec: false }).outcome as Record<string, unknown>;

describe("walk: why an access is refused (issue 4)", () => {
  it("names the check of an STE and of a CD that is not passed", () => {
    const rig = new NestedRig().start();
    expect(outcome(rig, 0n, 6)).toMatchObject({ result: "C_BAD_CD", reason: "CD.V = 0" });
    rig.nested({ S2TG: 3 });
    expect(outcome(rig, 0n)).toMatchObject({ result: "C_BAD_STE", reason: "STE.S2TG 3 is not implemented" });
    rig.nested({ Config: 0 });
    expect(outcome(rig, 0n)).toMatchObject({ result: "abort", reason: "STE.Config = 0b0xx: no event" });
  });
  it("tells an address that no table is asked for from a descriptor that is not there", () => {
    const rig = new NestedRig().start();
    expect(outcome(rig, 0xffff_0000_0000_0000n)).toMatchObject({ result: "F_TRANSLATION", reason: expect.stringContaining("TxSZ") });
    expect(outcome(rig, BigInt(VA))).toMatchObject({ result: "F_TRANSLATION", reason: null });
    rig.nested({ Config: 6, S2T0SZ: 24 });
    expect(outcome(rig, 2n ** 40n, null)).toMatchObject({ result: "F_TRANSLATION", s2: true, reason: expect.stringContaining("S2T0SZ") });
    expect(outcome(rig, 2n ** 50n, null)).toMatchObject({ result: "F_ADDR_SIZE", reason: "the address is beyond 48 bits" });
  });
  it("refuses a StreamID of more than 32 bits, naming it", () => {
    const rig = new NestedRig().start();
    const answer = walkStructure(rig.smmu, rig.memory).read({ number: () => 2n ** 32n, word: () => "none" } as never);
    expect(answer).toEqual({ refused: "bad-parameter", field: "sid", reason: "sid 0x100000000 is no StreamID (32 bits)" });
  });
  it("with SMMUEN = 0 does what GBPA says (6.3.15)", () => {
    const rig = new NestedRig().start({ cr0: 0 });
    expect(outcome(rig, 0x1234n)).toMatchObject({ result: "bypass", pa: "0x1234" });
    expect(outcome(rig, 2n ** 48n)).toMatchObject({ result: "abort", pa: null });
    rig.write("GBPA", 0x8010_0000);
    expect(outcome(rig, 0x1234n)).toMatchObject({ result: "abort", pa: null });
  });
});

describe("caches and queues, every field by name (issue 4)", () => {
  it("a VA of the upper table is shown as software writes it; an L1CD is shown with the STE and CD", () => {
    const rig = new NestedRig();
    rig.nested({ S1Fmt: 1, S1CDMax: 7 });
    rig.guest.store64(rig.cdTable, 0x8008_0001, 0);
    rig.cd(5 + 0x8_0000 / 64, { EPD1: 0, EPD0: 1, T1SZ: 16, TG1: 2, TTB1: rig.stage1.root / 16 });
    rig.start();
    const gpa = rig.map(VA);
    expect(read(rig, 0xffff_0000_0000_0000n + BigInt(VA))).toEqual({ pa: guestFrame(gpa) });
    expect(of(cacheStructures(rig.smmu), "/tlb")).toMatchObject({
      size: 1,
      entries: [{ vmid: 3, asid: 7, input: "0xffff7f0000000000", pa: `0x${guestFrame(gpa).toString(16)}` }],
    });
    expect(of(cacheStructures(rig.smmu), "/configuration-cache")).toMatchObject({
      capacity: 65536,
      size: { stes: 1, cds: 1, l1cds: 1 },
      l1cds: [{ sid: "0x8", ssid: 0, fields: { V: 1, L2Ptr: "0x80080000" } }],
    });
  });
  it("an event has the fields of its kind and no other; a command its operands as addresses", () => {
    const rig = new NestedRig().start({ cr0: 0x17 });
    read(rig, BigInt(VA) + 0x123n);
    rig.memory.write(at.cmdq, CMD_TLBI_NH_VA.encode({ Opcode: 0x12, VMID: 3, ASID: 7, Leaf: 1, Addr: VA / 4096 }));
    rig.write("CMDQ_PROD", 1);
    const queues = queueStructures(rig.smmu, rig.memory);
    expect(of(queues, "/event-queue").entries).toMatchObject([
      {
        name: "F_TRANSLATION",
        fields: { StreamID: "0x8", SSV: 1, SubstreamID: 5, Stall: 0, PnU: 0, InD: 0, RnW: 1, NSIPA: 0, S2: 0, CLASS: 2, InputAddr: "0x7f0000000123" },
      },
    ]);
    expect(of(queues, "/command-queue")).toMatchObject({
      depth: 1,
      entries: [{ name: "CMD_TLBI_NH_VA", fields: { VMID: 3, ASID: 7, Leaf: 1, Addr: "0x7f0000000000" } }],
    });
  });
  it("a base register shows its address", () => {
    const rig = new NestedRig().start();
    const all = of(registerStructures(rig.smmu), "/registers") as unknown as { name: string; fields: object }[];
    expect(all.find(({ name }) => name === "CMDQ_BASE")?.fields).toMatchObject({ ADDR: `0x${at.cmdq.toString(16)}`, LOG2SIZE: 6 });
  });
});

describe("event records by kind (7.3)", () => {
  const decoded = (fields: Parameters<typeof EVENT.encode>[0]) => decodeEvent(EVENT.encode(fields));
  it("doubleword 3 is an IPA of a stage-2 fault, a FetchAddr of a fetch event", () => {
    expect(decoded({ ID: EVENT_ID.F_PERMISSION, StreamID: 8, S2: 1, CLASS: 1, TTRnW: 1, IPA: 0x80001n, InputAddr: 5n })).toEqual({
      name: "F_PERMISSION",
      fields: { SSV: 0, StreamID: "0x8", Stall: 0, PnU: 0, InD: 0, RnW: 0, NSIPA: 0, S2: 1, CLASS: 1, TTRnW: 1, InputAddr: "0x5", IPA: "0x80001000" },
    });
    expect(decoded({ ID: EVENT_ID.F_STE_FETCH, StreamID: 8, FetchAddr: 0x4000_0200n / 8n })).toEqual({
      name: "F_STE_FETCH",
      fields: { SSV: 0, StreamID: "0x8", Reason: 0, GPCF: 0, FetchAddr: "0x40000200" },
    });
  });
  it("C_BAD_SUBSTREAMID has its SubstreamID without SSV; an unknown number stays a number", () => {
    expect(decoded({ ID: EVENT_ID.C_BAD_SUBSTREAMID, StreamID: 8, SubstreamID: 64 }).fields).toEqual({ SubstreamID: 64, StreamID: "0x8" });
    expect(decoded({ ID: 0x0c })).toEqual({ name: "0x0c", fields: {} });
  });
});

describe("walk: hardware updates in the place where they happen (3.13)", () => {
  it("every descriptor is told as it is read, the update of a stage-2 leaf between its two reads, and nothing is written", () => {
    const rig = new NestedRig();
    rig.nested({ S2HA: 1 });
    rig.start();
    rig.map(VA);
    const last = (ipa: number) => {
      const words = new Uint32Array(2);
      let table = rig.stage2.root;
      for (const shift of [39, 30, 21]) {
        rig.memory.load64(table + (Math.floor(ipa / 2 ** shift) % 512) * 8, words);
        table = (words[0] & 0xfffff000) >>> 0;
      }
      return table + (Math.floor(ipa / 4096) % 512) * 8;
    };
    const leaf = last(rig.stage1.root);
    const before = new Uint32Array(2);
    rig.memory.load64(leaf, before);
    rig.memory.store64(leaf, before[0] & ~0x400, before[1]);

    const { steps, updates, outcome } = walk(rig.smmu, rig.memory, SID, rig.ssid, BigInt(VA), { write: false, priv: false, exec: false });
    const tables = steps.slice(steps.findIndex(({ structure }) => structure === "CD") + 1).map(({ structure }) => structure.replace("level ", ""));
    const stage2 = ["stage 2 0", "stage 2 1", "stage 2 2", "stage 2 3"];
    const nested = [0, 1, 2, 3].flatMap((level) => [...stage2, `stage 1 ${level}`]);
    expect(tables).toEqual([...stage2, "hardware update", ...nested, ...stage2]);
    expect(updates).toEqual([{ address: `0x${leaf.toString(16)}`, value: `0x${before[0].toString(16)}` }]);
    expect(outcome).toHaveProperty("result", "translated");
    const after = new Uint32Array(2);
    rig.memory.load64(leaf, after);
    expect(after[0]).toBe((before[0] & ~0x400) >>> 0);
  });
});
