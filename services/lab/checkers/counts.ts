import type { TraceEvent, TraceFields } from "@faultline/shared/trace/tracer.ts";

/** Kinds that say what a service holds. `fields` is flat: `phase`, then a number per object, reference count or lock (`locks`, `locks:NAME`). */
export const COUNT_EVENTS = ["guest.counts", "vmm.counts", "host.counts", "smmu.counts"] as const;
const isCounts = new Set<string>(COUNT_EVENTS);
export type Phase = "baseline" | "end" | "released";

export interface Leak {
  who: string;
  name: string;
  before: number;
  after: number;
  /** The event that shows it, and that of the baseline. */
  events: number[];
}

const numbers = (fields: TraceFields): [string, number][] => Object.entries(fields).filter((entry): entry is [string, number] => typeof entry[1] === "number");

/**
 * What is held at the end beyond what was held before: every count of phase `end` must be that of the same service's `baseline` (0 without one), every one of `released` 0.
 * `names` chooses the counts.
 */
export function leaks(history: readonly TraceEvent[], names: (name: string) => boolean): Leak[] {
  const baselines = new Map<string, TraceEvent>();
  const found: Leak[] = [];
  for (const event of history) {
    if (!isCounts.has(event.kind)) continue;
    const { phase } = event.fields;
    if (phase === "baseline") {
      baselines.set(event.who, event);
      continue;
    }
    const baseline = phase === "released" ? undefined : baselines.get(event.who);
    for (const [name, after] of numbers(event.fields)) {
      const before = Number(baseline?.fields[name] ?? 0);
      if (names(name) && after !== before) found.push({ who: event.who, name, before, after, events: [...(baseline ? [baseline.n] : []), event.n] });
    }
  }
  return found;
}

export const isLock = (name: string): boolean => name === "locks" || name.startsWith("locks:");
