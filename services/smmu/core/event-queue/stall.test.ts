import { CERROR, CMD_RESUME, CMD_STALL_TERM, CMD_SYNC, CMD_TLBI_NSNH_ALL } from "@faultline/shared/arm-smmu-v3/command.ts";
import { EVENT } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import type { SmmuOptions } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { NestedRig, SID, SmmuRig } from "../../../../test/support/smmu-rig.ts";
import type { IdRegisters } from "../identity.ts";
import { type Ended, WAITING_LIMIT } from "./stall.ts";

const IPA = 0x8000_0000;
const FRAME = 0x4010_0000;
const F_TRANSLATION = 0x10n;
const IDR5_48_BITS = 0x75;

/** A stage-2-only stream that stalls (STE.S2S = 1) and whose tables are empty. */
class StallRig extends SmmuRig {
  readonly stage2 = new IoPgtable({ memory: this.memory, allocFrame: () => this.allocFrame(), freeFrame: () => {}, format: "stage2", inputBits: 48, outputBits: 48 });
  readonly ended: (Ended | undefined)[] = [];

  constructor(options: Partial<SmmuOptions> = {}, id: Partial<IdRegisters> = {}) {
    super(options, id);
    this.stalling();
  }
  stalling(fields: object = {}, sid = SID): void {
    this.ste({ Config: 6, S2T0SZ: 16, S2SL0: 2, S2PS: 5, S2AA64: 1, S2VMID: 3, S2TTB: this.stage2.root / 16, S2S: 1, ...fields }, sid);
  }
  /** Sends one read; its place in `ended` fills when it is released. */
  dma(ipa = IPA, sid = SID) {
    const n = this.ended.push(undefined) - 1;
    return this.smmu.transact({ sid, ssid: null, translated: false, address: BigInt(ipa), write: false, priv: false, exec: false }, (result) => {
      this.ended[n] = result;
    });
  }
  map(ipa = IPA): void {
    this.stage2.map(ipa, FRAME, 4096, { read: true, write: true });
  }
  records() {
    return this.events().map((bytes) => {
      const { ID, StreamID, STAG, Stall, S2, InputAddr } = EVENT.decode(bytes);
      return { ID, StreamID: Number(StreamID), STAG: Number(STAG), Stall: Number(Stall), S2: Number(S2), address: Number(InputAddr) };
    });
  }
  /** Acknowledges nothing, but makes room: CONS := PROD. */
  drain(): void {
    this.write("EVENTQ_CONS", this.read("EVENTQ_PROD"));
  }
  stags(): (number | null)[] {
    return [...this.smmu.stalls.entries()].map(({ stag }) => stag);
  }
}
const resume = (stag: number, fields: object = {}) => CMD_RESUME.encode({ Opcode: 0x44, StreamID: SID, STAG: stag, ...fields });
const RETRY = { Ac: 1 };
const error = (rig: SmmuRig) => (rig.read("CMDQ_CONS") >>> 24) & 0x7f;

