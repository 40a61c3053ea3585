import type { TraceIds } from "@faultline/shared/trace/tracer.ts";
import { addressOf, highHalf, highOffset, lowHalf, lowOffset } from "../page-table-walk/address-halves.ts";
import { PER_VMID, type Scope, vmidOf } from "./address-space.ts";

/** An entry covers 2^shift bytes of input, a page of 4 KiB at least. */
export interface Tagged {
  shift: number;
}
/** What of an entry stands beside its tags: its first output, and a bit for each kind of access that has no more to ask. */
export interface Direct {
  output: number;
  permits: number;
}
/** `input`: first input address of the entry's region. */
export type Match<E> = (entry: E, input: number) => boolean;

/** Told of an entry that a full cache dropped although no invalidation named it. */
export type Evicted = (ids: TraceIds) => void;
/** The same by the entry's tags: its space, and the first input of its region. */
type Dropped = (space: number, input: number) => void;
/** Set: nothing is ever evicted; the entry too many is not kept, and this is told of it. */
export type Exhausted = (() => void) | undefined;

/** First entry, last entry of a space: how old they are is their order in it. */
interface Space {
  first: number;
  last: number;
}
const NONE = -1;
/** Of `findDirect`, in the place of an output. */
export const ABSENT = -1;
export const REFUSED = -2;
const FIRST_SLOTS = 64;

/**
 * Words of a slot, which is half a line of a CPU's cache. The tags of an entry are the page number of its region's first input (52 bits), its space and log2 of the
 * region; `older` and `newer` are slots. Behind them what a hit needs and nothing else, so that it reads no other line than that of its tags.
 */
const WORDS = 8;
const PAGE_LOW = 0;
/** Upper half of the space (2 bits), upper half of the page number (20), log2 of the region (6); 0: the slot is free. */
const TAG = 1;
const SPACE_LOW = 2;
const OLDER = 3;
const NEWER = 4;
const OUTPUT_LOW = 5;
const OUTPUT_HIGH = 6;
const PERMITS = 7;

const PAGE_HIGH = 0xf_ffff;
const SHIFT_BITS = 6;
const SPACE_BIT = 26;
const PAGE_SHIFT = 12;

/**
 * Entries by tag and region; one stays until an invalidation names it or capacity evicts it. Open-addressed with linear probing, at most half full, in one typed array
 * that grows with what is kept; the entries of a space are chained by age.
 */
export class TaggedCache<E extends Tagged> {
  readonly capacity: number;
  #count = 0;
  /** By age. */
  readonly #spaces = new Map<number, Space>();
  /** How many entries there are of each log2 size, and the sizes that exist, smallest first: a lookup tries no other. */
  readonly #ofSize = new Int32Array(64);
  #shifts: number[] = [];
  #slots = new Int32Array(FIRST_SLOTS * WORDS);
  #entries: (E | undefined)[] = new Array(FIRST_SLOTS).fill(undefined);
  #mask = FIRST_SLOTS - 1;
  readonly #dropped: Dropped;
  readonly #exhausted: Exhausted;

  constructor(capacity: number, dropped: Dropped, exhausted?: Exhausted) {
    this.capacity = capacity;
    this.#dropped = dropped;
    this.#exhausted = exhausted;
  }

  get size(): number {
    return this.#count;
  }

  /** The smallest region of `space` that holds the input. */
  find(space: number, high: number, low: number): E | undefined {
    const shifts = this.#shifts;
    for (let i = 0; i < shifts.length; i++) {
      const slot = this.#slotOf(space, high, low, shifts[i]);
      if (slot !== NONE) return this.#entries[slot];
    }
    return undefined;
  }
  /** The output for the input, if the smallest region of `space` that holds it permits the access whose bit is `need`; ABSENT: there is none; REFUSED: `find` has it. */
  findDirect(space: number, high: number, low: number, need: number): number {
    const shifts = this.#shifts;
    for (let i = 0; i < shifts.length; i++) {
      const shift = shifts[i];
      const slot = this.#slotOf(space, high, low, shift);
      if (slot === NONE) continue;
      const slots = this.#slots;
      const at = slot * WORDS;
      if ((slots[at + PERMITS] & need) === 0) return REFUSED;
      return addressOf(slots[at + OUTPUT_HIGH] | highOffset(high, shift), slots[at + OUTPUT_LOW] | lowOffset(low, shift));
    }
    return ABSENT;
  }
  /** The region of exactly 2^shift bytes. */
  findSized(space: number, high: number, low: number, shift: number): E | undefined {
    const slot = this.#slotOf(space, high, low, shift);
    return slot === NONE ? undefined : this.#entries[slot];
  }

  /** Null: such entries are not asked for directly. The output is aligned to the region. */
  protected direct(_entry: E): Direct | null {
    return null;
  }

