import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMappedMemory, MemoryFileError, memoryFileBytes, openMappedMemory } from "./mapped.ts";

const MiB = 2 ** 20;
const dram = { base: 0x4000_0000, size: 4 * MiB };

describe("the memory file (interfaces.md, section 4)", () => {
  let directory = "";
  let path = "";
  beforeEach(() => {
    directory = mkdtempSync("/dev/shm/faultline-mapped-test-");
    path = join(directory, "memory");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("begins with FLTLINE1, version and RAM bytes, and has RAM at 2 MiB", () => {
    createMappedMemory(path, dram, { vms: 1 }).ram.store64(dram.base, 0x1234_5678, 0x9abc_def0);
    const file = readFileSync(path);
    expect(file.length).toBe(6 * MiB);
    expect(file.subarray(0, 8).toString("latin1")).toBe("FLTLINE1");
    expect(file.readUInt32LE(8)).toBe(1);
    expect(file.readBigUInt64LE(0x10)).toBe(BigInt(4 * MiB));
    expect(file.subarray(2 * MiB, 2 * MiB + 8).toString("hex")).toBe("78563412f0debc9a");
  });
  it("is one memory for all who map it: RAM, owners, roots and the event counter", () => {
    const smmu = createMappedMemory(path, dram, { vms: 2 });
    const host = openMappedMemory(path, dram);
    host.ram.write(dram.base + 4095, Uint8Array.from([1, 2]));
    host.ram.setOwner(dram.base + 4096, "guest", 7);
    host.roots.set(1, { ttbr0: 0x4000_1000, vttbr: 0xf_ffff_ffff_f000, vtcr: 0x8002_3558 });
    expect(smmu.ram.read(dram.base + 4095, 2)).toEqual(Uint8Array.from([1, 2]));
    expect(smmu.ram.owner(dram.base + 4097)).toEqual({ host: 0, guest: 7 });
    expect(smmu.roots.get(1)).toEqual({ ttbr0: 0x4000_1000, vttbr: 0xf_ffff_ffff_f000, vtcr: 0x8002_3558 });
    expect(smmu.roots.get(0)).toEqual({ ttbr0: 0, vttbr: 0, vtcr: 0 });
    expect([smmu.nextEvent(), host.nextEvent(), smmu.nextEvent()]).toEqual([1, 2, 3]);
  });
  it("is made anew by default, and taken over with its RAM when it is kept; roots never survive", () => {
    const first = createMappedMemory(path, dram, { vms: 1 });
    first.ram.store32(dram.base, 5);
    first.roots.set(0, { ttbr0: 4096, vttbr: 0, vtcr: 0 });
    const kept = createMappedMemory(path, dram, { vms: 1, keep: true });
    expect(kept.ram.load32(dram.base)).toBe(5);
    expect(kept.roots.get(0).ttbr0).toBe(0);
    expect(createMappedMemory(path, dram, { vms: 1 }).ram.load32(dram.base)).toBe(0);
  });
  it("that does not fit names the size needed and leaves no file", () => {
    const huge = { base: dram.base, size: 2 ** 44 };
    expect(() => createMappedMemory(path, huge, { vms: 1 })).toThrow(MemoryFileError);
    expect(() => createMappedMemory(path, huge, { vms: 1 })).toThrow(`${memoryFileBytes(huge.size)} bytes`);
    expect(existsSync(path)).toBe(false);
  });
  it("of another machine, another size or no memory file at all is refused", () => {
    createMappedMemory(path, dram, { vms: 1 });
    expect(() => openMappedMemory(path, { ...dram, size: 8 * MiB })).toThrow(/has \d+ bytes/);
    expect(() => openMappedMemory(path, { ...dram, base: 0x8000_0000 })).toThrow(/this machine has 4 MiB at 0x80000000/);
    writeFileSync(path, new Uint8Array(memoryFileBytes(dram.size)));
    expect(() => openMappedMemory(path, dram)).toThrow(/FLTLINE1/);
    expect(() => openMappedMemory(`${path}-missing`, dram)).toThrow(/cannot open/);
  });
});
