import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeRange, encodeRange, translationCompletionEntry } from "./ats-message.ts";
import { pageRequestMessage } from "./page-request-message.ts";
import { prgResponseMessage } from "./prg-response-message.ts";
import { formatRequesterId, parseRequesterId } from "./requester-id.ts";

const value = (bytes: Uint8Array): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);

describe("size encoding of ATS (PCIe 10.2.3.2)", () => {
  it.each([
    ["4 KiB", 0x12345000n, 0x1000n, 0x12345000n],
    ["8 KiB", 0x12344000n, 0x2000n, 0x12344800n],
    ["16 KiB", 0x12344000n, 0x4000n, 0x12345800n],
    ["2 MiB", 0x40200000n, 0x200000n, 0x402ff800n],
    ["everything", 0n, 1n << 64n, 0x7ffffffffffff800n],
  ])("%s", (_name, address, sizeBytes, encoded) => {
    expect(encodeRange(address, sizeBytes)).toBe(encoded);
    expect(decodeRange(encoded)).toEqual({ address, sizeBytes });
  });
  it("decodes what it encoded", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 64n) - 1n), fc.integer({ min: 12, max: 63 }), (any, shift) => {
        const sizeBytes = 1n << BigInt(shift);
        const address = any & ~(sizeBytes - 1n);
        expect(decodeRange(encodeRange(address, sizeBytes))).toEqual({ address, sizeBytes });
      }),
    );
  });
});

describe("messages of ATS and PRI (PCIe 10)", () => {
  it("puts 2 MiB RW at 0x40200000 as 0x402ff803, 4 KiB R at 0x40000000 as 0x40000001", () => {
    const range = encodeRange(0x40200000n, 0x200000n);
    expect(value(translationCompletionEntry.encode({ R: 1, W: 1, S: (range >> 11n) & 1n, Address: range >> 12n }))).toBe(0x402ff803n);
    expect(value(translationCompletionEntry.encode({ R: 1, Address: 0x40000n }))).toBe(0x40000001n);
  });
  it("puts the PRG index of a Page Request into bits 11:3", () => {
    expect(value(pageRequestMessage.encode({ R: 1, L: 1, PRGIndex: 0x1ff, PageAddress: 0xabcden }))).toBe(0xabcdeffdn);
  });
  it("puts the destination of a PRG Response beside code and index", () => {
    expect(Array.from(prgResponseMessage.encode({ DestinationDeviceID: 0x0100, ResponseCode: 0xf, PRGIndex: 7 }))).toEqual([0x07, 0xf0, 0x00, 0x01]);
  });
});

describe("Requester ID (PCIe 2.2.6.2)", () => {
  it("reads and writes what lspci prints", () => {
    expect(parseRequesterId("00:01.0")).toBe(0x0008);
    expect(parseRequesterId("ff:1f.7")).toBe(0xffff);
    expect(formatRequesterId(0x12fa)).toBe("12:1f.2");
  });
  it("refuses a device above 1f and what is no BDF", () => {
    for (const text of ["00:20.0", "00:01.8", "0:1.0", "0000:00:01.0", ""]) expect(parseRequesterId(text)).toBe(null);
  });
});
