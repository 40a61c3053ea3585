import { describe, expect, it } from "vitest";
import { at, SID, SmmuRig } from "../../../../test/support/smmu-rig.ts";
import type { PageRequest } from "./pri-queue.ts";

const request = (more: Partial<PageRequest> = {}): PageRequest => ({
  sid: SID,
  pasid: 5,
  priv: false,
  exec: false,
  read: true,
  write: false,
  last: true,
  prgi: 3,
  address: 0x7f00_0000_1000n,
  ...more,
});
const STOP_MARKER = { read: false, write: false } as const;
const OVFLG = 0x8000_0000;

/** A queue of two entries, both in use. */
const full = (ste: object = { Config: 7 }) => {
  const rig = new SmmuRig().start({ priqLog2: 1 });
  rig.ste(ste);
  rig.smmu.priQueue.receive(request());
  rig.smmu.priQueue.receive(request());
  return rig;
};
const responses = (rig: SmmuRig) => rig.endpoint.responses;

describe("PRI queue records (Arm IHI 0070 G.b, 8.1)", () => {
  it("writes the record, then PROD, then the interrupt that publishes both", () => {
    const rig = new SmmuRig().start();
    rig.smmu.priQueue.receive(request({ pasid: null, address: 0xabcde000n }));
    expect(Buffer.from(rig.memory.read(at.priq, 16)!).toString("hex")).toBe("080000000000005003e0cdab00000000");
    expect(rig.host.sent).toMatchObject([{ kind: "interrupt", source: "PRIQ", priqProd: 1 }]);
    expect(rig.trace.of("pri-queue.record")).toMatchObject([{ ids: { sid: "0x8", grpid: 3, iova: "0xabcde000" }, fields: { index: 0, last: true, R: true, W: false } }]);
  });
  it("a Stop Marker occupies an entry and gets no answer", () => {
    const rig = new SmmuRig().start();
    rig.smmu.priQueue.receive(request(STOP_MARKER));
    expect([rig.read("PRIQ_PROD"), responses(rig)]).toEqual([1, []]);
  });
  it("LO = 0: interrupt on empty to non-empty; LO = 1: for each Last request", () => {
    const rig = new SmmuRig().start();
    rig.smmu.priQueue.receive(request({ last: false }));
    rig.smmu.priQueue.receive(request());
    expect(rig.host.interrupts()).toEqual(["PRIQ"]);
    const last = new SmmuRig();
    last.write("PRIQ_IRQ_CFG2", 0x8000_0000);
    last.start();
    last.smmu.priQueue.receive(request({ last: false }));
    last.smmu.priQueue.receive(request());
    last.smmu.priQueue.receive(request());
    expect(last.host.interrupts()).toEqual(["PRIQ", "PRIQ"]);
  });
});

describe("PRI queue disabled, or its abort error active (8.2; spec/smmuv3.md 6.2, row 1)", () => {
  for (const [name, cr0] of [
    ["PRIQEN = 0", 0x1d],
    ["SMMUEN = 0", 0x1e],
  ] as const) {
    it(`${name}: Response Failure without PASID, Last or not, none for a Stop Marker`, () => {
      const rig = new SmmuRig().start({ cr0 });
      rig.smmu.priQueue.receive(request());
      rig.smmu.priQueue.receive(request({ last: false, prgi: 4 }));
      rig.smmu.priQueue.receive(request(STOP_MARKER));
      expect(responses(rig)).toEqual([
        { pasid: null, prgi: 3, code: 15 },
        { pasid: null, prgi: 4, code: 15 },
      ]);
      expect(rig.read("PRIQ_PROD")).toBe(0);
    });
  }
  it("a record write that aborts: PRIQ_ABT_ERR, PROD unmoved, Response Failure; later requests likewise", () => {
    const rig = new SmmuRig();
    rig.start({ cr0: 0x1d });
    rig.write("PRIQ_BASE", 0x1_0000_0003);
    rig.write("CR0", 0x1f);
    rig.smmu.priQueue.receive(request());
    rig.smmu.priQueue.receive(request({ prgi: 4 }));
    expect([rig.read("GERROR"), rig.read("PRIQ_PROD"), responses(rig).map(({ code }) => code)]).toEqual([8, 0, [15, 15]]);
  });
});

describe("PRI queue overflow (8.1; spec/smmuv3.md 6.2 rows 3 and 4, 6.3)", () => {
  it("toggles OVFLG once, however many requests arrive while the queue is full", () => {
    const rig = full();
    for (let i = 0; i < 3; i++) rig.smmu.priQueue.receive(request());
    expect(rig.read("PRIQ_PROD")).toBe((OVFLG | 2) >>> 0);
  });
  it("answers Success to a discarded Last request without PASID, without looking at the STE", () => {
    const rig = full({ V: 0 });
    rig.smmu.priQueue.receive(request({ pasid: null }));
    expect(responses(rig)).toEqual([{ pasid: null, prgi: 3, code: 0 }]);
  });
  it("discards a request with Last = 0, and a Stop Marker, without an answer", () => {
    const rig = full();
    rig.smmu.priQueue.receive(request({ last: false }));
    rig.smmu.priQueue.receive(request(STOP_MARKER));
    expect(responses(rig)).toEqual([]);
  });
  it("writes no entry until OVACKFLG equals OVFLG, even with space", () => {
    const rig = full();
    rig.smmu.priQueue.receive(request());
    rig.write("PRIQ_CONS", 2);
    rig.smmu.priQueue.receive(request());
    expect(rig.read("PRIQ_PROD") & 3).toBe(2);
    rig.write("PRIQ_CONS", OVFLG + 2);
    rig.smmu.priQueue.receive(request());
    expect(rig.read("PRIQ_PROD") & 3).toBe(3);
  });
  it("carries the PASID when STE.PPAR = 1, none when it is 0", () => {
    for (const PPAR of [0, 1]) {
      const rig = full({ Config: 4, PPAR });
      rig.smmu.priQueue.receive(request());
      expect(responses(rig)).toEqual([{ pasid: PPAR ? 5 : null, prgi: 3, code: 0 }]);
    }
  });
  it("takes PPAR from an STE with Config = 0xx too", () => {
    const rig = full({ Config: 0, PPAR: 1 });
    rig.smmu.priQueue.receive(request());
    expect(responses(rig)).toEqual([{ pasid: 5, prgi: 3, code: 0 }]);
  });
  it("answers Failure without PASID when the STE cannot be had; the event is recorded with REC_CFG_ATS only", () => {
    const recorded = full({ V: 0 });
    recorded.smmu.priQueue.receive(request());
    expect([responses(recorded), recorded.events().length]).toEqual([[{ pasid: null, prgi: 3, code: 15 }], 1]);
    const quiet = new SmmuRig().start({ priqLog2: 1, cr2: 2 });
    quiet.ste({ V: 0 });
    for (let i = 0; i < 3; i++) quiet.smmu.priQueue.receive(request());
    expect([responses(quiet).length, quiet.events().length]).toEqual([1, 0]);
  });
  it("IDR1.SSIDSIZE = 0: Success without PASID", () => {
    const rig = new SmmuRig({ ssidBits: 0 }).start({ priqLog2: 1 });
    for (let i = 0; i < 3; i++) rig.smmu.priQueue.receive(request());
    expect(responses(rig)).toEqual([{ pasid: null, prgi: 3, code: 0 }]);
  });
});
