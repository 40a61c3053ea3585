import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asidSpace, EL2, globalSpace, idsOf, scope, stage2Space } from "./address-space.ts";
import { ABSENT, REFUSED, TaggedCache } from "./tagged-cache.ts";

interface Entry {
  shift: number;
  id: number;
}
const spaces = [
  asidSpace(0, 1),
  asidSpace(0, 2),
  asidSpace(0xffff, 1),
  globalSpace(3, 0),
  globalSpace(3, 1),
  stage2Space(3),
  stage2Space(0xffff),
  asidSpace(EL2, 1),
  globalSpace(EL2, 1),
];
const high = (input: number) => Math.floor(input / 2 ** 32);
const low = (input: number) => input | 0;

/** Bit 52 says that it is a VA of the upper table, whose bits 63:52 are ones. */
const text = (input: number): string => (input < 2 ** 52 ? `0x${input.toString(16)}` : `0xfff${(input - 2 ** 52).toString(16).padStart(13, "0")}`);

const outputOf = ({ id, shift }: Entry): number => (id + 1) * 2 ** shift;
const permitsOf = ({ id }: Entry): number => id % 4;
class Direct extends TaggedCache<Entry> {
  protected override direct(entry: Entry) {
    return { output: outputOf(entry), permits: permitsOf(entry) };
  }
}

/** The same cache as lists: spaces by age, and in each its entries by age. */
class Naive {
  readonly spaces: { space: number; entries: { input: number; entry: Entry }[] }[] = [];
  readonly evicted: string[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }
  #all() {
    return this.spaces.flatMap(({ entries }) => entries);
  }
  insert(space: number, input: number, entry: Entry): void {
    const first = input - (input % 2 ** entry.shift);
    const same = (one: { input: number; entry: Entry }) => one.input === first && one.entry.shift === entry.shift;
    let known = this.spaces.find((one) => one.space === space);
    if (known?.entries.some(same)) known.entries = known.entries.filter((one) => !same(one));
    else if (this.#all().length >= this.#capacity) {
      const oldest = this.spaces[0];
      this.evicted.push(text((oldest.entries.shift() as { input: number }).input));
      if (oldest.entries.length === 0) this.spaces.shift();
    }
    known = this.spaces.find((one) => one.space === space);
    if (!known) this.spaces.push((known = { space, entries: [] }));
    known.entries.push({ input: first, entry });
  }
  find(space: number, input: number): Entry | undefined {
    const holding = (this.spaces.find((one) => one.space === space)?.entries ?? []).filter((one) => input >= one.input && input < one.input + 2 ** one.entry.shift);
    return holding.sort((a, b) => a.entry.shift - b.entry.shift)[0]?.entry;
  }
  invalidate(reaches: (space: number) => boolean, from: number, to: number): void {
    for (const one of this.spaces) if (reaches(one.space)) one.entries = one.entries.filter(({ input }) => input < from || input >= to);
    for (let i = this.spaces.length - 1; i >= 0; i--) if (this.spaces[i].entries.length === 0) this.spaces.splice(i, 1);
  }
  ids(): number[] {
    return this.#all().map(({ entry }) => entry.id);
  }
}

/** Pages that lie together, pages that differ in the upper half alone, and both ends of the 53 bits. */
const input = fc.tuple(fc.constantFrom(0, 2 ** 32, 0x7f00_0000_0000, 2 ** 52, 2 ** 53 - 2 ** 26), fc.nat(60)).map(([base, page]) => base + page * 4096);
const shift = fc.constantFrom(12, 12, 12, 14, 16, 21, 30, 39);
const space = fc.constantFrom(...spaces);
const operation = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("insert" as const), space, input, shift }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("invalidate" as const), vmid: fc.constantFrom(0, 3, 0xffff), from: input, length: fc.nat(2 ** 20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("all of" as const), vmid: fc.constantFrom(0, 3, 0xffff) }) },
);

