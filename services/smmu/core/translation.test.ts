import { EVENT, EVENT_ID } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { describe, expect, it } from "vitest";
import { GPA, GUEST_PAGES, guestFrame, NestedRig, SID } from "../../../test/support/smmu-rig.ts";

const VA = 0x7f00_0000_0000;
const dma = (rig: NestedRig, address: number, write = false, ssid: number | null = rig.ssid) =>
  rig.smmu.transact({ sid: SID, ssid, translated: false, address: BigInt(address), write, priv: false, exec: false });

/** The only event recorded, decoded. */
function onlyEvent(rig: NestedRig) {
  const records = rig.events();
  expect(records).toHaveLength(1);
  return EVENT.decode(records[0]);
}

describe("nested translation (Arm IHI 0070 G.b, 3.4; page-tables.md, section 11, example 13)", () => {
  it("leads a virtual address through both stages to the host frame", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA + 0x5000);
    expect(dma(rig, VA + 0x5123, true)).toEqual({ pa: guestFrame(gpa) + 0x123 });
    expect(rig.events()).toEqual([]);
  });

  it("fetches 24 descriptors for a cold 4 KiB walk of 4 + 4 levels, none for a TLB hit", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    dma(rig, VA); // fills the configuration cache
    rig.smmu.tlb.invalidateAll();
    let fetches = 0;
    rig.smmu.translation.listen = () => fetches++;
    dma(rig, VA);
    expect(fetches).toBe(24);
    expect(dma(rig, VA + 8)).toEqual({ pa: guestFrame(gpa) + 8 });
    expect(fetches).toBe(24);
  });

  it("traces each of them only where the machine file asks for it (smmu.traceWalks), with the owner epochs of their frames", () => {
    const [silent, told] = [new NestedRig(), new NestedRig({ traceWalks: true })].map((rig) => rig.start());
    for (const rig of [silent, told]) {
      rig.map(VA);
      dma(rig, VA); // with the fetch of the CD
      rig.memory.setOwner(rig.stage2.root, "host", 7);
      rig.smmu.tlb.invalidateAll();
    }
    const before = told.trace.of("walk.descriptor").length;
    for (const rig of [silent, told]) dma(rig, VA);
    const events = told.trace.of("walk.descriptor").slice(before);
    expect([silent.trace.of("walk.descriptor").length, events.length]).toEqual([0, 24]);
    const first = told.stage2.root + (Math.floor(told.stage1.root / 2 ** 39) % 512) * 8;
    const words = [told.memory.load32(first)!, told.memory.load32(first + 4)!];
    expect(events[0]).toMatchObject({
      ids: { pa: `0x${first.toString(16)}` },
      fields: { stage: 2, level: 0, value: `0x${((BigInt(words[1]) << 32n) | BigInt(words[0])).toString(16)}`, hostEpoch: 7, guestEpoch: 0 },
    });
    expect(events.filter(({ fields }) => fields.stage === 1).map(({ fields }) => fields.level)).toEqual([0, 1, 2, 3]);
  });

  it("F_TRANSLATION at stage 1 is CLASS IN, S2 = 0, and names PASID and address", () => {
    const rig = new NestedRig().start();
    expect(dma(rig, VA)).toBe("abort");
    expect(onlyEvent(rig)).toMatchObject({
      ID: BigInt(EVENT_ID.F_TRANSLATION),
      SSV: 1n,
      SubstreamID: 5n,
      StreamID: 8n,
      RnW: 1n,
      S2: 0n,
      CLASS: 2n,
      InputAddr: BigInt(VA),
    });
  });

  it("F_PERMISSION at stage 1 for a write to a read-only page, also from the TLB", () => {
    const rig = new NestedRig().start();
    rig.map(VA, false);
    dma(rig, VA);
    expect(dma(rig, VA, true)).toBe("abort");
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.F_PERMISSION), RnW: 0n, S2: 0n, CLASS: 2n });
  });

  it("F_PERMISSION at stage 2 for a write that stage 1 permits, also from the TLB", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    rig.stage2.unmap(gpa, 4096);
    rig.stage2.map(gpa, guestFrame(gpa), 4096, { read: true, write: false });
    expect(dma(rig, VA)).toEqual({ pa: guestFrame(gpa) });
    expect(dma(rig, VA, true)).toBe("abort");
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.F_PERMISSION), RnW: 0n, S2: 1n, CLASS: 2n, IPA: BigInt(gpa / 4096) });
  });

  it("a stage-2 fault of the data page is CLASS IN with the IPA", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    rig.stage2.unmap(gpa, 4096);
    expect(dma(rig, VA + 0x234)).toBe("abort");
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.F_TRANSLATION), S2: 1n, CLASS: 2n, IPA: BigInt(gpa / 4096), InputAddr: BigInt(VA + 0x234) });
  });

  it("a stage-2 fault of a stage-1 table is CLASS TT", () => {
    const rig = new NestedRig().start();
    rig.map(VA);
    rig.stage2.unmap(rig.stage1.root, 4096);
    dma(rig, VA);
    expect(onlyEvent(rig)).toMatchObject({ S2: 1n, CLASS: 1n, IPA: BigInt(rig.stage1.root / 4096) });
  });

  it("a stage-2 fault of the CD is CLASS CD", () => {
    const rig = new NestedRig().start();
    rig.stage2.unmap(rig.cdTable, 4096);
    dma(rig, VA);
    expect(onlyEvent(rig)).toMatchObject({ S2: 1n, CLASS: 0n, IPA: BigInt(GPA / 4096) });
  });

  it("S2PTW = 1 refuses stage-1 tables in Device memory (F_PERMISSION, S2, CLASS TT)", () => {
    const rig = new NestedRig().start();
    rig.map(VA);
    rig.stage2.unmap(rig.stage1.root, 4096);
    rig.stage2.map(rig.stage1.root, guestFrame(rig.stage1.root), 4096, { read: true, write: true, device: true });
    dma(rig, VA);
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.F_PERMISSION), S2: 1n, CLASS: 1n, TTRnW: 1n });
  });

  it("without a CD the PASID is C_BAD_CD; a PASID beyond S1CDMax is C_BAD_SUBSTREAMID", () => {
    const rig = new NestedRig().start();
    dma(rig, VA, false, 6);
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.C_BAD_CD), SubstreamID: 6n });
    dma(rig, VA, false, 64);
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.C_BAD_SUBSTREAMID), SSV: 0n, SubstreamID: 64n });
  });

  it("CD.R = 0 suppresses the event, not the abort; CD.A = 0 makes it RAZ/WI", () => {
    const rig = new NestedRig().start();
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, R: 0 });
    expect(dma(rig, VA)).toBe("abort");
    rig.smmu.configurationCache.invalidateAll();
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, R: 0, A: 0 });
    expect(dma(rig, VA)).toBe("raz-wi");
    expect(rig.events()).toEqual([]);
  });

  it("keeps using a stale translation until it is invalidated", () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    dma(rig, VA);
    rig.stage1.unmap(VA, 4096);
    expect(dma(rig, VA)).toEqual({ pa: guestFrame(gpa) });
    rig.smmu.tlb.invalidateAll();
    expect(dma(rig, VA)).toBe("abort");
  });
});

