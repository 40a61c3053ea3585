/** [hi, lo], numbered as the specification prints them: bit 64 is bit 0 of doubleword 1. */
export type Bits = readonly [hi: number, lo: number];
export type Layout = Record<string, Bits>;
export type Fields<L extends Layout> = { [Name in keyof L]: bigint };
/** Reads one field of at most 53 bits out of a structure that starts at `words[at]` (32-bit little-endian words). */
export type FieldReader = (words: Uint32Array, at: number) => number;

export interface BitStruct<L extends Layout> {
  readonly name: string;
  readonly sizeBytes: number;
  readonly layout: L;
  /** Every named field. Throws RangeError when `bytes` is not `sizeBytes` long: that is our mistake, never the machine's. */
  decode(bytes: Uint8Array): Fields<L>;
  /** Bits that no field names stay 0. Throws RangeError when a value does not fit its field. */
  encode(fields: { [Name in keyof L]?: bigint | number }): Uint8Array<ArrayBuffer>;
  /** Compiled once, for hot paths. */
  reader(field: keyof L & string): FieldReader;
}

/** A fixed-size little-endian structure. Its declaration is the only place where its layout is written. */
export function bitStruct<const L extends Layout>(name: string, sizeBytes: number, layout: L): BitStruct<L> {
  const entries = Object.entries(layout) as [keyof L & string, Bits][];
  for (const [field, [hi, lo]] of entries) {
    if (lo < 0 || hi < lo || hi >= sizeBytes * 8) throw new RangeError(`${name}.${field} [${hi}:${lo}] lies outside ${sizeBytes} bytes`);
  }
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  const readers = entries.map(([field, bits]) => [field, bigintReader(bits)] as const);
  return {
    name,
    sizeBytes,
    layout,
    decode(bytes) {
      if (bytes.length !== sizeBytes) throw new RangeError(`${name} is ${sizeBytes} bytes, got ${bytes.length}`);
      words.fill(0);
      for (let i = 0; i < sizeBytes; i++) words[i >>> 2] |= bytes[i] << (8 * (i & 3));
      const out: Record<string, bigint> = {};
      for (const [field, read] of readers) out[field] = read(words);
      return out as Fields<L>;
    },
    encode(fields) {
      words.fill(0);
      for (const [field, bits] of entries) {
        const value = fields[field] ?? 0;
        if (!deposit(words, bits, value)) throw new RangeError(`${name}.${field} is ${bits[0] - bits[1] + 1} bits, got ${value}`);
      }
      const bytes = new Uint8Array(sizeBytes);
      for (let i = 0; i < sizeBytes; i++) bytes[i] = words[i >>> 2] >>> (8 * (i & 3));
      return bytes;
    },
    reader(field) {
      return fieldReader(layout[field]);
    },
  };
}

/** Reads a field of any width out of a structure that starts at `words[0]`. */
function bigintReader([hi, lo]: Bits): (words: Uint32Array) => bigint {
  if (hi - lo < 53) {
    const read = fieldReader([hi, lo]);
    return (words) => BigInt(read(words, 0));
  }
  const low = fieldReader([lo + 31, lo]);
  const high = bigintReader([hi, lo + 32]);
  return (words) => (high(words) << 32n) | BigInt(low(words, 0));
}

/** Writes a value into its field, which is 0; false when it is no integer of the field's width. In words of 32 bits: shifting a BigInt of 512 bits costs microseconds a record. */
function deposit(words: Uint32Array, [hi, lo]: Bits, value: bigint | number): boolean {
  if (typeof value === "bigint") {
    if (value < 0n || value > Number.MAX_SAFE_INTEGER) {
      return value > 0n && lo + 32 <= hi && deposit(words, [lo + 31, lo], Number(BigInt.asUintN(32, value))) && deposit(words, [hi, lo + 32], value >> 32n);
    }
    value = Number(value);
  }
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (hi - lo + 1)) return false;
  const low = value >>> 0;
  orInto(words, lo >>> 5, lo & 31, low);
  if (value !== low) orInto(words, (lo >>> 5) + 1, lo & 31, (value - low) / 2 ** 32);
  return true;
}

/** 32 bits at bit `from` of `words[word]`; what reaches over its top goes into the next word, if there is one. */
function orInto(words: Uint32Array, word: number, from: number, bits: number): void {
  words[word] |= bits << from;
  if (from > 0 && word + 1 < words.length) words[word + 1] |= bits >>> (32 - from);
}

/** Compiles a reader for a field of at most 53 bits; the result is a number. */
export function fieldReader([hi, lo]: Bits): FieldReader {
  const bits = hi - lo + 1;
  if (bits > 53) throw new RangeError(`a field of ${bits} bits does not fit a number; read its halves`);
  const first = lo >>> 5;
  const shift = lo & 31;
  if (shift + bits <= 32) {
    const mask = bits === 32 ? 0xffffffff : (1 << bits) - 1;
    return (words, at) => ((words[at + first] >>> shift) & mask) >>> 0;
  }
  return (words, at) => {
    let value = 0;
    let scale = 1;
    let word = first;
    let from = shift;
    for (let left = bits; left > 0; word++) {
      const take = Math.min(32 - from, left);
      const mask = take === 32 ? 0xffffffff : (1 << take) - 1;
      value += (((words[at + word] >>> from) & mask) >>> 0) * scale;
      scale *= 2 ** take;
      left -= take;
      from = 0;
    }
    return value;
  };
}