describe("the tagged cache (Arm IHI 0070 G.b, 16.2)", () => {
  it("holds, finds, evicts and invalidates what lists by age would, whatever its size and however it has grown", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 7, 40, 1000),
        fc.array(operation, { maxLength: 400, size: "max" }),
        fc.array(fc.tuple(space, input), { maxLength: 20 }),
        (capacity, operations, asked) => {
          const naive = new Naive(capacity);
          const evicted: string[] = [];
          const cache = new Direct(capacity, (space, input) => {
            const { iova, ipa } = idsOf(space, input);
            evicted.push((iova ?? ipa) as string);
          });
          for (const [id, operation] of operations.entries()) {
            if (operation.kind === "insert") {
              const { space, input } = operation;
              const entry = { shift: operation.shift, id };
              naive.insert(space, input, entry);
              cache.insert(space, high(input), low(input), entry);
              expect(cache.find(space, high(input), low(input))).toBe(naive.find(space, input));
            } else if (operation.kind === "invalidate") {
              const { vmid, from, length } = operation;
              const reaches = scope.vmid(vmid, 0xffff);
              naive.invalidate(reaches, from, from + length);
              cache.invalidate(reaches, (_entry, input) => input >= from && input < from + length);
            } else {
              const reaches = scope.vmid(operation.vmid, 0xffff);
              naive.invalidate(reaches, 0, Number.POSITIVE_INFINITY);
              cache.invalidate(reaches);
            }
          }
          expect([...cache.entries()].map(({ entry }) => entry.id)).toEqual(naive.ids());
          expect(cache.size).toBe(naive.ids().length);
          expect(evicted).toEqual(naive.evicted);
          for (const [space, input] of asked) {
            const found = naive.find(space, input);
            expect(cache.find(space, high(input), low(input))).toBe(found);
            for (const need of [1, 2]) {
              const output = found === undefined ? ABSENT : (permitsOf(found) & need) === 0 ? REFUSED : outputOf(found) + (input % 2 ** found.shift);
              expect(cache.findDirect(space, high(input), low(input), need)).toBe(output);
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });
  it("tells its entries with their tags and the first address of their regions", () => {
    const cache = new TaggedCache<Entry>(8, () => {});
    cache.insert(asidSpace(0xffff, 0xfffe), 0x1_7fff, 0xffff_f123 | 0, { shift: 12, id: 1 });
    cache.insert(stage2Space(3), 0x8_0012, 0x3456_7000, { shift: 39, id: 2 });
    expect([...cache.entries()]).toEqual([
      { vmid: 0xffff, space: 0xfffe, input: 0x1_7fff_ffff_f000, entry: { shift: 12, id: 1 } },
      { vmid: 3, space: 0x10002, input: 0x8_0000_0000_0000, entry: { shift: 39, id: 2 } },
    ]);
  });
  it("removes what holds an input, of every size, and forgets a space that has nothing left", () => {
    const cache = new TaggedCache<Entry>(8, () => {});
    const space = asidSpace(1, 1);
    for (const [id, shift] of [12, 21, 30].entries()) cache.insert(space, 1, 0x4020_3000, { shift, id });
    cache.insert(space, 1, 0x4020_4000, { shift: 12, id: 3 });
    expect(cache.remove(space, 1, 0x4020_3fff)).toBe(3);
    expect([...cache.entries()].map(({ entry }) => entry.id)).toEqual([3]);
    expect([cache.remove(asidSpace(1, 2), 1, 0x4020_4000), cache.remove(space, 1, 0x4020_4000), [...cache.spaces()]]).toEqual([0, 1, []]);
  });
  it("is empty after everything was invalidated, and begins again small", () => {
    const cache = new TaggedCache<Entry>(4096, () => {});
    for (let page = 0; page < 3000; page++) cache.insert(asidSpace(1, page % 50), 0, (page * 4096) | 0, { shift: 12, id: page });
    expect(cache.size).toBe(3000);
    cache.invalidateAll();
    expect([cache.size, [...cache.entries()]]).toEqual([0, []]);
    expect(cache.find(asidSpace(1, 0), 0, 0)).toBeUndefined();
  });
});
