/* What a gzip member holds (RFC 1951, RFC 1952), as a user process unpacks it to check what the device wrote. Bit by bit: written to be read, for a few pages. */

/** 3.2.5: extra bits and first value of length and distance codes. */
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const DISTANCE_EXTRA = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
/** 3.2.7: the order of code length code lengths. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const HEADER_BYTES = 10,
  TRAILER_BYTES = 8;

/** Canonical codes by `length << 16 | code` (3.2.2). */
type Codes = Map<number, number>;

/** The bytes that the member was made of; null: it is none, it is cut, or CRC32 or ISIZE disagree. Not modelled: optional header fields. */
export function gunzip(member: Uint8Array): Uint8Array | null {
  if (member.length < HEADER_BYTES + TRAILER_BYTES || member[0] !== 0x1f || member[1] !== 0x8b || member[2] !== 8 || member[3] !== 0) return null;
  const bytes = inflate(member.subarray(HEADER_BYTES, member.length - TRAILER_BYTES));
  const trailer = new DataView(member.buffer, member.byteOffset + member.length - TRAILER_BYTES);
  return bytes && trailer.getUint32(0, true) === crc32(bytes) && trailer.getUint32(4, true) === bytes.length ? bytes : null;
}

function inflate(data: Uint8Array): Uint8Array | null {
  let at = 0;
  const bit = (): number => {
    const value = ((data[at >> 3] ?? 0) >> (at & 7)) & 1;
    at++;
    return value;
  };
  const bits = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value |= bit() << i;
    return value;
  };
  const symbol = (codes: Codes): number => {
    let code = 0;
    for (let length = 1; length <= 15; length++) {
      code = (code << 1) | bit();
      const found = codes.get((length << 16) | code);
      if (found !== undefined) return found;
    }
    return -1;
  };
  const dynamicCodes = (): [Codes, Codes] => {
    const [literals, distances, lengths] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const ofLengths = new Array<number>(19).fill(0);
    for (const which of ORDER.slice(0, lengths)) ofLengths[which] = bits(3);
    const lengthCodes = codesOf(ofLengths);
    const all: number[] = [];
    while (all.length < literals + distances && at <= 8 * data.length) {
      const code = symbol(lengthCodes);
      if (code < 16) all.push(code);
      else if (code === 16) all.push(...new Array<number>(3 + bits(2)).fill(all[all.length - 1]));
      else all.push(...new Array<number>(code === 17 ? 3 + bits(3) : 11 + bits(7)).fill(0));
    }
    return [codesOf(all.slice(0, literals)), codesOf(all.slice(literals))];
  };

  const output: number[] = [];
  for (let last = 0; last === 0; ) {
    last = bit();
    const type = bits(2);
    if (type === 3) return null;
    if (type === 0) {
      at = (at + 7) & ~7;
      const length = bits(16);
      bits(16);
      for (let i = 0; i < length; i++) output.push(bits(8));
      if (at > 8 * data.length) return null;
      continue;
    }
    const [literals, distances] = type === 1 ? [fixedLiterals, fixedDistances] : dynamicCodes();
    for (;;) {
      const code = symbol(literals);
      if (code < 0 || at > 8 * data.length) return null;
      if (code === 256) break;
      if (code < 256) {
        output.push(code);
        continue;
      }
      const length = LENGTH_BASE[code - 257] + bits(LENGTH_EXTRA[code - 257]);
      const distanceCode = symbol(distances);
      const distance = DISTANCE_BASE[distanceCode] + bits(DISTANCE_EXTRA[distanceCode]);
      if (!(distance <= output.length)) return null;
      for (let i = 0; i < length; i++) output.push(output[output.length - distance]);
    }
  }
  return Uint8Array.from(output);
}

function codesOf(lengths: readonly number[]): Codes {
  const codes: Codes = new Map();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    for (const [value, of] of lengths.entries()) if (of === length) codes.set((length << 16) | code++, value);
    code <<= 1;
  }
  return codes;
}

/** 3.2.6. */
const fixedLiterals = codesOf(Array.from({ length: 288 }, (_, value) => (value < 144 ? 8 : value < 256 ? 9 : value < 280 ? 7 : 8)));
const fixedDistances = codesOf(new Array<number>(30).fill(5));

/** RFC 1952, 8. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
