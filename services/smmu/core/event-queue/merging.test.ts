import { EVENT } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { describe, expect, it } from "vitest";
import { at, NestedRig, SID } from "../../../../test/support/smmu-rig.ts";
import { type Fault, fault } from "../fault.ts";
import { Smmu } from "../smmu.ts";
import { EventQueue } from "./event-queue.ts";

/** An event queue of its own that merges, on the registers of a started rig. */
function merging(options: { eventqLog2?: number } = {}, merges = true) {
  const rig = new NestedRig().start(options);
  const ports = { memory: rig.memory, host: rig.host, tracer: rig.trace } as unknown as ConstructorParameters<typeof EventQueue>[2];
  const queue = new EventQueue(rig.smmu.regs, rig.smmu.identity, ports, rig.smmu.gerror, rig.smmu.interrupts, merges);
  const record = (f: Fault, address = 0x1000n, mev = 1, more = {}) =>
    queue.record(f, { sid: SID, ssid: 5, address, write: false, priv: false, exec: false, ...more }, mev);
  return { rig, queue, record, written: () => rig.host.posted.length };
}
const F = fault("F_TRANSLATION");

describe("merging of events (Arm IHI 0070 G.b, 7.3.1)", () => {
  it("identical events with STE.MEV = 1 become one record", () => {
    const { record, written } = merging();
    expect([record(F), record(F), record(F)]).toEqual([true, true, true]);
    expect(written()).toBe(1);
  });
  it("InputAddr[11:0] may differ in an event of an address", () => {
    const { record, written } = merging();
    record(F, 0x1000n);
    record(F, 0x1abcn);
    expect(written()).toBe(1);
  });
  const different: [string, (record: ReturnType<typeof merging>["record"]) => void][] = [
    ["STE.MEV = 0", (record) => record(F, 0x1000n, 0)],
    ["another page", (record) => record(F, 0x2000n)],
    ["another direction", (record) => record(F, 0x1000n, 1, { write: true })],
    ["another StreamID", (record) => record(F, 0x1000n, 1, { sid: SID + 1 })],
    ["another SubstreamID", (record) => record(F, 0x1000n, 1, { ssid: 6 })],
    ["another event", (record) => record(fault("F_PERMISSION"))],
    ["another IPA", (record) => record(fault("F_TRANSLATION", { s2: true, ipa: 0x3000 }))],
  ];
  it.each(different)("%s: two records", (_what, second) => {
    const { record, written } = merging();
    record(F);
    second(record);
    expect(written()).toBe(2);
  });
  it("only into the last record: an event between the two keeps them apart", () => {
    const { record, written } = merging();
    record(F);
    record(F, 0x9000n);
    record(F, 0x9000n); // merged
    record(F);
    expect(written()).toBe(3);
  });
  it("only into a record that software has not consumed", () => {
    const { rig, record, written } = merging();
    record(F);
    rig.write("EVENTQ_CONS", 1);
    record(F);
    expect(written()).toBe(2);
  });
  it("never into or from a stall record", () => {
    const { queue, record, written } = merging();
    const origin = { sid: SID, ssid: 5, address: 0x1000n, write: false, priv: false, exec: false };
    queue.recordStall(F, origin, 0);
    queue.recordStall(F, origin, 1);
    record(F);
    expect(written()).toBe(3);
  });
  it("what merges into the last record of a full queue is no overflow", () => {
    const { rig, record } = merging({ eventqLog2: 0 });
    expect([record(F), record(F)]).toEqual([true, true]);
    expect(rig.read("EVENTQ_PROD")).toBe(1);
  });
  it.each([
    [1, 1],
    [0, 2],
  ])("STE.MEV = %i of the faulting stream: %i records of two equal faults", (MEV, records) => {
    const rig = new NestedRig();
    const none = () => {
      throw new Error("not used");
    };
    const ports = { memory: rig.memory, host: rig.host, tracer: rig.trace, timer: none, now: none, held: none, engine: { sha256: none, gzip: none } };
    const smmu = new Smmu(rig.smmu.identity.id, { tlb: 8, config: 8 }, ports, () => undefined, { mergeEvents: true });
    rig.nested({ MEV });
    Object.assign(rig, { smmu });
    rig.start();
    for (let n = 0; n < 2; n++) smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: 0x1000n, write: false, priv: false, exec: false });
    expect(rig.host.posted).toHaveLength(records);
  });
  it("is off by default: every fault has its own record", () => {
    const { record, written } = merging({}, false);
    record(F);
    record(F);
    expect(written()).toBe(2);
  });
});

