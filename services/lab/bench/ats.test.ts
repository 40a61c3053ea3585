import { describe, expect, it } from "vitest";
import { measureAts } from "./ats.ts";
import { AtsMachine, COPY_BYTES } from "./ats-machine.ts";
import { WalkTables } from "./walk-machine.ts";

describe("faultline bench ats", () => {
  it("measures what it says: every figure is there, each has a median and a minimum", () => {
    const { ns, mibPerSecond, ratio, scaling } = measureAts(1, [1, 4]);
    for (const { median, min } of Object.values(ns)) {
      expect(min).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(min);
    }
    for (const { median, max } of Object.values(mibPerSecond)) expect([median > 0, max >= median]).toEqual([true, true]);
    expect(Object.values(ratio).every(Number.isFinite)).toBe(true);
    expect(scaling.map(({ endpoints }) => endpoints)).toEqual([1, 4]);
  });
  it("a copy job really copies, by translated requests out of the ATC", () => {
    const tables = new WalkTables();
    const machine = new AtsMachine(tables, 1, 65536);
    const { source, destination } = machine.copied();
    expect(source.length * 4096).toBe(COPY_BYTES);
    for (const [i, pa] of source.entries()) tables.memory.write(pa, new Uint8Array(4096).fill(i + 1));
    machine.copy(0);
    for (const [i, pa] of destination.entries()) expect(tables.memory.read(pa, 4096)).toEqual(new Uint8Array(4096).fill(i + 1));
    expect(machine.accelerators[0].atc.size).toBe(2 * source.length + 2); // the ring's page and the completion's
    const translations = machine.hardware.smmu.tlb.size;
    machine.copy(0);
    expect([machine.accelerators[0].atc.size, machine.hardware.smmu.tlb.size]).toEqual([2 * source.length + 2, translations]);
  });
});
