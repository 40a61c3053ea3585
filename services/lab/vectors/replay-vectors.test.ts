import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replayFile } from "./replay-files.ts";
import { Crashed, type Dma, type Machines, type Replayed, Stuck } from "./replay-machine.ts";
import { replayVector } from "./replay-vectors.ts";
import { fileText } from "./report.ts";
import type { Step } from "./vector-file.ts";

const [CR0, EVENTQ_BASE, EVENTQ_PROD] = [0x20, 0xa0, 0x100a8];
const profile = { IDR1: 19 << 16 }; // EVENTQS

/** Registers that keep what is written, a little RAM at 0, and one answer to every DMA. */
class Scripted implements Replayed {
  readonly registers = new Map<number, bigint>();
  readonly ram = new Uint8Array(0x1000);
  answer: Uint8Array | null | "stalled" = null;
  resets = 0;
  failing: Error | null = null;

  async reset(): Promise<void> {
    this.resets++;
    this.registers.clear();
    this.ram.fill(0);
  }
  async write(offset: number, _size: 4 | 8, value: bigint): Promise<void> {
    if (this.failing) throw this.failing;
    this.registers.set(offset, value);
  }
  async read(offset: number): Promise<bigint> {
    return this.registers.get(offset) ?? 0n;
  }
  async dma(_request: Dma): Promise<Uint8Array | null | "stalled"> {
    return this.answer;
  }
  async translate(): Promise<(number | null)[]> {
    return [];
  }
  async writeMemory(address: number, bytes: Uint8Array): Promise<boolean> {
    if (address + bytes.length > this.ram.length) return false;
    this.ram.set(bytes, address);
    return true;
  }
  async readMemory(address: number, length: number): Promise<Uint8Array | null> {
    return address + length > this.ram.length ? null : this.ram.slice(address, address + length);
  }
}

const write = (offset: number, value: bigint): Step => ({ op: "write", offset, size: 4, value });
const mask = new Uint8Array(32).fill(255);
const record = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const events = (...numbers: number[]): Step => ({ op: "expectEvents", records: numbers.map(record), mask });
const replay = (steps: Step[], machine = new Scripted()) => replayVector(machine, { name: "v", steps }, { profile });

describe("expectEvents (vectors/smmu/README.md, Replaying)", () => {
  const queue: Step[] = [
    { op: "reset" },
    { op: "mem", address: 0x400, bytes: Uint8Array.from([1, 2, 3, 4].flatMap((n) => [...record(n)])) },
    write(EVENTQ_BASE, 0x400n | 2n),
  ];

  it("looks from the previous look to EVENTQ_PROD, over the wrap", async () => {
    expect(await replay([...queue, write(CR0, 4n), write(EVENTQ_PROD, 3n), events(1, 2, 3), events(), write(EVENTQ_PROD, 6n), events(4, 1, 2)])).toBeNull();
  });
  it("begins at what was written to EVENTQ_PROD while the queue was off", async () => {
    expect(await replay([...queue, write(EVENTQ_PROD, 2n), write(CR0, 4n), events(), write(EVENTQ_PROD, 4n), events(3, 4)])).toBeNull();
  });
  it("begins at 0 after a reset in the middle", async () => {
    expect(await replay([...queue, write(CR0, 4n), write(EVENTQ_PROD, 2n), events(1, 2), ...queue, write(CR0, 4n), write(EVENTQ_PROD, 1n), events(1)])).toBeNull();
  });
  it("compares under the mask, and tells missing and additional records", async () => {
    const under: Step = { op: "expectEvents", records: [record(0xf1)], mask: new Uint8Array(32).fill(0x0f) };
    expect(await replay([...queue, write(CR0, 4n), write(EVENTQ_PROD, 1n), under])).toBeNull();
    const mismatch = await replay([...queue, write(CR0, 4n), write(EVENTQ_PROD, 1n), events()]);
    expect(mismatch).toMatchObject({ step: 5, expected: [], actual: ["01".repeat(32)] });
  });
  it("a queue that holds fewer entries than PROD claims, or is not in RAM, is a mismatch and no endless look", async () => {
    expect(await replay([...queue, write(CR0, 4n), write(EVENTQ_PROD, 7n), events(1)])).toMatchObject({ step: 5, actual: expect.stringContaining("the queue has 4") });
    const nowhere = [write(EVENTQ_BASE, 0x4000_0000n | 2n), write(CR0, 4n), write(EVENTQ_PROD, 1n), events(1)];
    expect(await replay(nowhere)).toMatchObject({ step: 3, actual: expect.stringContaining("not in RAM") });
  });
});

