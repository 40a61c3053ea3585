import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Atc, type AtcEntry } from "./atc.ts";

const entry = (address: number, shift = 12, W = true): AtcEntry => ({ address, shift, R: true, W, Exe: false, U: false });
const EVERYTHING = 1n << 64n;

describe("Address Translation Cache (PCIe 10.2, 10.3.1)", () => {
  it("keeps PASIDs, no PASID, and Priv apart", () => {
    const atc = new Atc(8);
    atc.fill(null, false, 0x1000n, entry(0xa000));
    atc.fill(0, false, 0x1000n, entry(0xb000));
    atc.fill(0, true, 0x1000n, entry(0xc000));
    expect([
      atc.lookup(null, false, 0x1fffn)?.address,
      atc.lookup(0, false, 0x1000n)?.address,
      atc.lookup(0, true, 0x1000n)?.address,
      atc.lookup(1, false, 0x1000n),
    ]).toEqual([0xa000, 0xb000, 0xc000, undefined]);
  });
  it("tells addresses of the upper and lower half apart, to the last page", () => {
    const atc = new Atc(8);
    atc.fill(1, false, 0xffff_ffff_ffff_f000n, entry(0xa000));
    atc.fill(1, false, 0xffff_ffff_ffff_e000n, entry(0xb000));
    expect([
      atc.lookup(1, false, 0xffff_ffff_ffff_f123n)?.address,
      atc.lookup(1, false, 0xffff_ffff_ffff_efffn)?.address,
      atc.lookup(1, false, 0xffff_ffff_ffff_d000n),
    ]).toEqual([0xa000, 0xb000, undefined]);
  });
  it("replaces what it had for the address, of another size too", () => {
    const atc = new Atc(8);
    atc.fill(1, false, 0x20_1000n, entry(0xa000, 12, false));
    atc.fill(1, false, 0x20_1000n, entry(0x4020_0000, 21));
    expect([atc.size, atc.lookup(1, false, 0x20_1000n)?.W]).toEqual([1, true]);
  });
  it("holds no more entries than its size, and none with size 0", () => {
    const atc = new Atc(2);
    for (let page = 0n; page < 5n; page++) atc.fill(1, false, page << 12n, entry(0xa000));
    expect([atc.size, atc.lookup(1, false, 0n), atc.lookup(1, false, 0x4000n) !== undefined]).toEqual([2, undefined, true]);
    const none = new Atc(0);
    none.fill(1, false, 0n, entry(0xa000));
    expect(none.lookup(1, false, 0n)).toBe(undefined);
  });
  it.each([
    ["a PASID: its own entries", 1, false, 0x1000n, 4096n, [false, true, true]],
    ["no prefix: all PASIDs and none", null, false, 0x1000n, 4096n, [false, false, false]],
    ["global with a PASID: all PASIDs", 1, true, 0x1000n, 4096n, [false, false, true]],
    ["everything of a PASID", 2, false, 0n, EVERYTHING, [true, false, true]],
    ["another page", null, false, 0x2000n, 4096n, [true, true, true]],
    ["a region around the page", null, false, 0n, 0x4000n, [false, false, false]],
  ])("an invalidation that names %s", (_name, pasid, global, address, sizeBytes, kept) => {
    const atc = new Atc(8);
    atc.fill(1, false, 0x1000n, entry(0xa000));
    atc.fill(2, true, 0x1000n, entry(0xb000));
    atc.fill(null, false, 0x1000n, entry(0xc000));
    const removed = atc.invalidate(pasid, global, address, sizeBytes);
    expect([atc.lookup(1, false, 0x1000n), atc.lookup(2, true, 0x1000n), atc.lookup(null, false, 0x1000n)].map((found) => found !== undefined)).toEqual(kept);
    expect(removed).toBe(kept.filter((here) => !here).length);
  });
  it("translates what an entry permits, to the last byte of its region; a region for untranslated requests only it does not (10.2.3)", () => {
    const atc = new Atc(8);
    atc.fill(1, false, 0xffff_8000_0020_0000n, entry(0xf_ffff_4020_0000, 21, false));
    atc.fill(1, true, 0x1000n, { ...entry(0xb000), R: false });
    atc.fill(2, false, 0x1000n, { ...entry(0xc000), U: true });
    expect([
      atc.translated(1, false, 0xffff_8000_003f_ffffn, false),
      atc.translated(1, false, 0xffff_8000_003f_ffffn, true),
      atc.translated(1, true, 0x1008n, true),
      atc.translated(1, true, 0x1008n, false),
      atc.translated(2, false, 0x1000n, false),
      atc.translated(3, false, 0x1000n, false),
    ]).toEqual([0xf_ffff_403f_ffffn, null, 0xb008n, null, null, null]);
  });
  it("tells its entries with their tags", () => {
    const atc = new Atc(8);
    atc.fill(null, false, 0x1000n, entry(0xa000));
    atc.fill(0, true, 0x2000n, entry(0xb000));
    atc.fill(0xf_ffff, false, 0xffff_ffff_ffff_f000n, entry(0xc000));
    expect([...atc.entries()].map(({ pasid, priv, address }) => [pasid, priv, address])).toEqual([
      [null, false, 0x1000],
      [0, true, 0x2000],
      [0xf_ffff, false, 2 ** 64 - 0x1000],
    ]);
  });
  it("drops a large entry when one page of it is named", () => {
    const atc = new Atc(8);
    atc.fill(1, false, 0x20_0000n, entry(0x4020_0000, 21));
    expect(atc.invalidate(1, false, 0x3f_f000n, 4096n)).toBe(1);
  });
  it("never answers with an entry that an invalidation named, whatever came before", () => {
    const step = fc.record({ fill: fc.boolean(), pasid: fc.constantFrom(null, 1, 2), page: fc.integer({ min: 0, max: 15 }), shift: fc.integer({ min: 12, max: 14 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const atc = new Atc(6);
        for (const { fill, pasid, page, shift } of steps) {
          const size = 1n << BigInt(shift);
          const address = (BigInt(page) << 12n) & ~(size - 1n);
          if (fill) atc.fill(pasid, false, BigInt(page) << 12n, entry(0xa0_0000, shift));
          else {
            atc.invalidate(pasid, false, address, size);
            for (const of of pasid === null ? [null, 1, 2] : [pasid])
              for (let at = address; at < address + size; at += 4096n) expect(atc.lookup(of, false, at)).toBe(undefined);
          }
          expect(atc.size).toBeLessThanOrEqual(6);
        }
      }),
    );
  });
});
