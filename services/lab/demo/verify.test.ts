import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { verify } from "./verify.ts";

const input = Buffer.from("123456789");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

describe("the result is compared with this machine's own tools", () => {
  it("sha256 and copy: the digest of the input", () => {
    expect(verify("sha256", input, sha256(input))).toEqual({ digest: sha256(input).toString("hex"), error: null });
    expect(verify("copy", input, Buffer.from(input))).toEqual({ digest: sha256(input).toString("hex"), error: null });
  });
  it("crc32c: the check value of CRC-32C is e3069283", () => {
    expect(verify("crc32c", input, Uint8Array.of(0x83, 0x92, 0x06, 0xe3))).toEqual({ digest: "e3069283", error: null });
  });
  it("gzip: gunzip gives the input, the digest is that of the output", () => {
    const output = gzipSync(input);
    expect(verify("gzip", input, output)).toEqual({ digest: sha256(output).toString("hex"), error: null });
  });
  it.each(["sha256", "copy", "crc32c", "gzip"] as const)("%s: a wrong result is named", (operation) => {
    expect(verify(operation, input, Buffer.from("wrong")).error).toMatch(/expected|gunzip/);
  });
});
