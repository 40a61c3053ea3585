import { EVENT_ID } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, GPA, GUEST_PAGES, guestFrame, NestedRig, SID } from "../../../../test/support/smmu-rig.ts";
import { Leaf } from "./leaf.ts";
import { walkNestedPages } from "./nested.ts";
import type { StageTable } from "./stage-table.ts";

const VA = 0x7f00_0000_0000;
const PAGES = 8;
/** The last frames before the guest's, which the tables of stage 2 are taken from, and the guest's. */
const STAGE_2_FRAMES = 16;
const tables = { base: at.guest - STAGE_2_FRAMES * 4096, size: (STAGE_2_FRAMES + GUEST_PAGES) * 4096 };
const caches = { tlb: 0, config: 16, walk: 0 };

/** IPAs of the stage-1 descriptors of `va`, from level 0 on. */
function descriptors(rig: NestedRig, va: number): number[] {
  let table = rig.stage1.root;
  return [39, 30, 21, 12].map((shift) => {
    const ipa = table + (Math.floor(va / 2 ** shift) % 512) * 8;
    table = (rig.guest.load32(ipa) ?? 0) & ~0xfff;
    table = table < 0 ? table + 2 ** 32 : table;
    return ipa;
  });
}
const store = (rig: NestedRig, ipa: number, low: number, high: number) => rig.guest.store64(ipa, low, high);

/** Pages at VA, every second one read-only; 2 MiB above them a block of which 1 MiB is guest RAM. */
function machine(ste: Record<string, number>, cd: Record<string, number>): NestedRig {
  const rig = new NestedRig({ caches }).start();
  for (let page = 0; page < PAGES; page++) rig.map(VA + page * 4096, page % 2 === 0);
  store(rig, descriptors(rig, VA + 2 ** 21)[2], GPA + 0x745, 0);
  rig.nested(ste);
  rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, ...cd });
  return rig;
}
const access = (rig: NestedRig, address: number, write: boolean) =>
  rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: BigInt(address), write, priv: false, exec: false });

/** Changes the stage-2 page descriptor that maps an IPA. */
function changePage(rig: NestedRig, ipa: number, change: (low: number) => number): void {
  let at = rig.stage2.root;
  for (const shift of [39, 30, 21, 12]) {
    const entry = at + (Math.floor(ipa / 2 ** shift) % 512) * 8;
    at = rig.memory.load32(entry)! & ~0xfff;
    if (shift === 12) rig.memory.store64(entry, change(rig.memory.load32(entry)!), 0);
  }
}

/** Result and event of the access, and the memory that it leaves behind. */
function outcome(rig: NestedRig, address: number, write: boolean) {
  const result = access(rig, address, write);
  return { result, events: rig.events().map((record) => Buffer.from(record).toString("hex")), memory: Buffer.from(rig.memory.read(tables.base, tables.size)!) };
}
/** The tables of the rig's stream, stage 1 and stage 2. */
function stages(rig: NestedRig): [StageTable, StageTable] {
  const ste = rig.smmu.configuration.validSte(SID);
  const configuration = "event" in ste ? ste : rig.smmu.translation.configure(SID, ste, rig.ssid);
  if ("event" in configuration || !configuration.s2 || !configuration.stage1?.lower) throw new Error("the rig's stream is not nested");
  return [configuration.stage1.lower, configuration.s2];
}
/** Whether the short way finds the translation. */
const isShort = (rig: NestedRig, address: number, [t1, t2] = stages(rig)): boolean =>
  walkNestedPages(rig.memory.window!, t1, t2, Math.floor(address / 2 ** 32), address | 0, new Leaf(), new Leaf());