describe("what stalls (Arm IHI 0070 G.b, 3.12.2 and 5.5)", () => {
  it("STE.S2S = 1: a stage-2 fault stalls and is recorded with Stall = 1, whatever S2R says", () => {
    const rig = new StallRig().start();
    expect(rig.dma()).toBe("stalled");
    expect(rig.records()).toEqual([{ ID: F_TRANSLATION, StreamID: SID, STAG: 0, Stall: 1, S2: 1, address: IPA }]);
    expect(rig.ended).toEqual([undefined]);
  });
  it("CD.S = 1: a stage-1 fault stalls, whatever R and A say", () => {
    const rig = new NestedRig().start();
    rig.nested({ EATS: 0 });
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, S: 1, R: 0, A: 0 });
    expect(rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: 0x1000n, write: true, priv: false, exec: false })).toBe("stalled");
    expect(EVENT.decode(rig.events()[0])).toMatchObject({ Stall: 1n, S2: 0n, RnW: 0n, SSV: 1n, SubstreamID: BigInt(rig.ssid) });
  });
  it("CD.S = 0 beside STE.S2S = 1: only the stage-2 fault stalls", () => {
    const rig = new NestedRig().start();
    rig.nested({ EATS: 0, S2S: 1 });
    const read = (address: number) =>
      rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: BigInt(address), write: false, priv: false, exec: false });
    expect(read(0x1000)).toBe("abort");
    const gpa = rig.map(0x1000);
    rig.stage2.unmap(gpa, 4096);
    expect(read(0x1000)).toBe("stalled");
  });
  it("CD.S = 1 beside STE.S2S = 0: a stage-2 fault aborts", () => {
    const rig = new NestedRig().start();
    rig.nested({ EATS: 0 });
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, S: 1 });
    rig.stage2.unmap(rig.map(0x1000), 4096);
    expect(rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: 0x1000n, write: false, priv: false, exec: false })).toBe("abort");
    expect(EVENT.decode(rig.events()[0])).toMatchObject({ Stall: 0n, S2: 1n });
  });
  it("a stage-2 fault of the CD fetch stalls by S2S", () => {
    const rig = new NestedRig().start();
    rig.nested({ EATS: 0, S2S: 1 });
    rig.stage2.unmap(rig.cdTable, 4096);
    expect(rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: 0x1000n, write: false, priv: false, exec: false })).toBe("stalled");
    expect(EVENT.decode(rig.events()[0])).toMatchObject({ Stall: 1n, S2: 1n, CLASS: 0n });
  });
  it("an address-size fault of a bypassed stage 1 is always recorded and never stalls", () => {
    const rig = new StallRig().start();
    expect(rig.dma(2 ** 48)).toBe("abort");
    expect(rig.records()).toMatchObject([{ ID: 0x11n, Stall: 0, S2: 0 }]);
  });
  it("ATS never stalls: a translation request gets no access, and S2S = 1 beside EATS = 1 is C_BAD_STE", () => {
    const rig = new NestedRig().start();
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, S: 1 });
    const request = { pasid: rig.ssid, priv: false, exec: false, address: 0x1000n, count: 1, noWrite: false };
    expect(rig.smmu.ats.request(SID, request)).toMatchObject({ status: "SC", entries: [{ R: false, W: false }] });
    expect(rig.events()).toEqual([]);
    rig.smmu.configurationCache.invalidateAll();
    rig.nested({ EATS: 1, S2S: 1 });
    expect(rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: 0x1000n, write: false, priv: false, exec: false })).toBe("abort");
    expect(EVENT.decode(rig.events()[0]).ID).toBe(4n);
  });
  it.each([
    ["STE.S1STALLD = 1 with CD.S = 1 is C_BAD_CD", {}, { S1STALLD: 1 }, 0x0an],
    ["without the model CD.S = 1 is C_BAD_CD", { stall: false }, {}, 0x0an],
    ["without the model STE.S2S = 1 is C_BAD_STE", { stall: false }, { S2S: 1 }, 4n],
    ["without the model STE.S1STALLD = 1 is C_BAD_STE", { stall: false }, { S1STALLD: 1 }, 4n],
  ] as const)("%s", (_what, options, ste, event) => {
    const rig = new NestedRig(options).start();
    rig.nested({ EATS: 0, ...ste });
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, S: 1 });
    expect(rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: 0x1000n, write: false, priv: false, exec: false })).toBe("abort");
    expect(EVENT.decode(rig.events()[0]).ID).toBe(event);
  });
});

