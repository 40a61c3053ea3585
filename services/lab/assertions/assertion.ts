import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { type Read, readBy } from "../checkers/reading.ts";

/**
 * What a run is expected to show besides the invariants. `always`: wherever it applies it holds, so one counter-example fails the run. `sometimes`: over many runs it holds at least once.
 * `reachable` and `unreachable`: whether the place is ever come to. `sometimes` and `reachable` say how much a campaign has exercised; in one run they are only counted.
 */
export interface Assertion {
  id: string;
  kind: "always" | "sometimes" | "reachable" | "unreachable";
  sentence: string;
  /** The clause or scenario that it is from. */
  source: string;
  /** The events at which it is looked at. */
  at: readonly Read[];
  /** Whether the event is one of them after all; absent: it is. */
  applies?(event: TraceEvent): boolean;
  /** Whether it holds there; absent for `reachable` and `unreachable`. */
  holds?(event: TraceEvent): boolean;
}

/** Counts over one run, or the sum over many. `examples` are the `n` of counter-examples of one run, the first few. */
export interface AssertionCount {
  id: string;
  kind: Assertion["kind"];
  sentence: string;
  reached: number;
  held: number;
  examples: number[];
}

const EXAMPLES = 5;

/** Looks once at every event that it is about, and counts. */
function countOne({ id, kind, sentence, applies, holds }: Assertion, history: readonly TraceEvent[]): AssertionCount {
  const count: AssertionCount = { id, kind, sentence, reached: 0, held: 0, examples: [] };
  for (const event of history) {
    if (applies && !applies(event)) continue;
    count.reached++;
    const good = kind === "unreachable" ? false : (holds?.(event) ?? true);
    if (good) count.held++;
    else if (kind !== "sometimes" && count.examples.length < EXAMPLES) count.examples.push(event.n);
  }
  return count;
}

/** Counts each of `assertions`; the order of the result is theirs. */
export function countAssertions(assertions: readonly Assertion[], history: readonly TraceEvent[]): AssertionCount[] {
  const read = readBy(
    assertions.map(({ at }) => ({ reads: at })),
    history,
  );
  return assertions.map((assertion, index) => countOne(assertion, read[index]));
}

/** Sums of the counts of several runs; examples are of one run and are left out. */
export function sumAssertions(runs: readonly (readonly AssertionCount[])[]): AssertionCount[] {
  const sums = new Map<string, AssertionCount>();
  for (const count of runs.flat()) {
    const sum = sums.get(count.id);
    if (sum) Object.assign(sum, { reached: sum.reached + count.reached, held: sum.held + count.held });
    else sums.set(count.id, { ...count, examples: [] });
  }
  return [...sums.values()];
}

/** A counter-example was seen: the run fails. */
export const isBroken = ({ kind, reached, held }: AssertionCount): boolean => (kind === "always" && held < reached) || (kind === "unreachable" && reached > 0);

/** Not seen in what was run: the campaign has not exercised it. */
export const isUnmet = ({ kind, reached, held }: AssertionCount): boolean => (kind === "sometimes" && held === 0) || (kind === "reachable" && reached === 0);
