import { isLock } from "../checkers/counts.ts";
import type { Counts } from "../history/final-state.ts";
import type { PartCounts } from "../supervisor/running-machine.ts";

/** Counts that say how much a cache holds or how much there is at all: they belong to no object that somebody has to give back. */
const NOT_HELD = new Set(["atcEntries", "tlbEntries", "cachedStes", "cachedCds", "framesAllocated"]);
/** What a VMM still holds for a guest; its own endpoints stay. */
const OF_A_GUEST = new Set(["guests", "attached", "domains", "outstanding", "reportsWaiting"]);

const only = (counts: Record<string, number>, wanted: (name: string) => boolean): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([name]) => wanted(name) && !NOT_HELD.has(name)));

/**
 * What INV-5 and INV-9 compare: every part at rest with itself before the workload; when what ran on it is gone for good, with nothing (spec/flow.md, T7, abort matrix).
 */
export function heldCounts(baseline: PartCounts, end: PartCounts): Counts[] {
  const counts: Counts[] = Object.entries(baseline).map(([who, held]) => ({ who, phase: "baseline", counts: only(held, () => true) }));
  const vmms = Object.keys(baseline).filter((name) => name.startsWith("vmm"));
  const gone = (name: string): boolean => !(name in end);
  for (const [who, held] of Object.entries(end)) {
    if (who.startsWith("vmm") && gone(who.replace("vmm", "guest")))
      counts.push({ who, phase: "released", counts: only(held, (name) => OF_A_GUEST.has(name) || isLock(name)) });
    else if (who === "host" && vmms.every(gone)) counts.push({ who, phase: "released", counts: only(held, () => true) });
    // Guests and VMMs of a host that lost some of them hold what they held: the others' counts cannot be told apart.
    else if (who !== "host" || !vmms.some(gone)) counts.push({ who, phase: "end", counts: only(held, () => true) });
  }
  return counts;
}
