import type { IdRegisters } from "@faultline/smmu/core/identity.ts";

/** One file of `test/vectors/smmu` (its README.md is the format's description). */
export interface VectorFile {
  format: string;
  profile: Record<keyof IdRegisters, string>;
  ram: { base: string; size: string };
  streamId: number;
  vectors: Vector[];
}
export interface Vector {
  name: string;
  tags: string[];
  spec: string;
  quirk?: string;
  steps: Step[];
}
export interface DmaExpectation {
  ok: boolean;
  data?: string;
}
export type Step =
  | { op: "reset" }
  | { op: "mem"; addr: string; bytes: string }
  | { op: "write32" | "write64"; reg: string; value: string }
  | { op: "read32" | "read64"; reg: string; expect: string; mask: string; arch?: string }
  | { op: "dma"; write: boolean; iova: string; length: number; data?: string; sid?: number; expect: DmaExpectation; arch?: DmaExpectation }
  | { op: "expectMem"; addr: string; bytes: string; arch?: string }
  | { op: "expectEvents"; records: string[]; mask: string; arch?: string[] };

/** What a vector needs of an SMMU. Register offsets are from the SMMU base. A write returns when the SMMU is idle again. */
export interface VectorMachine {
  write(offset: number, size: 4 | 8, value: bigint): void;
  read(offset: number, size: 4 | 8): bigint;
  /** The bytes read (empty for a write); null: terminated with an abort. */
  dma(request: { sid: number; write: boolean; iova: bigint; length: number; data?: Uint8Array }): Uint8Array | null;
  /** Physical memory; null or false: not RAM. */
  readMemory(address: number, length: number): Uint8Array | null;
  writeMemory(address: number, bytes: Uint8Array): boolean;
}
/** A machine after power-on: RAM filled with zeros. */
export type MachineFactory = (profile: IdRegisters, ram: { base: number; size: number }) => VectorMachine;

const EVENTQ_BASE = 0xa0;
const EVENTQ_PROD = 0x100a8;
const RECORD_BYTES = 32;

const bytesOf = (dump: string): Uint8Array => Uint8Array.from({ length: dump.length / 2 }, (_, i) => Number.parseInt(dump.slice(2 * i, 2 * i + 2), 16));
const dumpOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const masked = (dump: string, mask: string): string => dumpOf(bytesOf(dump).map((byte, i) => byte & bytesOf(mask)[i]));

/**
 * Replays one vector on a machine of its own. Returns what differed from the expectation, null when nothing did. `architecture`: where a step
 * carries `arch`, that is what must happen (quirks.json), not what the recorded model did.
 */
export function replay(vector: Vector, file: Pick<VectorFile, "profile" | "ram" | "streamId">, create: MachineFactory, architecture = true): string | null {
  const profile: IdRegisters = {
    IDR0: Number(file.profile.IDR0),
    IDR1: Number(file.profile.IDR1),
    IDR3: Number(file.profile.IDR3),
    IDR5: Number(file.profile.IDR5),
    AIDR: Number(file.profile.AIDR),
  };
  const machine = create(profile, { base: Number(file.ram.base), size: Number(file.ram.size) });
  const events = new EventReader(machine);
  for (const [index, step] of vector.steps.entries()) {
    const difference = replayStep(step, machine, events, file.streamId, architecture);
    if (difference !== null) return `step ${index} (${step.op}): ${difference}`;
  }
  return null;
}

function replayStep(step: Step, machine: VectorMachine, events: EventReader, streamId: number, architecture: boolean): string | null {
  switch (step.op) {
    case "reset":
      return null; // the machine is new
    case "mem":
      return machine.writeMemory(Number(step.addr), bytesOf(step.bytes)) ? null : `${step.addr} is not RAM`;
    case "write32":
    case "write64":
      machine.write(Number(step.reg), step.op === "write32" ? 4 : 8, BigInt(step.value));
      if (Number(step.reg) === EVENTQ_PROD) events.startAt(Number(step.value));
      return null;
    case "read32":
    case "read64": {
      const value = machine.read(Number(step.reg), step.op === "read32" ? 4 : 8) & BigInt(step.mask);
      const expected = BigInt(architecture ? (step.arch ?? step.expect) : step.expect);
      return value === expected ? null : `register ${step.reg} is 0x${value.toString(16)}, not 0x${expected.toString(16)}`;
    }
    case "dma": {
      const data = step.data === undefined ? undefined : bytesOf(step.data);
      const result = machine.dma({ sid: step.sid ?? streamId, write: step.write, iova: BigInt(step.iova), length: step.length, data });
      const expected = architecture ? (step.arch ?? step.expect) : step.expect;
      if ((result !== null) !== expected.ok) return `${step.write ? "write" : "read"} of ${step.iova} ${result ? "went through" : "was aborted"}`;
      if (result === null || expected.data === undefined || dumpOf(result) === expected.data) return null;
      return `read ${dumpOf(result)}, not ${expected.data}`;
    }
    case "expectMem": {
      const expected = architecture ? (step.arch ?? step.bytes) : step.bytes;
      const bytes = machine.readMemory(Number(step.addr), expected.length / 2);
      return bytes && dumpOf(bytes) === expected ? null : `${step.addr} holds ${bytes ? dumpOf(bytes) : "nothing"}, not ${expected}`;
    }
    case "expectEvents": {
      const expected = (architecture ? (step.arch ?? step.records) : step.records).map((record) => masked(record, step.mask));
      const recorded = events.take().map((record) => masked(record, step.mask));
      return JSON.stringify(recorded) === JSON.stringify(expected) ? null : `events ${JSON.stringify(recorded)}, not ${JSON.stringify(expected)}`;
    }
  }
}

/** The records between the last look and EVENTQ_PROD, in the queue that EVENTQ_BASE describes. */
class EventReader {
  readonly #machine: VectorMachine;
  #position = 0;

  constructor(machine: VectorMachine) {
    this.#machine = machine;
  }

  startAt(pointer: number): void {
    this.#position = pointer;
  }

  take(): string[] {
    const base = this.#machine.read(EVENTQ_BASE, 8);
    const entries = 2 ** Number(base & 0x1fn);
    const address = Number(base & 0xf_ffff_ffff_ffe0n);
    const aligned = address - (address % Math.max(32, entries * RECORD_BYTES));
    const prod = Number(this.#machine.read(EVENTQ_PROD, 4)) % (2 * entries);
    const records: string[] = [];
    for (this.#position %= 2 * entries; this.#position !== prod; this.#position = (this.#position + 1) % (2 * entries)) {
      const bytes = this.#machine.readMemory(aligned + (this.#position % entries) * RECORD_BYTES, RECORD_BYTES);
      if (!bytes) throw new Error(`the event queue at 0x${aligned.toString(16)} is not RAM`);
      records.push(dumpOf(bytes));
    }
    return records;
  }
}
