import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sha256 } from "./sha256.ts";

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 37) & 0xff);

describe("SHA-256 (FIPS 180-4)", () => {
  it("of the empty message and of abc are the published digests", () => {
    expect(hexOf(sha256(new Uint8Array(0)))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(hexOf(sha256(new TextEncoder().encode("abc")))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
  it("of every length about the padding's borders is Node's", () => {
    for (const length of [1, 55, 56, 63, 64, 65, 119, 120, 128, 4096, 49_152])
      expect(hexOf(sha256(bytes(length)))).toBe(createHash("sha256").update(bytes(length)).digest("hex"));
  });
});
