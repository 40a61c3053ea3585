import type { Bits, Layout } from "./bit-struct.ts";

/*
 * A structure's decoder and encoder as straight-line code, written from its declaration: each 32-bit word once out of its bytes, each field by a shift and a mask. A loop over the fields costs
 * six times as much, and one fault passes through twenty structures.
 */

/** `bytes` to an object of all fields. */
export function compileDecode(sizeBytes: number, layout: Layout): (bytes: Uint8Array) => Record<string, bigint> {
  const fields = Object.entries(layout).map(([field, bits]) => `${JSON.stringify(field)}: ${bigintIn(bits)}`);
  const source = `
    ${lines(wordsOf(sizeBytes), (word) => `const w${word} = ${bytesOf(word, sizeBytes).join(" | ")};`)}
    return { ${fields.join(", ")} };`;
  return new Function("bytes", source) as ReturnType<typeof compileDecode>;
}

/** An object of fields to bytes; a field that is left out is 0. A value that is no integer of its field's width goes to `refuse`, which throws. */
export function compileEncode(
  sizeBytes: number,
  layout: Layout,
  refuse: (field: string, value: unknown) => never,
): (fields: Record<string, bigint | number | undefined>) => Uint8Array<ArrayBuffer> {
  const words = wordsOf(sizeBytes);
  const source = `
    let value, number, bits;
    ${lines(words, (word) => `let w${word} = 0;`)}
    ${lines(Object.entries(layout), ([field, bits]) => depositField(JSON.stringify(field), bits, sizeBytes))}
    const bytes = new Uint8Array(${sizeBytes});
    ${lines(words, (word) => bytesOf(word, sizeBytes, (place, from) => `${place} = w${word} >>> ${from};`).join(" "))}
    return bytes;`;
  return new Function("isFit", "part", "refuse", `return (fields) => {${source}}`)(isFit, partOf, refuse) as ReturnType<typeof compileEncode>;
}

const lines = <T>(items: readonly T[], line: (item: T) => string): string => items.map(line).join("\n");
const wordsOf = (sizeBytes: number): number[] => Array.from({ length: Math.ceil(sizeBytes / 4) }, (_, word) => word);

/** The bytes of a word that the structure has, each shifted to its place in the word. */
const bytesOf = (word: number, sizeBytes: number, expression = (place: string, from: number) => `${place} << ${from}`): string[] =>
  [0, 1, 2, 3].filter((byte) => 4 * word + byte < sizeBytes).map((byte) => expression(`bytes[${4 * word + byte}]`, 8 * byte));

/** The expression of a field of any width, as a bigint. */
const bigintIn = ([hi, lo]: Bits): string => (hi - lo < 53 ? `BigInt(${numberIn([hi, lo])})` : `(${bigintIn([hi, lo + 32])}) << 32n | ${bigintIn([lo + 31, lo])}`);

/** The expression of a field of at most 53 bits, as a number. */
function numberIn([hi, lo]: Bits): string {
  const from = lo & 31;
  const width = Math.min(32 - from, hi - lo + 1);
  const low = `(w${lo >>> 5} >>> ${from} & ${width === 32 ? -1 : 2 ** width - 1}) >>> 0`;
  return lo + width > hi ? `(${low})` : `(${low}) + ${2 ** width} * ${numberIn([hi, lo + width])}`;
}

/** A field into the words, whatever its width. Beyond 53 bits `number` is not exact: only there `value` is taken apart. */
function depositField(name: string, [hi, lo]: Bits, sizeBytes: number): string {
  const width = hi - lo + 1;
  const isWide = width > 53;
  const fit = isWide ? `isFit(value, number, ${width})` : `number >= 0 && number < ${2 ** width} && Number.isInteger(number)`;
  const parts = isWide ? wordsOf(width / 8).map((part) => `part(value, number, ${part})`) : width > 32 ? ["number >>> 0", `Math.floor(number / ${2 ** 32})`] : ["number"];
  const deposits = parts.map((part, i) => deposit(lo + 32 * i, part, sizeBytes)).join(" ");
  return `if ((value = fields[${name}]) !== undefined) { number = Number(value); if (!(${fit})) refuse(${name}, value); ${deposits} }`;
}

/** Puts 32 bits at bit `lo`; what reaches over the top of a word goes into the next one, if there is one. */
function deposit(lo: number, bits: string, sizeBytes: number): string {
  const word = lo >>> 5;
  const from = lo & 31;
  const over = from > 0 && 4 * (word + 1) < sizeBytes ? ` w${word + 1} |= bits >>> ${32 - from};` : "";
  return `bits = ${bits}; w${word} |= bits << ${from};${over}`;
}

function isFit(value: bigint | number, number: number, width: number): boolean {
  if (number <= Number.MAX_SAFE_INTEGER) return number >= 0 && Number.isInteger(number);
  return Number.isFinite(number) && BigInt(value) >> BigInt(width) === 0n;
}

/** Word `part` of a value that fits. */
function partOf(value: bigint | number, number: number, part: number): number {
  if (number > Number.MAX_SAFE_INTEGER) return Number(BigInt.asUintN(32, BigInt(value) >> BigInt(32 * part)));
  return part === 0 ? number >>> 0 : part === 1 ? Math.floor(number / 2 ** 32) : 0;
}