describe("the upper half of the address space (TTB1; page-tables.md, section 2 and example 10)", () => {
  /** VA[63:0] whose low 48 bits are `va` and whose upper bits are all ones, or tagged. */
  const upperVa = (va: number, tag = 0xff) => (BigInt(tag) << 56n) | (0xffn << 48n) | BigInt(va);
  const setup = (cd: object = {}) => {
    const rig = new NestedRig().start();
    rig.cd(rig.ssid, { TTB1: rig.stage1.root / 16, T1SZ: 16, TG1: 2, EPD1: 0, EPD0: 1, ...cd });
    const gpa = rig.map(0x8000_0000_1000);
    const read = (address: bigint) => rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address, write: false, priv: false, exec: false });
    return { rig, gpa, read };
  };
  it("is walked through TTB1, exact to the byte", () => {
    const { gpa, read } = setup();
    expect(read(upperVa(0x8000_0000_1003))).toEqual({ pa: guestFrame(gpa) + 3 });
    expect(read(upperVa(0x8000_0000_1001))).toEqual({ pa: guestFrame(gpa) + 1 });
  });
  it("a tag in VA[63:56] is F_TRANSLATION with TBI1 = 0 and ignored with TBI1 = 1", () => {
    expect(setup().read(upperVa(0x8000_0000_1000, 0x5a))).toBe("abort");
    const { gpa, read } = setup({ TBI1: 1 });
    expect(read(upperVa(0x8000_0000_1000, 0x5a))).toEqual({ pa: guestFrame(gpa) });
  });
  it("the lower half with the same VA[47:0] is another address", () => {
    const { rig, read } = setup();
    read(upperVa(0x8000_0000_1000));
    expect(read(0x8000_0000_1000n)).toBe("abort");
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.F_TRANSLATION) });
  });
});