describe("a step (vectors/smmu/README.md, Format)", () => {
  const dma = (expect: { ok: boolean; data: Uint8Array | null }, write = false): Step => ({
    op: "dma",
    sid: 8,
    write,
    iova: 0x1000n,
    length: 2,
    data: undefined,
    expect,
  });
  const answered = (answer: Uint8Array | null | "stalled") => Object.assign(new Scripted(), { answer });

  it("dma: data, success and abort are told apart", async () => {
    const data = Uint8Array.of(1, 2);
    expect(await replay([dma({ ok: true, data })], answered(data))).toBeNull();
    expect(await replay([dma({ ok: true, data: null })], answered(data))).toBeNull();
    expect(await replay([dma({ ok: false, data: null })], answered(null))).toBeNull();
    expect(await replay([dma({ ok: true, data })], answered(Uint8Array.of(1, 3)))).toMatchObject({
      expected: { ok: true, data: "0102" },
      actual: { ok: true, data: "0103" },
    });
    expect(await replay([dma({ ok: true, data })], answered(null))).toMatchObject({ actual: { ok: false } });
    expect(await replay([dma({ ok: false, data: null })], answered(data))).toMatchObject({ expected: { ok: false }, actual: { ok: true, data: "0102" } });
  });
  it("dma: one that is stalled does not count as terminated", async () => {
    expect(await replay([dma({ ok: false, data: null })], answered("stalled"))).toMatchObject({ step: 0, actual: { ok: false, stalled: true } });
  });
  it("mem and expectMem outside RAM are mismatches", async () => {
    expect(await replay([{ op: "mem", address: 0x1000, bytes: Uint8Array.of(1) }])).toMatchObject({ step: 0, actual: "not all of it is RAM" });
    expect(await replay([{ op: "expectMem", address: 0xfff, bytes: Uint8Array.of(0, 0) }])).toMatchObject({ step: 0, expected: "0000" });
  });
  it("a vector starts from power-on whether or not it says so", async () => {
    const machine = new Scripted();
    expect(await replay([write(CR0, 1n)], machine)).toBeNull();
    expect(await replay([{ op: "reset" }, write(CR0, 1n)], machine)).toBeNull();
    expect(machine.resets).toBe(2);
  });
});

describe("a machine that does not get to the end of a step", () => {
  const folder = mkdtempSync(join(tmpdir(), "vectors-"));
  const path = join(folder, "five.json");
  const vector = (name: string) => ({ name, steps: [{ op: "reset" }, { op: "write32", reg: "0x20", value: "0x1" }] });
  const ids = { IDR0: "0x0", IDR1: "0x0", IDR3: "0x0", IDR5: "0x0", AIDR: "0x0" };
  writeFileSync(
    path,
    JSON.stringify({ format: "smmu-vectors/1", profile: ids, ram: { base: "0x0", size: "0x1000" }, streamId: 8, vectors: ["a", "b", "c", "d", "e"].map(vector) }),
  );
  const machinesThat = (failing: Error): Machines & { made: number } => {
    let machine: Scripted | null = null;
    return {
      made: 0,
      async of() {
        if (!machine) this.made++;
        machine ??= Object.assign(new Scripted(), { failing });
        return machine;
      },
      async discard() {
        machine = null;
      },
      async close() {},
    };
  };

  it("fails the vector and is replaced; after three that hang the rest is not waited for", async () => {
    const machines = machinesThat(new Stuck("no answer within 10 s"));
    const result = await replayFile(path, machines, null);
    expect([machines.made, result.total, result.passed]).toEqual([3, 5, 0]);
    expect(result.failed.map(({ name, step, actual }) => [name, step, actual])).toEqual([
      ["a", 1, "no answer within 10 s"],
      ["b", 1, "no answer within 10 s"],
      ["c", 1, "no answer within 10 s"],
      ["d", 0, "not replayed: 3 vectors before did not end"],
      ["e", 0, "not replayed: 3 vectors before did not end"],
    ]);
    expect(fileText(result)).toContain("expected an end");
  });
  it("that ended over it is replaced each time", async () => {
    const machines = machinesThat(new Crashed("the SMMU ended: boom"));
    const result = await replayFile(path, machines, null);
    rmSync(folder, { recursive: true });
    expect([machines.made, result.failed.map(({ actual }) => actual)]).toEqual([5, new Array(5).fill("the SMMU ended: boom")]);
  });
});