describe("CMD_RESUME (4.6.1)", () => {
  it("retry after the cause is gone: the transaction goes through", () => {
    const rig = new StallRig().start();
    rig.dma(IPA + 8);
    rig.map();
    rig.command(resume(0, RETRY));
    expect(rig.ended).toEqual([{ pa: FRAME + 8 }]);
    expect(rig.stags()).toEqual([]);
  });
  it("retry with the cause still there: it stalls anew, with a new record", () => {
    const rig = new StallRig().start();
    rig.dma();
    rig.records();
    rig.command(resume(0, RETRY));
    expect(rig.records()).toMatchObject([{ Stall: 1, STAG: 1 }]);
    expect(rig.ended).toEqual([undefined]);
  });
  it("retry starts over from the StreamID: an STE that aborts now ends it", () => {
    const rig = new StallRig().start();
    rig.dma();
    rig.ste({ Config: 0 });
    rig.smmu.configurationCache.invalidateAll();
    rig.command(resume(0, RETRY));
    expect(rig.ended).toEqual(["abort"]);
  });
  it("Ac = 0: Ab = 1 aborts, Ab = 0 is RAZ/WI even at stage 2", () => {
    const rig = new StallRig().start();
    rig.dma();
    rig.dma();
    rig.command(resume(0, { Ab: 1 }), resume(1, {}));
    expect(rig.ended).toEqual(["abort", "raz-wi"]);
  });
  it("TERM_MODEL = 1: termination is an abort whatever Ab says", () => {
    const rig = new StallRig();
    rig.smmu.identity.termModel = true;
    rig.start().dma();
    rig.command(resume(0, {}));
    expect(rig.ended).toEqual(["abort"]);
  });
  it.each([
    ["another STAG", resume(1, RETRY)],
    ["another StreamID", resume(0, { ...RETRY, StreamID: SID + 1 })],
  ])("%s: no effect and no error", (_what, command) => {
    const rig = new StallRig().start();
    rig.dma();
    rig.map();
    rig.command(command);
    expect([rig.ended, rig.stags(), error(rig)]).toEqual([[undefined], [0], 0]);
  });
  it("releases once: a second CMD_RESUME of the STAG meets nothing, and the next stall has another STAG", () => {
    const rig = new StallRig().start();
    rig.dma();
    rig.command(resume(0, { Ab: 1 }));
    rig.dma(IPA + 4096);
    rig.command(resume(0, { Ab: 1 }));
    expect(rig.ended).toEqual(["abort", undefined]);
    expect(rig.stags()).toEqual([1]);
  });
  it("a TLBI does not wake a recorded transaction", () => {
    const rig = new StallRig().start();
    rig.dma();
    rig.map();
    rig.command(CMD_TLBI_NSNH_ALL.encode({ Opcode: 0x30 }), CMD_SYNC.encode({ Opcode: 0x46 }));
    expect([rig.ended, error(rig)]).toEqual([[undefined], 0]);
  });
  it.each([
    ["CMD_RESUME without a stall model", { stall: false }, resume(0, RETRY)],
    ["CMD_STALL_TERM without a stall model", { stall: false }, CMD_STALL_TERM.encode({ Opcode: 0x45 })],
    ["CMD_RESUME with SSec = 1", {}, resume(0, { ...RETRY, SSec: 1 })],
    ["CMD_STALL_TERM with SSec = 1", {}, CMD_STALL_TERM.encode({ Opcode: 0x45, SSec: 1 })],
  ])("%s is CERROR_ILL", (_what, options, command) => {
    const rig = new SmmuRig(options).start();
    rig.command(command);
    expect(error(rig)).toBe(CERROR.CERROR_ILL);
  });
});

describe("CMD_STALL_TERM and SMMUEN (4.6.2, 6.3.9.6)", () => {
  it("terminates all stalled transactions of the stream with an abort, and no other's", () => {
    const rig = new StallRig();
    rig.stalling({}, SID + 1);
    rig.start();
    rig.dma();
    rig.dma(IPA, SID + 1);
    rig.dma();
    rig.command(CMD_STALL_TERM.encode({ Opcode: 0x45, StreamID: SID }));
    expect(rig.ended).toEqual(["abort", undefined, "abort"]);
    expect(rig.stags()).toEqual([1]);
  });
  it("SMMUEN to 0: every stalled transaction aborts, recorded or not, and STAGs are free", () => {
    const rig = new StallRig().start({ eventqLog2: 0 });
    rig.dma();
    rig.dma(); // the queue is full: not recorded
    rig.write("CR0", 0x1e);
    expect(rig.ended).toEqual(["abort", "abort"]);
    expect(rig.stags()).toEqual([]);
  });
  it("SMMUEN that stays 1 terminates nothing", () => {
    const rig = new StallRig().start();
    rig.dma();
    rig.write("CR0", 0x0f);
    expect(rig.ended).toEqual([undefined]);
  });
});