describe("suppression and loss of events (7.2, 7.4, 5.5)", () => {
  const dma = (rig: NestedRig, sid = SID) => rig.smmu.transact({ sid, ssid: rig.ssid, translated: false, address: 0x1000n, write: false, priv: false, exec: false });
  const ids = (rig: NestedRig) => rig.events().map((bytes) => Number(EVENT.decode(bytes).ID));
  it("CR2.RECINVSID = 0 suppresses C_BAD_STREAMID and nothing else", () => {
    const rig = new NestedRig().start({ cr2: 0 });
    dma(rig, 64); // outside the table
    dma(rig, 9); // STE.V = 0
    expect(ids(rig)).toEqual([4]);
  });
  it("STE.Config = 0xx aborts without an event", () => {
    const rig = new NestedRig().start();
    rig.ste({ Config: 3 });
    expect(dma(rig)).toBe("abort");
    expect(ids(rig)).toEqual([]);
  });
  it("STE.S2R = 0 suppresses stage-2 translation faults, not C_BAD_CD", () => {
    const rig = new NestedRig().start();
    rig.nested({ S2R: 0 });
    rig.stage2.unmap(rig.map(0x1000), 4096);
    expect(dma(rig)).toBe("abort");
    rig.cd(rig.ssid, { V: 0 });
    rig.smmu.configurationCache.invalidateAll();
    dma(rig);
    expect(ids(rig)).toEqual([0x0a]);
  });
  it("CD.R = 0 does not suppress F_WALK_EABT", () => {
    const rig = new NestedRig().start();
    rig.cd(rig.ssid, { R: 0, TTB0: rig.stage1.root / 16 });
    rig.nested({ S2TTB: 0x1_0000_0000 / 16, Config: 5, S1ContextPtr: rig.memory.base / 64 + 0x1000 / 64 });
    rig.memory.write(rig.memory.base + 0x1000 + rig.ssid * 64, rig.guest.read(rig.cdTable + rig.ssid * 64, 64)!);
    dma(rig); // TTB0 is a guest address: no RAM there
    expect(ids(rig)).toEqual([0x0b]);
  });
  it("an unacknowledged overflow does not stop later events, and toggles OVFLG no second time", () => {
    const rig = new NestedRig().start({ eventqLog2: 0 });
    dma(rig);
    dma(rig); // lost
    rig.write("EVENTQ_CONS", 1);
    dma(rig);
    dma(rig); // lost, overflow still active
    expect([rig.read("EVENTQ_PROD"), rig.host.posted.length]).toEqual([0x8000_0000, 2]);
  });
  it("an acknowledged overflow toggles OVFLG back at the next loss", () => {
    const rig = new NestedRig().start({ eventqLog2: 0 });
    dma(rig);
    dma(rig);
    rig.write("EVENTQ_CONS", 0x8000_0000); // OVACKFLG := OVFLG, nothing consumed
    dma(rig);
    expect(rig.read("EVENTQ_PROD")).toBe(1);
  });
  it("GERROR.EVENTQ_ABT_ERR active: events are lost, even when the queue is full, without OVFLG", () => {
    const rig = new NestedRig().start({ eventqLog2: 0 });
    dma(rig);
    rig.smmu.gerror.raise("EVENTQ_ABT_ERR");
    dma(rig);
    expect(rig.read("EVENTQ_PROD")).toBe(1);
  });
  it("PROD and CONS further apart than the queue is long count as full", () => {
    const rig = new NestedRig().start({ eventqLog2: 2 });
    rig.write("EVENTQ_CONS", 3); // PROD 0: five entries in a queue of four
    dma(rig);
    expect([rig.host.posted.length, rig.read("EVENTQ_PROD")]).toEqual([0, 0x8000_0000]);
  });
  it("EVENTQEN 1 to 0 to 1: PROD stays, and the next record follows it", () => {
    const rig = new NestedRig().start();
    dma(rig);
    rig.write("CR0", 0x1b);
    dma(rig);
    rig.write("CR0", 0x1f);
    dma(rig);
    expect(rig.host.posted.map(({ address }) => address)).toEqual([at.eventq, at.eventq + 32]);
  });
  it("no interrupt for what happened while EVENTQ_IRQEN = 0, not even later", () => {
    const rig = new NestedRig().start();
    rig.write("IRQ_CTRL", 0);
    dma(rig);
    rig.write("IRQ_CTRL", 7);
    dma(rig); // not empty to non-empty
    expect(rig.host.interrupts()).toEqual([]);
  });
});
