import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "./uint64.ts";

describe("hex", () => {
  it("writes numbers and bigints of any size alike, however often and in whatever order", () => {
    const pages = fc.integer({ min: 0, max: 3 }).map((page) => page * 4096 * 1024); // the same place, different values
    const values = fc.oneof(pages, fc.integer({ min: 0, max: 8 }), fc.maxSafeNat(), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 20 }), (list) => {
        for (const value of [...list, ...list]) expect(BigInt(hex(value))).toBe(BigInt(value));
        for (const value of list) expect(hex(value)).toBe(hex(BigInt(value)));
      }),
    );
  });
  it("writes 0x, lower-case digits and no leading zeros", () => {
    expect([0, 10, 0x80000000, 2 ** 53 - 1, 0xffff_8000_0000_1000n].map(hex)).toEqual(["0x0", "0xa", "0x80000000", "0x1fffffffffffff", "0xffff800000001000"]);
    expect([0, 10, 0x80000000].map(hex)).toEqual(["0x0", "0xa", "0x80000000"]);
  });
});