describe("stall records and the event queue (7.4)", () => {
  it("a full queue loses no stall record and no OVFLG shows: the transaction waits, and is recorded when space appears", () => {
    const rig = new StallRig().start({ eventqLog2: 0 });
    rig.dma();
    rig.dma(IPA + 4096);
    expect([rig.read("EVENTQ_PROD"), rig.stags()]).toEqual([1, [0, null]]);
    rig.drain();
    expect(rig.stags()).toEqual([0, 1]);
    expect(rig.read("EVENTQ_PROD")).toBe(0); // wrapped: the second record
    expect(Number(EVENT.decode(rig.host.posted[1].data).InputAddr)).toBe(IPA + 4096);
  });
  it("a transaction that waits is translated again before its record: a fault that is gone is never recorded", () => {
    const rig = new StallRig().start({ eventqLog2: 0 });
    rig.dma();
    rig.dma(IPA + 4096);
    rig.map(IPA + 4096);
    rig.drain();
    expect(rig.ended).toEqual([undefined, { pa: FRAME }]);
    expect(rig.host.posted).toHaveLength(1);
  });
  it.each([
    ["EVENTQEN = 0, until it is 1", 0x1b, (rig: StallRig) => rig.write("CR0", 0x1f)],
    [
      "EVENTQ_ABT_ERR, until it is acknowledged",
      0x1f,
      (rig: StallRig) => {
        rig.write("GERRORN", 4);
      },
    ],
  ])("waits for %s", (what, cr0, enable) => {
    const rig = new StallRig().start({ cr0 });
    if (what.startsWith("EVENTQ_ABT_ERR")) rig.smmu.gerror.raise("EVENTQ_ABT_ERR");
    rig.dma();
    expect(rig.stags()).toEqual([null]);
    enable(rig);
    expect(rig.records()).toMatchObject([{ Stall: 1, STAG: 0 }]);
  });
  it("an abort of the record's write loses the record, not the transaction: CMD_STALL_TERM frees it", () => {
    const rig = new StallRig().start({ cr0: 0x1b });
    rig.write("EVENTQ_BASE", 0x1_0000_0003);
    rig.write("CR0", 0x1f);
    expect(rig.dma()).toBe("stalled");
    expect([rig.read("GERROR"), rig.read("EVENTQ_PROD"), rig.ended]).toEqual([4, 0, [undefined]]);
    rig.write("GERRORN", 4);
    expect(rig.host.posted).toEqual([]); // not recorded later either
    rig.command(CMD_STALL_TERM.encode({ Opcode: 0x45, StreamID: SID }));
    expect(rig.ended).toEqual(["abort"]);
  });
  it("at most STALL_MAX are recorded at a time; the next waits for a STAG, oldest first", () => {
    const rig = new StallRig({}, { IDR5: 2 * 2 ** 16 + IDR5_48_BITS }).start();
    for (let n = 0; n < 4; n++) rig.dma(IPA + n * 4096);
    expect(rig.records().map(({ STAG, address }) => [STAG, address])).toEqual([
      [0, IPA],
      [1, IPA + 4096],
    ]);
    rig.command(resume(1, { Ab: 1 }));
    expect(rig.records()).toMatchObject([{ STAG: 1, address: IPA + 2 * 4096 }]);
    rig.command(resume(0, { Ab: 1 }));
    expect(rig.records()).toMatchObject([{ STAG: 0, address: IPA + 3 * 4096 }]);
  });
  it("CMD_STALL_TERM frees a STAG for a transaction of another stream that waits", () => {
    const rig = new StallRig({}, { IDR5: 2 ** 16 + IDR5_48_BITS });
    rig.stalling({}, SID + 1);
    rig.start();
    rig.dma();
    rig.dma(IPA, SID + 1);
    rig.records();
    rig.command(CMD_STALL_TERM.encode({ Opcode: 0x45, StreamID: SID }));
    expect(rig.records()).toMatchObject([{ StreamID: SID + 1, STAG: 0, Stall: 1 }]);
  });
  it("beyond what can wait a transaction aborts with Stall = 0, and nothing grows", () => {
    const rig = new StallRig({}, { IDR5: 2 ** 16 + IDR5_48_BITS }).start();
    for (let n = 0; n < 1 + WAITING_LIMIT; n++) expect(rig.dma()).toBe("stalled");
    rig.records();
    expect(rig.dma()).toBe("abort");
    expect(rig.records()).toMatchObject([{ Stall: 0, STAG: 0 }]);
    expect(rig.stags()).toHaveLength(1 + WAITING_LIMIT);
  });
  it("power-on forgets what was stalled", () => {
    const rig = new StallRig().start();
    rig.dma();
    rig.smmu.reset();
    expect(rig.stags()).toEqual([]);
  });
});
