/** An STE or CD as eight 64-bit words. */
export type Entry = readonly bigint[];

export interface EntryOps {
  /** Bits that the hardware uses of an entry with these contents. */
  used(entry: Entry): bigint[];
  /** Bits of which either value is right at any time of the update. */
  safe(current: Entry, target: Entry): bigint[];
  /** One 64-bit store. */
  store(word: number, value: bigint): void;
  /** CFGI and CMD_SYNC. */
  sync(): Promise<void>;
}

const words = [0, 1, 2, 3, 4, 5, 6, 7];

/**
 * Turns `current` (in memory) into `target` so that the hardware sees a valid old or new entry at each moment where that is possible, and otherwise
 * V = 0 in between. Returns the number of syncs. arm_smmu_write_entry; host-driver.md, section 5.
 */
export async function writeEntry(current: Entry, target: Entry, ops: EntryOps): Promise<number> {
  const memory = [...current];
  let syncs = 0;
  /** Stores the words that differ; syncs when any did. */
  const store = async (which: readonly number[], value: (word: number) => bigint): Promise<void> => {
    const changed = which.filter((word) => memory[word] !== value(word));
    for (const word of changed) {
      memory[word] = value(word);
      ops.store(word, memory[word]);
    }
    if (changed.length === 0) return;
    syncs++;
    await ops.sync();
  };

  const usedTarget = ops.used(target);
  const safe = ops.safe(current, target);
  const effective = ops.used(current).map((bits, word) => bits & ~safe[word]);
  const unused = words.map((word) => (current[word] & effective[word]) | (target[word] & ~effective[word]));
  const critical = words.filter((word) => (unused[word] & usedTarget[word]) !== target[word]);

  if (critical.length === 1) {
    await store(
      words.filter((word) => word !== critical[0]),
      (word) => unused[word],
    );
    await store(critical, (word) => target[word]);
    await store(words, (word) => target[word]);
  } else if (critical.length > 1) {
    await store([0], () => 0n);
    await store(words.slice(1), (word) => target[word]);
    await store([0], (word) => target[word]);
  } else {
    await store(words, (word) => target[word]);
  }
  return syncs;
}

const mask = (hi: number, lo: number): bigint => ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);
const V = 1n;
/** Not in Linux' masks, which never set it: it only steers overflow responses of the PRI queue. */
const PPAR = mask(18, 18);
const MEV = mask(19, 19),
  EATS = mask(29, 28),
  EATS_TRANS = mask(28, 28),
  SHCFG = mask(45, 44);
const configOf = (entry: Entry): bigint => (entry[0] >> 1n) & 7n;

/** Bits of an STE that the hardware uses (host-driver.md, section 5). Bit positions are those of the word. */
export function usedSteBits(entry: Entry): bigint[] {
  const used = words.map(() => 0n);
  used[0] = V;
  if ((entry[0] & V) === 0n) return used;
  const config = configOf(entry);
  used[0] |= mask(3, 1);
  if ((config & 4n) === 0n) return used;
  if (config === 4n) {
    used[1] |= SHCFG;
    return used;
  }
  if (config & 1n) {
    used[0] |= mask(5, 4) | mask(55, 6) | mask(63, 59);
    used[1] |= mask(1, 0) | mask(3, 2) | mask(5, 4) | mask(7, 6) | mask(27, 27) | mask(31, 30) | EATS | MEV | PPAR;
    used[2] |= mask(15, 0);
    if ((entry[1] & 3n) === 1n) used[1] |= SHCFG; // S1DSS = bypass
  }
  if (config & 2n) {
    used[1] |= mask(25, 25) | EATS | SHCFG | MEV | PPAR;
    used[2] |= mask(15, 0) | mask(50, 32) | mask(51, 51) | mask(52, 52) | mask(54, 54) | mask(57, 57) | mask(58, 58);
    used[3] |= mask(51, 4);
  }
  return used;
}

/** MEV may change at any time; so may EATS between off and on, unless split-stage ATS or a stalling stage 2 is involved. */
export function safeSteBits(current: Entry, target: Entry): bigint[] {
  const safe = words.map(() => 0n);
  const eats = (entry: Entry): bigint => (entry[1] & EATS) >> 28n;
  const S2S = mask(57, 57);
  const bits = MEV | (eats(current) === 2n || eats(target) === 2n || ((current[2] | target[2]) & S2S) !== 0n ? 0n : EATS_TRANS);
  safe[1] = bits & usedSteBits(current)[1] & usedSteBits(target)[1];
  return safe;
}
