import { describe, expect, it } from "vitest";
import { Field, Malformed } from "./field.ts";
import type { ImageFile } from "./image-file.ts";
import { fileOf } from "./replay-files.ts";
import type { VectorFile } from "./vector-file.ts";

const vectors = () => ({
  format: "smmu-vectors/1",
  source: "unknown keys are not looked at",
  profile: { IDR0: "0xd44101b", IDR1: "0x2730010", IDR3: "0x1414", IDR5: "0x74", AIDR: "0x1", IIDR: "43b" } as Record<string, unknown>,
  ram: { base: "0x40000000", size: "0x4000000" } as Record<string, unknown>,
  streamId: 8 as unknown,
  vectors: [
    {
      name: "one" as unknown,
      steps: [
        { op: "reset" },
        { op: "mem", addr: "0x40001000", bytes: "0102ff" },
        { op: "write64", reg: "0x80", value: "0x40000000" },
        { op: "read32", reg: "0x24", expect: "0x1", mask: "0xff" },
        { op: "dma", write: 0, iova: "0xffff000000001000", length: 2, sid: "0x18", expect: { ok: true, data: "aabb" } },
        { op: "dma", write: true, iova: "0x10", length: 2, data: "aabb", expect: { ok: true }, arch: { ok: false } },
        { op: "expectMem", addr: "0x40001000", bytes: "01", arch: "02" },
        { op: "expectEvents", records: ["10".padEnd(64, "0")], mask: "ff".repeat(32), note: 1 },
      ] as Record<string, unknown>[],
    },
  ],
});
const image = () => ({
  format: "smmu-image/1",
  registers: { note: "a comment", "0x20": "0x5", "0x0080": "0x40000000", "0x50": "0x7", "0x68": "0x1000", "0x4": "0x2730010", "0x24": "0x5" } as Record<string, unknown>,
  memory: [
    ["0x40000000", "AAEC"],
    ["0xfffffffff000", "/+8"],
  ] as unknown[],
  translations: [{ sid: 8, ssid: null, iova: "0x1000", write: true, pa: "0x2000" }] as Record<string, unknown>[],
});

type Change<T> = (file: T) => void;
const load = (document: unknown) => fileOf(new Field(JSON.parse(JSON.stringify(document))));
const loadImage = (change: Change<ReturnType<typeof image>> = () => {}): ImageFile => {
  const file = image();
  change(file);
  return load(file) as ImageFile;
};
const refusal = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
  return "accepted";
};

