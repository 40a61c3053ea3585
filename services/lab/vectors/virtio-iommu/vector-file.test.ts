import { describe, expect, it } from "vitest";
import { Field, Malformed } from "../field.ts";
import { faultReport, virtioIommuFile } from "./vector-file.ts";

const config = {
  pageSizeMask: "0xfffffffffffff000",
  inputRange: ["0x0", "0xffffffffffff"],
  domainRange: [0, 4294967295],
  bypass: 1,
  featuresOffered: ["INPUT_RANGE", "RING_RESET", "VERSION_1"],
  reservedRegions: [{ subtype: 1, start: "0x8090000", end: "0x809ffff" }],
};
const attach = { op: "request", bytes: "0100000001000000100000000000000000000000", writableLength: 4, expect: { usedLength: 4, written: "00000000" } };
const file = (vectors: object[], more: object = {}) => virtioIommuFile(new Field({ format: "virtio-iommu-vectors/1", config, endpoints: [16, 256], vectors, ...more }));
const vector = (...steps: object[]) => ({ name: "v", tags: ["attach"], steps });
const stepsOf = (...steps: object[]) => file([vector(...steps)]).vectors[0].steps;

describe("virtio-iommu-vectors/1 (test/vectors/virtio-iommu/README.md)", () => {
  it("the device is what config says, ring features apart", () => {
    expect(file([])).toMatchObject({
      config: {
        pageSizeMask: "0xfffffffffffff000",
        inputRange: { start: "0x0", end: "0xffffffffffff" },
        domainRange: { start: 0, end: 0xffffffff },
        bypass: true,
        reservedRegions: [{ subtype: 1, start: "0x8090000", end: "0x809ffff" }],
      },
      ringFeatures: 1n << 40n,
      endpoints: [16, 256],
    });
  });
  it("vectors with the tag qemu-specific are counted and not looked at", () => {
    const { vectors, unscored } = file([vector(attach), { name: "w", tags: ["dma", "qemu-specific"], steps: [{ op: "anything" }] }]);
    expect([vectors.map(({ name }) => name), unscored]).toEqual([["v"], 1]);
  });
  it("steps are decoded", () => {
    const faults = [{ bytes: "020000000201000010000000000000000c10000000000000" }, { bytes: "010000000000000010000000000000000000000000000000" }];
    expect(
      stepsOf(
        { op: "features", accept: ["VERSION_1", "MAP_UNMAP"], expect: { featuresOk: true } },
        attach,
        { ...attach, expect: { usedLength: null, written: null } },
        { op: "config", offset: 36, length: 1, expect: "01" },
        { op: "config", offset: 36, bytes: "02", expect: { needsReset: true } },
        { op: "dma", endpoint: 16, iova: "0x1000", length: 4, write: true, expect: { pa: null } },
        { op: "expectFaults", faults },
        { op: "systemReset" },
      ),
    ).toEqual([
      { op: "features", accept: 0x1_0000_0004n, featuresOk: true },
      { op: "request", readable: new Uint8Array(Buffer.from(attach.bytes, "hex")), writableLength: 4, written: new Uint8Array(4) },
      { op: "request", readable: new Uint8Array(Buffer.from(attach.bytes, "hex")), writableLength: 4, written: null },
      { op: "readConfig", offset: 36, length: 1, expect: Uint8Array.of(1) },
      { op: "writeConfig", offset: 36, bytes: Uint8Array.of(2), needsReset: true },
      { op: "dma", endpoint: 16, iova: 0x1000n, length: 4, write: true, pa: null },
      {
        op: "expectFaults",
        faults: [
          { reason: 2, endpoint: 16, address: 0x100cn },
          { reason: 1, endpoint: 16, address: null },
        ],
      },
      { op: "systemReset" },
    ]);
  });
  it("a report has 24 bytes", () => {
    expect(faultReport(new Uint8Array(23))).toBeNull();
  });

  it.each<[string, () => unknown, RegExp]>([
    ["a step that does not exist", () => stepsOf({ op: "mem" }), /^vectors\[0\]\.steps\[0\]\.op: "mem" is no step/],
    ["a feature that does not exist", () => stepsOf({ op: "features", accept: ["SVA"], expect: { featuresOk: true } }), /accept\[0\]: "SVA" is no feature/],
    [
      "a used length that is not that of written",
      () => stepsOf({ ...attach, expect: { usedLength: 8, written: "00000000" } }),
      /expect\.written: has 4 bytes, usedLength says 8/,
    ],
    ["a range of one end", () => file([], { config: { ...config, inputRange: ["0x0"] } }), /^config\.inputRange: has 1 ends/],
    ["a device without a page size", () => file([], { config: { ...config, pageSizeMask: "0x0" } }), /^config\.pageSizeMask: must have a bit set/],
    ["a fault report that is too short", () => stepsOf({ op: "expectFaults", faults: [{ bytes: "02" }] }), /faults\[0\]\.bytes: has 1 bytes, a report 24/],
    ["DMA of no byte", () => stepsOf({ op: "dma", endpoint: 16, iova: "0x0", length: 0, write: true, expect: { pa: null } }), /length: must be from 1/],
    ["a requester id of more than 16 bits", () => file([], { endpoints: [65536] }), /^endpoints\[0\]: must be a number of at most 16 bits/],
  ])("%s is named by its place", (_what, read, message) => {
    expect(read).toThrow(Malformed);
    expect(read).toThrow(message);
  });
});