describe("S1DSS: what a transaction without a PASID does (5.2)", () => {
  it("2: uses CD 0", () => {
    const rig = new NestedRig().start();
    rig.cd(0, { TTB0: rig.stage1.root / 16 });
    const gpa = rig.map(VA);
    expect(dma(rig, VA, true, null)).toEqual({ pa: guestFrame(gpa) });
  });
  it("1: skips stage 1, the address is the IPA", () => {
    const rig = new NestedRig().start();
    rig.nested({ S1DSS: 1 });
    expect(dma(rig, GPA + 0x3010, true, null)).toEqual({ pa: guestFrame(GPA + 0x3010) });
  });
  it("0: F_STREAM_DISABLED", () => {
    const rig = new NestedRig().start();
    rig.nested({ S1DSS: 0 });
    dma(rig, VA, false, null);
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.F_STREAM_DISABLED) });
  });
});

describe("hardware update of the access flag and dirty state (3.13; page-tables.md, example 11)", () => {
  const AF = 0x400,
    DBM = 2 ** 51;
  /** The leaf descriptor of VA, as [address in guest memory, low, high]. */
  function leaf(rig: NestedRig): { slot: number; read(): [number, number] } {
    let table = rig.stage1.root;
    const halves = new Uint32Array(2);
    for (const shift of [39, 30, 21]) {
      rig.guest.load64(table + (Math.floor(VA / 2 ** shift) % 512) * 8, halves);
      table = (halves[1] & 0xffff) * 2 ** 32 + ((halves[0] & 0xfffff000) >>> 0);
    }
    const slot = table + (Math.floor(VA / 4096) % 512) * 8;
    return { slot, read: () => (rig.guest.load64(slot, halves) ? [halves[0], halves[1]] : [0, 0]) };
  }

  it("sets AF on a read and leaves a writable-clean page clean", () => {
    const rig = new NestedRig().start();
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, HA: 1, HD: 1 });
    rig.map(VA, false);
    const { slot, read } = leaf(rig);
    const [low, high] = read();
    rig.guest.store64(slot, (low & ~AF) >>> 0, high | (DBM / 2 ** 32));
    expect(dma(rig, VA)).toHaveProperty("pa");
    expect(read()).toEqual([low, high | (DBM / 2 ** 32)]);
  });
  it("clears AP[2] on the first write", () => {
    const rig = new NestedRig().start();
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, HA: 1, HD: 1 });
    rig.map(VA, false);
    const { slot, read } = leaf(rig);
    const [low, high] = read();
    rig.guest.store64(slot, low, high | (DBM / 2 ** 32));
    expect(dma(rig, VA)).toHaveProperty("pa"); // cached as clean
    expect(dma(rig, VA, true)).toHaveProperty("pa");
    expect(read()).toEqual([(low & ~0x80) >>> 0, high | (DBM / 2 ** 32)]);
  });
  it("does not mark a page dirty that stage 2 makes read-only", () => {
    const rig = new NestedRig().start();
    rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, HA: 1, HD: 1 });
    const gpa = rig.map(VA, false);
    rig.stage2.protect(gpa, 4096, { read: true, write: false });
    const { slot, read } = leaf(rig);
    const [low, high] = read();
    rig.guest.store64(slot, low, high | (DBM / 2 ** 32));
    expect(dma(rig, VA, true)).toBe("abort");
    expect(read()[0]).toBe(low);
  });
  it("AF = 0 without HA is F_ACCESS", () => {
    const rig = new NestedRig().start();
    rig.map(VA);
    const { slot, read } = leaf(rig);
    const [low, high] = read();
    rig.guest.store64(slot, (low & ~AF) >>> 0, high);
    expect(dma(rig, VA)).toBe("abort");
    expect(onlyEvent(rig)).toMatchObject({ ID: BigInt(EVENT_ID.F_ACCESS), S2: 0n });
  });
});

it("the rig's guest RAM is scattered", () => expect(guestFrame(GPA)).toBe(guestFrame(GPA + (GUEST_PAGES - 1) * 4096) + (GUEST_PAGES - 1) * 4096));