describe("smmu-vectors/1 (vectors/smmu/README.md)", () => {
  it("numbers in strings are hexadecimal, dumps are in memory order, `arch` is what must happen", () => {
    const file = load(vectors()) as VectorFile;
    expect([file.profile, file.ram]).toEqual([
      { IDR0: 0xd44101b, IDR1: 0x2730010, IDR3: 0x1414, IDR5: 0x74, AIDR: 1, IIDR: 0x43b },
      { base: 0x4000_0000, size: 0x400_0000 },
    ]);
    expect(file.vectors[0].steps).toEqual([
      { op: "reset" },
      { op: "mem", address: 0x4000_1000, bytes: Uint8Array.of(1, 2, 255) },
      { op: "write", offset: 0x80, size: 8, value: 0x4000_0000n },
      { op: "read", offset: 0x24, size: 4, expect: 1n, mask: 0xffn },
      { op: "dma", sid: 0x18, write: false, iova: 0xffff_0000_0000_1000n, length: 2, data: undefined, expect: { ok: true, data: Uint8Array.of(0xaa, 0xbb) } },
      { op: "dma", sid: 8, write: true, iova: 0x10n, length: 2, data: Uint8Array.of(0xaa, 0xbb), expect: { ok: false, data: null } },
      { op: "expectMem", address: 0x4000_1000, bytes: Uint8Array.of(2) },
      { op: "expectEvents", records: [Uint8Array.of(0x10, ...new Array(31).fill(0))], mask: new Uint8Array(32).fill(255) },
    ]);
  });

  const step = (index: number, change: Record<string, unknown>) => (file: ReturnType<typeof vectors>) => void Object.assign(file.vectors[0].steps[index], change);
  const malformed: [string, Change<ReturnType<typeof vectors>>, string][] = [
    ["another format", (file) => void (file.format = "smmu-vectors/2"), 'format: "smmu-vectors/2" is none of smmu-vectors/1, smmu-image/1 and virtio-iommu-vectors/1'],
    ["no profile", (file) => void Reflect.deleteProperty(file, "profile"), "profile: is missing"],
    ["a profile without IDR5", (file) => void Reflect.deleteProperty(file.profile, "IDR5"), "profile.IDR5: is missing"],
    ["an ID register of 33 bits", (file) => void (file.profile.IDR1 = "0x100000000"), "profile.IDR1: must be a number of at most 32 bits"],
    ["RAM above 2^52", (file) => void (file.ram = { base: "0xfffffffff0000", size: "0x100000" }), "ram: must end below 2^52"],
    ["a StreamID that is a word", (file) => void (file.streamId = "eight"), 'streamId: must be a number, hexadecimal if in a string, got "eight"'],
    ["no vectors", (file) => void Object.assign(file, { vectors: {} }), "vectors: must be an array, got {}"],
    ["a vector without name", (file) => void (file.vectors[0].name = undefined), "vectors[0].name: is missing"],
    ["a step that is none", step(1, { op: "poke" }), 'vectors[0].steps[1].op: "poke" is no step'],
    ["a step without op", step(0, { op: undefined }), "vectors[0].steps[0].op: is missing"],
    ["an address that is no number", step(1, { addr: "0xzz" }), "vectors[0].steps[1].addr: must be a number"],
    ["a negative address", step(1, { addr: -1 }), "vectors[0].steps[1].addr: must be a number"],
    ["an address above 2^52", step(1, { addr: "0x10000000000000" }), "vectors[0].steps[1].addr: must be a number of at most 52 bits"],
    ["half a byte", step(1, { bytes: "012" }), "vectors[0].steps[1].bytes: must be an even number of hexadecimal digits"],
    ["a register behind both pages", step(2, { reg: "0x20000" }), "vectors[0].steps[2].reg: lies outside"],
    ["a value wider than its write", step(2, { op: "write32", value: "0x100000000" }), "vectors[0].steps[2].value: must be a number of at most 32 bits"],
    ["a read that expects nothing", step(3, { expect: undefined }), "vectors[0].steps[3].expect: is missing"],
    ["a direction that is none", step(4, { write: "yes" }), "vectors[0].steps[4].write: must be true or false"],
    ["a DMA of no bytes", step(4, { length: 0 }), "vectors[0].steps[4].length: must be from 1"],
    ["an outcome that is none", step(4, { expect: { ok: "maybe" } }), "vectors[0].steps[4].expect.ok: must be true or false"],
    ["data of another length", step(5, { length: 3 }), "vectors[0].steps[5].data: has 2 bytes, length says 3"],
    ["a record of 16 bytes", step(7, { records: ["00".repeat(16)] }), "vectors[0].steps[7].records[0]: has 16 bytes, an event record 32"],
    ["a mask of 31 bytes", step(7, { mask: "ff".repeat(31) }), "vectors[0].steps[7].mask: has 31 bytes"],
  ];
  it.each(malformed)("%s is refused where it stands", (_what, change, message) => {
    const file = vectors();
    change(file);
    expect(refusal(() => load(file))).toContain(message);
  });
  it("what is no object at all is refused", () => {
    expect([null, 1, [], "x"].map((document) => refusal(() => load(document)))).toEqual([
      "document: must be an object, got null",
      "document: must be an object, got 1",
      "document: must be an object, got []",
      'document: must be an object, got "x"',
    ]);
  });
});

