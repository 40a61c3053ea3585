/** 64-bit values in messages are 8 little-endian bytes (interfaces.md, section 1). */
export function uint64Bytes(value: bigint | number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  if (typeof value === "number" && value >= 0 && Number.isSafeInteger(value)) {
    // Most are addresses and register values: by halves, without a BigInt.
    let low = value >>> 0;
    let high = (value - low) / 2 ** 32;
    for (let i = 0; i < 4; i++, low >>>= 8, high >>>= 8) {
      bytes[i] = low;
      bytes[i + 4] = high;
    }
    return bytes;
  }
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  return bytes;
}

/** The lower 32 bits as 4 little-endian bytes. */
export const uint32Bytes = (value: number): Uint8Array<ArrayBuffer> => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

/** The bigint in 8 little-endian bytes; shorter input is zero-extended. */
export function uint64Of(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = Math.min(bytes.length, 8) - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  return value;
}

/** As a number; exact up to 2^53. Addresses of this machine have at most 52 bits. */
export function numberOf(bytes: Uint8Array): number {
  let value = 0;
  for (let i = Math.min(bytes.length, 8) - 1; i >= 0; i--) value = value * 256 + bytes[i];
  return value;
}

/** Values and their texts, each in the place that its bits give it: an address stands in a dozen events of one fault, and above 2^31 a text costs up to 250 ns. */
const PLACES = 1024;
const known = new Float64Array(PLACES).fill(Number.NaN);
const texts = new Array<string>(PLACES).fill("");

export function hex(value: bigint | number): string {
  const number = Number(value);
  if (!(Number.isSafeInteger(number) && number >= 0)) return `0x${value.toString(16)}`;
  const place = (number ^ (number / 4096)) & (PLACES - 1);
  if (known[place] !== number) {
    known[place] = number;
    texts[place] = `0x${BigInt(number).toString(16)}`;
  }
  return texts[place];
}

export const hexBytes = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