  insert(space: number, high: number, low: number, entry: E): void {
    if (this.capacity === 0) return;
    const known = this.#slotOf(space, high, low, entry.shift);
    if (known !== NONE) this.#remove(known);
    else if (this.#count >= this.capacity && !this.#makeRoom()) return;
    if (2 * (this.#count + 1) > this.#entries.length) this.#grow();
    this.#add(space, high, low, entry);
  }

  /** Removes the regions of `space`, of whatever size, that hold the input. Returns how many. */
  remove(space: number, high: number, low: number): number {
    const before = this.#count;
    for (const shift of this.#shifts) {
      const slot = this.#slotOf(space, high, low, shift);
      if (slot !== NONE) this.#remove(slot);
    }
    if (this.#spaces.get(space)?.first === NONE) this.#spaces.delete(space);
    return before - this.#count;
  }

  /** The slot of a region, or NONE. */
  #slotOf(space: number, high: number, low: number, shift: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const page = pageLow(high, low, shift);
    const tag = tagOf(space, high, shift);
    const spaceLow = space | 0;
    for (let slot = hash(page, tag, spaceLow) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      const found = slots[at + TAG];
      if (found === tag && slots[at + PAGE_LOW] === page && slots[at + SPACE_LOW] === spaceLow) return slot;
      if (found === 0) return NONE;
    }
  }

  /** Takes the next free slot: the newest entry of its space. */
  #add(space: number, high: number, low: number, entry: E): void {
    const slots = this.#slots;
    const tag = tagOf(space, high, entry.shift);
    const page = pageLow(high, low, entry.shift);
    let slot = hash(page, tag, space | 0) & this.#mask;
    while (slots[slot * WORDS + TAG] !== 0) slot = (slot + 1) & this.#mask;
    const at = slot * WORDS;
    slots[at + PAGE_LOW] = page;
    slots[at + TAG] = tag;
    slots[at + SPACE_LOW] = space;
    const direct = this.direct(entry);
    slots[at + OUTPUT_LOW] = direct === null ? 0 : lowHalf(direct.output);
    slots[at + OUTPUT_HIGH] = direct === null ? 0 : highHalf(direct.output);
    slots[at + PERMITS] = direct === null ? 0 : direct.permits;
    this.#entries[slot] = entry;
    let chain = this.#spaces.get(space);
    if (!chain) this.#spaces.set(space, (chain = { first: NONE, last: NONE }));
    slots[at + OLDER] = chain.last;
    slots[at + NEWER] = NONE;
    if (chain.last === NONE) chain.first = slot;
    else slots[chain.last * WORDS + NEWER] = slot;
    chain.last = slot;
    this.#count++;
    if (this.#ofSize[entry.shift]++ === 0) this.#sizesChanged();
  }

  /** The space stays, with its age, also when this was its last entry. */
  #remove(slot: number): void {
    const slots = this.#slots;
    const { shift } = this.#entries[slot] as E;
    const [older, newer] = [slots[slot * WORDS + OLDER], slots[slot * WORDS + NEWER]];
    const chain = this.#spaces.get(this.#spaceOf(slot)) as Space;
    if (older === NONE) chain.first = newer;
    else slots[older * WORDS + NEWER] = newer;
    if (newer === NONE) chain.last = older;
    else slots[newer * WORDS + OLDER] = older;
    this.#count--;
    if (--this.#ofSize[shift] === 0) this.#sizesChanged();
    this.#free(slot);
  }

  /** Frees a slot: entries behind it that it kept from their own place move up, so that no lookup ends early. */
  #free(slot: number): void {
    const slots = this.#slots;
    let free = slot;
    for (let next = (free + 1) & this.#mask; slots[next * WORDS + TAG] !== 0; next = (next + 1) & this.#mask) {
      const at = next * WORDS;
      const home = hash(slots[at + PAGE_LOW], slots[at + TAG], slots[at + SPACE_LOW]) & this.#mask;
      if (((next - home) & this.#mask) < ((next - free) & this.#mask)) continue;
      this.#move(next, free);
      free = next;
    }
    slots[free * WORDS + TAG] = 0;
    this.#entries[free] = undefined;
  }

  #move(from: number, to: number): void {
    const slots = this.#slots;
    slots.copyWithin(to * WORDS, from * WORDS, (from + 1) * WORDS);
    this.#entries[to] = this.#entries[from];
    const [older, newer] = [slots[to * WORDS + OLDER], slots[to * WORDS + NEWER]];
    if (older !== NONE) slots[older * WORDS + NEWER] = to;
    if (newer !== NONE) slots[newer * WORDS + OLDER] = to;
    if (older !== NONE && newer !== NONE) return;
    const chain = this.#spaces.get(this.#spaceOf(to)) as Space;
    if (older === NONE) chain.first = to;
    if (newer === NONE) chain.last = to;
  }

  /** Every entry gets a place in an array of twice the size: its words as they are, its neighbours by their new slots, each space in its order. */
  #grow(): void {
    const [slots, entries] = [this.#slots, this.#entries];
    const grown = new Int32Array(2 * slots.length);
    const grownEntries: (E | undefined)[] = new Array(2 * entries.length).fill(undefined);
    const mask = grownEntries.length - 1;
    for (const chain of this.#spaces.values()) {
      let older = NONE;
      for (let from = chain.first; from !== NONE; from = slots[from * WORDS + NEWER]) {
        const at = from * WORDS;
        let to = hash(slots[at + PAGE_LOW], slots[at + TAG], slots[at + SPACE_LOW]) & mask;
        while (grown[to * WORDS + TAG] !== 0) to = (to + 1) & mask;
        for (let word = 0; word < WORDS; word++) grown[to * WORDS + word] = slots[at + word];
        grownEntries[to] = entries[from];
        grown[to * WORDS + OLDER] = older;
        grown[to * WORDS + NEWER] = NONE;
        if (older === NONE) chain.first = to;
        else grown[older * WORDS + NEWER] = to;
        older = to;
      }
      chain.last = older;
    }
    this.#slots = grown;
    this.#entries = grownEntries;
    this.#mask = mask;
  }

  #empty(slots: number): void {
    this.#spaces.clear();
    this.#ofSize.fill(0);
    this.#shifts = [];
    this.#count = 0;
    this.#slots = new Int32Array(slots * WORDS);
    this.#entries = new Array(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  #sizesChanged(): void {
    this.#shifts = Array.from(this.#ofSize.keys()).filter((shift) => this.#ofSize[shift] !== 0);
  }

  #spaceOf(slot: number): number {
    return addressOf(this.#slots[slot * WORDS + TAG] >>> SPACE_BIT, this.#slots[slot * WORDS + SPACE_LOW]);
  }
  /** First input of the entry's region. */
  #inputOf(slot: number): number {
    return addressOf((this.#slots[slot * WORDS + TAG] >>> SHIFT_BITS) & PAGE_HIGH, this.#slots[slot * WORDS + PAGE_LOW]) * 2 ** PAGE_SHIFT;
  }

  /** The oldest entry of the oldest space goes. False: this cache never evicts. */
  #makeRoom(): boolean {
    if (this.#exhausted) {
      this.#exhausted();
      return false;
    }
    for (const [space, { first }] of this.#spaces) {
      if (first === NONE) continue;
      const input = this.#inputOf(first);
      this.#remove(first);
      if ((this.#spaces.get(space) as Space).first === NONE) this.#spaces.delete(space);
      this.#dropped(space, input);
      return true;
    }
    return true;
  }

  /** Spaces that have entries, or had them; oldest first. */
  spaces(): Iterable<number> {
    return this.#spaces.keys();
  }

  /** Removes the entries of the spaces and regions that match. */
  invalidate(reaches: Scope, match?: Match<E>): void {
    if (!match && [...this.#spaces.keys()].every(reaches)) return this.invalidateAll();
    for (const [space, chain] of this.#spaces) {
      if (!reaches(space)) continue;
      // Removing an entry may move others of the chain: the keys of those that go are taken down first.
      const going: { input: number; shift: number }[] = [];
      for (let slot = chain.first; slot !== NONE; slot = this.#slots[slot * WORDS + NEWER]) {
        const entry = this.#entries[slot] as E;
        const input = this.#inputOf(slot);
        if (!match || match(entry, input)) going.push({ input, shift: entry.shift });
      }
      for (const { input, shift } of going) this.#remove(this.#slotOf(space, highHalf(input), lowHalf(input), shift));
      if (chain.first === NONE) this.#spaces.delete(space);
    }
  }
  invalidateAll(): void {
    if (this.#spaces.size > 0) this.#empty(FIRST_SLOTS);
  }

  /** All entries, oldest space first. */
  *all(): Generator<{ space: number; input: number; entry: E }> {
    for (const [space, { first }] of this.#spaces) {
      for (let slot = first; slot !== NONE; slot = this.#slots[slot * WORDS + NEWER]) yield { space, input: this.#inputOf(slot), entry: this.#entries[slot] as E };
    }
  }
  /** The same with VMID and ASID apart. `space`: an ASID, or a number above 0xffff for global and stage-2 entries. */
  *entries(): Generator<{ vmid: number; space: number; input: number; entry: E }> {
    for (const { space, input, entry } of this.all()) yield { vmid: vmidOf(space), space: space % PER_VMID, input, entry };
  }
}

/** Page number of the region of 2^shift bytes around an input: its lower half, and the upper one beside the other tags. */
const pageLow = (high: number, low: number, shift: number): number => {
  const page = (low >>> PAGE_SHIFT) | (high << (32 - PAGE_SHIFT));
  return shift >= 32 + PAGE_SHIFT ? 0 : page & (-1 << (shift - PAGE_SHIFT));
};
const tagOf = (space: number, high: number, shift: number): number => {
  const page = (high >>> PAGE_SHIFT) & ~highOffset(-1, shift - PAGE_SHIFT);
  return (space >= 2 ** 32 ? ((space / 2 ** 32) | 0) << SPACE_BIT : 0) | (page << SHIFT_BITS) | shift;
};

/** Pages and ASIDs count up: a multiplication spreads them over the upper bits, and those come down. */
function hash(page: number, tag: number, spaceLow: number): number {
  const mixed = Math.imul(page ^ Math.imul(tag, 0x85eb_ca6b) ^ Math.imul(spaceLow, 0xc2b2_ae35), 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}
