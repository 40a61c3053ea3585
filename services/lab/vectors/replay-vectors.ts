import { field, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { hex, hexBytes } from "@faultline/shared/codec/uint64.ts";
import { EVENTQ_PROD, EventReader } from "./event-reader.ts";
import { type Replayed, Stuck } from "./replay-machine.ts";
import type { DmaExpectation, Step, Vector, VectorFile } from "./vector-file.ts";

/** What a step expected and what happened, as values of the report. */
export interface Mismatch {
  step: number;
  expected: unknown;
  actual: unknown;
  subject: Subject;
  /** The machine did not get to the end of the step. */
  stuck?: Stuck;
}
/** What a mismatch is about, for decoding. */
export type Subject =
  | { kind: "register"; offset: number }
  | { kind: "dma"; write: boolean; sid: number; iova: bigint; length: number }
  | { kind: "memory"; address: number }
  | { kind: "events" }
  | { kind: "access"; write: boolean; sid: number; ssid: number | null; iova: bigint }
  | { kind: "virtio-iommu"; about: string }
  | { kind: "machine" };

type Difference = Omit<Mismatch, "step"> | null;

/** What a step was that never ended. */
export const stuckAt = (step: number, stuck: Stuck): Mismatch => ({ step, expected: "an end", actual: stuck.message, subject: { kind: "machine" }, stuck });

/** Replays one vector from power-on. The first step that differs or does not end, or null. */
export async function replayVector(machine: Replayed, vector: Vector, file: Pick<VectorFile, "profile">): Promise<Mismatch | null> {
  const events = new EventReader(machine, field(file.profile.IDR1, registers.IDR1.fields.EVENTQS));
  // Vectors do not depend on each other, whether or not one says so.
  const steps: Step[] = vector.steps[0]?.op === "reset" ? vector.steps : [{ op: "reset" }, ...vector.steps];
  const before = steps.length - vector.steps.length;
  for (const [index, what] of steps.entries()) {
    const step = Math.max(index - before, 0);
    try {
      const difference = await replayStep(what, machine, events);
      if (difference) return { step, ...difference };
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      return stuckAt(step, error);
    }
  }
  return null;
}

async function replayStep(step: Step, machine: Replayed, events: EventReader): Promise<Difference> {
  switch (step.op) {
    case "reset":
      await machine.reset();
      events.reset();
      return null;
    case "mem":
      if (await machine.writeMemory(step.address, step.bytes)) return null;
      return { expected: "written", actual: "not all of it is RAM", subject: { kind: "memory", address: step.address } };
    case "write":
      if (step.offset === EVENTQ_PROD) await events.startAt(Number(step.value & 0xffff_ffffn));
      await machine.write(step.offset, step.size, step.value);
      return null;
    case "read": {
      const value = (await machine.read(step.offset, step.size)) & step.mask;
      return value === step.expect ? null : { expected: hex(step.expect), actual: hex(value), subject: { kind: "register", offset: step.offset } };
    }
    case "dma":
      return compareDma(step, await machine.dma(step));
    case "expectMem": {
      const bytes = await machine.readMemory(step.address, step.bytes.length);
      const [expected, actual] = [hexBytes(step.bytes), bytes ? hexBytes(bytes) : "not all of it is RAM"];
      return actual === expected ? null : { expected, actual, subject: { kind: "memory", address: step.address } };
    }
    case "expectEvents": {
      const expected = step.records.map((record) => masked(record, step.mask));
      const records = await events.take();
      const actual = typeof records === "string" ? records : records.map((record) => masked(record, step.mask));
      return JSON.stringify(actual) === JSON.stringify(expected) ? null : { expected, actual, subject: { kind: "events" } };
    }
  }
}

function compareDma(step: Step & { op: "dma" }, result: Uint8Array | null | "stalled"): Difference {
  const { expect, write, sid, iova, length } = step;
  const outcome = ({ ok, data }: DmaExpectation) => ({ ok, ...(ok && data && !write ? { data: hexBytes(data) } : {}) });
  const difference = (actual: object): Difference => ({ expected: outcome(expect), actual, subject: { kind: "dma", write, sid, iova, length } });
  // A step that does not end is a mismatch, also where an abort was expected.
  if (result === "stalled") return difference({ ok: false, stalled: true });
  const same = expect.ok === (result !== null) && (!expect.data || hexBytes(result!) === hexBytes(expect.data));
  return same ? null : difference(outcome({ ok: result !== null, data: result }));
}

const masked = (record: Uint8Array, mask: Uint8Array): string => hexBytes(record.map((byte, i) => byte & mask[i]));