describe("smmu-image/1 (issue 4)", () => {
  it("ID registers are the machine's, other read-only ones are left out, IRQ_CTRL and CR0 are written last", () => {
    const { identity, registers } = loadImage();
    expect(identity).toEqual({ IDR1: 0x2730010 });
    expect(registers).toEqual([
      { offset: 0x68, size: 8, value: 0x1000n },
      { offset: 0x80, size: 8, value: 0x4000_0000n },
      { offset: 0x50, size: 4, value: 7n },
      { offset: 0x20, size: 4, value: 5n },
    ]);
  });

  it("halves of a 64-bit register may stand for themselves (6.2)", () => {
    const halves = loadImage((file) => void (file.registers = { "0x84": "0x12", "0x80": "0x34000000" })).registers;
    expect(halves).toEqual([
      { offset: 0x80, size: 4, value: 0x3400_0000n },
      { offset: 0x84, size: 4, value: 0x12n },
    ]);
    const both = loadImage((file) => void (file.registers = { "0x84": "0x12", "0x80": "0x1234000000" })).registers;
    expect(both.map(({ size }) => size)).toEqual([8, 4]);
  });

  it("the command queue is empty: CONS follows PROD, also where the image has only one of them", () => {
    const pointers = (registers: Record<string, string>) =>
      Object.fromEntries(loadImage((file) => void (file.registers = registers)).registers.map(({ offset, value }) => [offset, value]));
    expect(pointers({ "0x98": "0x17", "0x9c": "0x2000015" })).toEqual({ 152: 0x17n, 156: 0x200_0017n });
    expect(pointers({ "0x98": "0x17" })).toEqual({ 152: 0x17n, 156: 0x17n });
    expect(pointers({ "0x9c": "0x17" })).toEqual({ 152: 0x17n, 156: 0x17n });
  });

  it("memory is base64, with or without padding and line breaks", () => {
    const regions = (data: string) => [...loadImage((file) => void (file.memory = [["0x1000", data]])).memory()].map(({ bytes }) => [...bytes]);
    expect(["AAEC/w==", "AAEC/w", "AA\nEC\r\n/w==\n", ""].map(regions)).toEqual([[[0, 1, 2, 255]], [[0, 1, 2, 255]], [[0, 1, 2, 255]], [[]]]);
  });

  it("an access without ssid has none, refused is null, and an address may have 64 bits", () => {
    const { translations } = loadImage(
      (file) => void (file.translations = [{ sid: 0xffff_ffff, iova: "0xffffffffffffffff", write: false, pa: null, why: "unknown key" }]),
    );
    expect(translations).toEqual([{ sid: 0xffff_ffff, ssid: null, iova: 0xffff_ffff_ffff_ffffn, write: false, pa: null }]);
  });

  const malformed: [string, Change<ReturnType<typeof image>>, string][] = [
    ["no registers", (file) => void Reflect.deleteProperty(file, "registers"), "registers: is missing"],
    ["an offset that is none", (file) => void (file.registers["0xg0"] = "0x0"), "registers.0xg0: is no register offset"],
    ["a register given twice", (file) => void (file.registers["0x0020"] = "0x1"), "registers.0x0020: names a register for the second time"],
    ["a value that is none", (file) => void (file.registers["0x20"] = null), "registers.0x20: must be a number"],
    ["a value wider than its register", (file) => void (file.registers["0x88"] = "0x100000000"), "registers.0x88: must be a number of at most 32 bits"],
    ["no memory", (file) => void Reflect.deleteProperty(file, "memory"), "memory: is missing"],
    ["a region without data", (file) => void (file.memory[1] = ["0x1000"]), 'memory[1]: must be ["0xPA", "<base64>"]'],
    ["data that is no base64", (file) => void (file.memory[1] = ["0x1000", "AA*A"]), "memory[1][1]: must be base64"],
    ["base64 that ends early", (file) => void (file.memory[0] = ["0x1000", "AAECA"]), "memory[0][1]: must be base64"],
    ["a region that ends above 2^52", (file) => void (file.memory[0] = ["0xfffffffffffff", "AAEC"]), "memory[0]: ends above 2^52"],
    ["no translations", (file) => void Reflect.deleteProperty(file, "translations"), "translations: is missing"],
    ["an access without StreamID", (file) => void (file.translations[0].sid = undefined), "translations[0].sid: is missing"],
    ["a SubstreamID of 21 bits", (file) => void (file.translations[0].ssid = 0x100000), "translations[0].ssid: must be a number of at most 20 bits"],
    ["an access without answer", (file) => void (file.translations[0].pa = undefined), "translations[0].pa: is missing"],
    ["an access without direction", (file) => void (file.translations[0].write = undefined), "translations[0].write: is missing"],
  ];
  it.each(malformed)("%s is refused where it stands", (_what, change, message) => {
    expect(refusal(() => [...loadImage(change).memory()])).toContain(message);
  });
});
