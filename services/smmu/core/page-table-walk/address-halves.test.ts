import { describe, expect, it } from "vitest";
import { addressOf, exceeds, highHalf, highOffset, lowHalf, lowOffset } from "./address-halves.ts";

describe("addresses in halves", () => {
  const addresses = [0, 0xfff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 2 ** 32, 0x1_8000_0000, 0xffff_ffff_f000, 2 ** 52 - 1];
  it.each(addresses)("%d is the same number again", (address) => {
    expect(addressOf(highHalf(address), lowHalf(address))).toBe(address);
  });
  it.each([12, 21, 31, 32, 33, 39, 42, 48, 51])("exceeds and the offset below bit %d are those of the number", (bits) => {
    for (const address of addresses) {
      const [high, low] = [highHalf(address), lowHalf(address)];
      expect(exceeds(high, low, bits)).toBe(address >= 2 ** bits);
      expect(addressOf(highOffset(high, bits), lowOffset(low, bits))).toBe(address % 2 ** bits);
    }
  });
});
