import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bitStruct, fieldReader } from "./bit-struct.ts";

const SAMPLE = bitStruct("SAMPLE", 16, { low: [7, 0], top: [31, 31], across: [66, 30 + 3], whole: [127, 96], wide: [95, 67] });

describe("bitStruct", () => {
  it("numbers bits as the documents do: bit 64 is bit 0 of doubleword 1", () => {
    const struct = bitStruct("S", 16, { first: [0, 0], sixtyFourth: [64, 64] });
    expect(Array.from(struct.encode({ sixtyFourth: 1 }))).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });
  it("decodes what it encoded, and its readers read the same", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const fields = SAMPLE.decode(bytes);
        expect(SAMPLE.decode(SAMPLE.encode(fields))).toEqual(fields);
        const words = new Uint32Array(bytes.slice().buffer);
        for (const [name, bits] of Object.entries(SAMPLE.layout)) {
          expect(BigInt(fieldReader(bits)(words, 0))).toBe(fields[name as keyof typeof fields]);
        }
      }),
    );
  });
  it("holds fields wider than 53 bits, at any bit, as arithmetic on the whole structure does", () => {
    const wide = bitStruct("WIDE", 24, { first: [63, 0], inside: [120, 65], across: [191, 125] });
    const padding = bitStruct("PADDING", 21, { head: [7, 0], rest: [167, 8] });
    const bits = (width: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(width)) - 1n });
    fc.assert(
      fc.property(bits(64), bits(56), bits(67), (first, inside, across) => {
        const raw = first | (inside << 65n) | (across << 125n);
        const bytes = Uint8Array.from({ length: 24 }, (_, i) => Number((raw >> BigInt(8 * i)) & 0xffn));
        expect(wide.encode({ first, inside, across })).toEqual(bytes);
        expect(wide.decode(bytes)).toEqual({ first, inside, across });
      }),
    );
    fc.assert(
      fc.property(bits(8), bits(160), (head, rest) => {
        const bytes = Uint8Array.from({ length: 21 }, (_, i) => Number(((head | (rest << 8n)) >> BigInt(8 * i)) & 0xffn));
        expect(padding.encode({ head, rest })).toEqual(bytes);
        expect(padding.decode(bytes)).toEqual({ head, rest });
      }),
    );
  });
  it("reads a field with all bits set, also one that crosses words", () => {
    const words = new Uint32Array(4).fill(0xffffffff);
    expect(fieldReader([31, 0])(words, 0)).toBe(0xffffffff);
    expect(fieldReader([66, 20])(words, 0)).toBe(2 ** 47 - 1);
  });
  it("refuses a value that does not fit, and a field outside the structure", () => {
    expect(() => SAMPLE.encode({ low: 256 })).toThrow("SAMPLE.low is 8 bits, got 256");
    for (const value of [-1, 1.5, Number.NaN, -1n, 1n << 64n]) expect(() => SAMPLE.encode({ whole: value })).toThrow(`SAMPLE.whole is 32 bits, got ${value}`);
    const wide = bitStruct("WIDE", 8, { all: [63, 0] });
    for (const value of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, -1n, 1n << 64n])
      expect(() => wide.encode({ all: value })).toThrow(`WIDE.all is 64 bits, got ${value}`);
    expect(() => bitStruct("S", 8, { beyond: [64, 64] })).toThrow("lies outside 8 bytes");
  });
});
