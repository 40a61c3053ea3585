import { constants, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { gunzip } from "./gunzip.ts";
import { SeededRandom } from "./seeded-random.ts";

const random = new SeededRandom(1, 0).bytes(20_000);
const text = new TextEncoder().encode("the accelerator writes what the CPU reads; ".repeat(200));
const { Z_FIXED, Z_HUFFMAN_ONLY } = constants;

describe("gunzip of what zlib packs (RFC 1951, RFC 1952)", () => {
  const members: [string, Uint8Array, Uint8Array][] = [
    ["stored blocks", random, gzipSync(random, { level: 0 })],
    ["bytes that do not pack", random, gzipSync(random)],
    ["fixed codes and matches", text, gzipSync(text, { strategy: Z_FIXED })],
    ["dynamic codes and matches", text, gzipSync(text, { level: 9 })],
    [
      "dynamic codes alone",
      random.map((byte) => byte & 7),
      gzipSync(
        random.map((byte) => byte & 7),
        { strategy: Z_HUFFMAN_ONLY },
      ),
    ],
    ["one byte", Uint8Array.of(7), gzipSync(Uint8Array.of(7))],
    ["nothing", new Uint8Array(0), gzipSync(new Uint8Array(0))],
  ];
  for (const [what, plain, member] of members) it(`${what} come out as they went in`, () => expect(Buffer.from(gunzip(member)!).equals(Buffer.from(plain))).toBe(true));

  it("a member that is cut, has a changed byte, or is none gives null", () => {
    const member = new Uint8Array(gzipSync(random));
    expect(gunzip(member.subarray(0, member.length - 9))).toBeNull();
    for (const at of [0, 1, 2, 40, member.length - 8, member.length - 1]) {
      const changed = member.slice();
      changed[at] ^= 0x20;
      expect(gunzip(changed), `byte ${at}`).toBeNull();
    }
    expect(gunzip(new Uint8Array(5))).toBeNull();
  });
});
