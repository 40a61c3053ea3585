import { compileDecode, compileEncode } from "./compiled-struct.ts";

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
  const refuse = (field: string, value: unknown) => {
    const [hi, lo] = layout[field];
    throw new RangeError(`${name}.${field} is ${hi - lo + 1} bits, got ${value}`);
  };
  // Written when they are first asked for: most structures of a process never are.
  let decode: ReturnType<typeof compileDecode> | null = null;
  let encode: ReturnType<typeof compileEncode> | null = null;
  return {
    name,
    sizeBytes,
    layout,
    decode(bytes) {
      if (bytes.length !== sizeBytes) throw new RangeError(`${name} is ${sizeBytes} bytes, got ${bytes.length}`);
      decode ??= compileDecode(sizeBytes, layout);
      return decode(bytes) as Fields<L>;
    },
    encode(fields) {
      encode ??= compileEncode(sizeBytes, layout, refuse);
      return encode(fields);
    },
    reader(field) {
      return fieldReader(layout[field]);
    },
  };
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