describe("the nested walk of 4 KiB pages against the walk level by level (page-tables.md, sections 2 to 6)", () => {
  it("finds pages and blocks that the tables of this stack map, under S2PTW as Linux sets it", () => {
    const rig = machine({}, {});
    expect(defaultMachine.dram.base + defaultMachine.dram.size).toBeLessThan(2 ** 32);
    for (const address of [VA + 0x123, VA + 4096, VA + 2 ** 21 + 0x5008]) expect(isShort(rig, address)).toBe(true);
    expect(access(rig, VA + 2 ** 21 + 0x5008, false)).toEqual({ pa: guestFrame(GPA + 0x5008) });
  });
  it("finds descriptors that lie in 2 MiB blocks of stage 2", () => {
    const rig = machine({}, {});
    const block = at.guest + 2 ** 21; // beside the frames that the rig uses
    const copy = rig.memory.read(at.guest, GUEST_PAGES * 4096)!;
    for (let page = 0; page < GUEST_PAGES; page++) rig.memory.write(block + page * 4096, copy.subarray((GUEST_PAGES - 1 - page) * 4096, (GUEST_PAGES - page) * 4096));
    const stage2 = new IoPgtable({ memory: rig.memory, allocFrame: () => rig.allocFrame(), freeFrame: () => {}, format: "stage2", inputBits: 48, outputBits: 48 });
    stage2.map(GPA, block, 2 ** 21, { read: true, write: true });
    rig.nested({ S2TTB: stage2.root / 16 });
    expect(isShort(rig, VA + 0x123)).toBe(true);
    expect(access(rig, VA + 2 ** 21 + 0x123, true)).toEqual({ pa: block + 0x123 });
  });

  it.each([
    [
      "a table beyond IPS, which stage 2 would find (5.3)",
      "F_ADDR_SIZE",
      (rig: NestedRig) => {
        const [, level1] = descriptors(rig, VA);
        rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, IPS: 0 }); // 32 bits
        rig.stage2.map(2 ** 32 + rig.guest.load32(level1)! - 3, guestFrame(rig.guest.load32(level1)! - 3), 4096, { read: true, write: true });
        store(rig, level1, rig.guest.load32(level1)!, 1);
      },
    ],
    [
      "an output beyond the input size of stage 2, whose index leads past its first table (3.3)",
      "F_TRANSLATION",
      (rig: NestedRig) => {
        const level1 = (rig.memory.load32(rig.stage2.root)! & ~0xfff) >>> 0;
        rig.nested({ S2T0SZ: 32, S2SL0: 1, S2TTB: level1 / 16 }); // four entries of 1 GiB
        rig.memory.store64(level1 + 6 * 8, rig.memory.load32(level1 + 2 * 8)!, 0);
        store(rig, descriptors(rig, VA)[3], rig.guest.load32(descriptors(rig, VA)[3])!, 1);
      },
    ],
    ["a stage-1 table in Device memory under S2PTW (4.4)", "F_PERMISSION", (rig: NestedRig) => changePage(rig, descriptors(rig, VA)[2], (low) => low & ~0x3c)],
    ["a stage-1 table on a page that may not be read (4.3)", "F_PERMISSION", (rig: NestedRig) => changePage(rig, descriptors(rig, VA)[2], (low) => low & ~0x40)],
    ["a stage-1 table on a page without its access flag (5.3)", "F_ACCESS", (rig: NestedRig) => changePage(rig, descriptors(rig, VA)[3], (low) => low & ~0x400)],
    ["a stage-1 table where no RAM answers", "F_WALK_EABT", (rig: NestedRig) => changePage(rig, descriptors(rig, VA)[1], (low) => (low & 0xfff) + 0x1000_0000)],
    [
      "a stage-1 table in a stage-2 block of level 0 (1.1)",
      "F_TRANSLATION",
      (rig: NestedRig) => {
        // Its low bits name the frame of the table, for who would take it for a block.
        rig.memory.store64(rig.stage2.root + 8, guestFrame(rig.stage1.root) + 0x7fd, 0);
        rig.cd(rig.ssid, { TTB0: (2 ** 39 + rig.stage1.root) / 16 });
      },
    ],
    ["a block at level 0 (1.1)", "F_TRANSLATION", (rig: NestedRig) => store(rig, descriptors(rig, VA)[0], rig.guest.load32(descriptors(rig, VA)[0])! & ~2, 0)],
  ] as const)("leaves it to that one: %s", (_what, event, change) => {
    const [short, long] = [machine({}, {}), machine({}, {})];
    long.smmu.translation.listen = () => {};
    for (const rig of [short, long]) change(rig);
    expect(isShort(short, VA)).toBe(false);
    const found = outcome(short, VA, false);
    expect(found).toEqual(outcome(long, VA, false));
    expect(found.events.map((record) => Number.parseInt(record.slice(0, 2), 16))).toEqual([EVENT_ID[event]]);
  });

  it("leaves descriptors of 52 bits, other granules, first tables above 4 GiB and short IPAs to that one", () => {
    const rig = machine({}, {});
    const [t1, t2] = stages(rig);
    const others: [Partial<StageTable>, Partial<StageTable>][] = [
      [{ DS: true }, {}],
      [{}, { DS: true }],
      [{ granule: 14 }, {}],
      [{}, { granule: 16 }],
      [{}, { rootHigh: 1 }],
      [{}, { inputBits: 31 }],
    ];
    expect(isShort(rig, VA, [t1, t2])).toBe(true);
    expect(
      others.map(([one, two]) =>
        isShort(rig, VA, [
          { ...t1, ...one },
          { ...t2, ...two },
        ]),
      ),
    ).toEqual(others.map(() => false));
  });
  it("keeps the hierarchical attributes of the tables above the page (4.2)", () => {
    const [, , level2] = descriptors(machine({}, {}), VA);
    const attributes = (high: number, cd: Record<string, number>) => {
      const rig = machine({}, cd);
      store(rig, level2, rig.guest.load32(level2)!, high);
      expect(isShort(rig, VA)).toBe(true);
      return [access(rig, VA, false), access(rig, VA, true)];
    };
    expect(attributes(0, {}).map((result) => typeof result)).toEqual(["object", "object"]);
    expect(attributes(0x4000_0000, {}).map((result) => typeof result)).toEqual(["object", "string"]); // APTable[1]: read-only
    expect(attributes(0x2000_0000, {})).toEqual(["abort", "abort"]); // APTable[0]: not for unprivileged accesses
  });

  const descriptor = fc.record({
    table: fc.nat(47),
    entry: fc.constantFrom(0, 1, 2, 3, 254, 508, 511),
    value: fc.oneof(
      fc.record({ flip: fc.constantFrom(0, 1, 4, 5, 6, 7, 10, 11, 13, 20, 21, 30, 31, 32, 36, 40, 44, 47, 51, 53, 54, 59, 60, 61, 62) }),
      fc.record({ low: fc.constantFrom(0, 0x4000_0401, 0x8000_07c3, -1), high: fc.constantFrom(0, 1, 0x0060_0000) }),
    ),
  });
  const ste = fc.record({ S2T0SZ: fc.constantFrom(16, 16, 24, 32), S2PTW: fc.constantFrom(0, 1), S2HA: fc.constantFrom(0, 1), S2HD: fc.constantFrom(0, 1) });
  const cd = fc.record({ IPS: fc.constantFrom(5, 0, 1), HA: fc.constantFrom(0, 1), HD: fc.constantFrom(0, 1), AFFD: fc.constantFrom(0, 1), HAD0: fc.constantFrom(0, 1) });

  it("agrees with it in result and event, whatever stands in the tables", () => {
    const ways = { short: 0, faults: 0 };
    const [short, long] = [machine({}, {}), machine({}, {})];
    long.smmu.translation.listen = () => {}; // who is told of every descriptor takes the walk level by level
    const fresh = short.memory.read(tables.base, tables.size)!;
    fc.assert(
      fc.property(ste, cd, fc.array(descriptor, { maxLength: 3 }), fc.nat(PAGES), fc.boolean(), (steFields, cdFields, changes, page, write) => {
        for (const rig of [short, long]) {
          rig.memory.write(tables.base, fresh);
          rig.smmu.configurationCache.invalidateAll();
          rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, ...cdFields });
          const lower = steFields.S2T0SZ === 16 ? {} : { S2SL0: 1, S2TTB: (rig.memory.load32(rig.stage2.root)! & ~0xfff) / 16 }; // the first table of the next level
          rig.nested({ ...steFields, ...lower });
          for (const { table, entry, value } of changes) {
            // Of the guest's pages the first hold CDs and stage-1 tables.
            const first = (table < STAGE_2_FRAMES ? tables.base + table * 4096 : guestFrame(GPA + (table - STAGE_2_FRAMES) * 4096)) + entry * 8;
            const [low, high] = [rig.memory.load32(first)!, rig.memory.load32(first + 4)!];
            if ("low" in value) rig.memory.store64(first, value.low, value.high);
            else rig.memory.store64(first, value.flip < 32 ? low ^ (1 << value.flip) : low, value.flip < 32 ? high : high ^ (1 << (value.flip - 32)));
          }
        }
        const address = page === PAGES ? VA + 2 ** 21 + 0x3008 : VA + page * 4096 + 0x18;
        const [found, expected] = [outcome(short, address, write), outcome(long, address, write)];
        expect([found.result, found.events, found.memory.equals(expected.memory)]).toEqual([expected.result, expected.events, true]);
        if (found.result === "abort") ways.faults++;
        else if (isShort(short, address)) ways.short++;
      }),
      { numRuns: 300 },
    );
    expect(ways.short).toBeGreaterThan(100);
    expect(ways.faults).toBeGreaterThan(20);
  });
});
