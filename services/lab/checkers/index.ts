import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { assertions } from "../assertions/assertions.ts";
import { boundedLog } from "./bounded-log.ts";
import type { Checker, Violation } from "./checker.ts";
import { dataEquality } from "./data-equality.ts";
import { flAbort } from "./fl-abort.ts";
import { flI1 } from "./fl-i1.ts";
import { flI2 } from "./fl-i2.ts";
import { flI3 } from "./fl-i3.ts";
import { flI4 } from "./fl-i4.ts";
import { flI5 } from "./fl-i5.ts";
import { flI6 } from "./fl-i6.ts";
import { inv1 } from "./inv-1.ts";
import { inv2 } from "./inv-2.ts";
import { inv3 } from "./inv-3.ts";
import { inv4 } from "./inv-4.ts";
import { inv5 } from "./inv-5.ts";
import { inv6 } from "./inv-6.ts";
import { inv7 } from "./inv-7.ts";
import { inv8 } from "./inv-8.ts";
import { inv9 } from "./inv-9.ts";
import { inv10 } from "./inv-10.ts";
import { liveness } from "./liveness.ts";
import { ordFlood } from "./ord-flood.ts";
import { ordFree } from "./ord-free.ts";
import { ordInvalidate } from "./ord-invalidate.ts";
import { ordOverflow } from "./ord-overflow.ts";
import { ordPasid } from "./ord-pasid.ts";
import { ordReset } from "./ord-reset.ts";
import { ordStop } from "./ord-stop.ts";
import { ordVmid } from "./ord-vmid.ts";
import { type Read, readBy, readOf } from "./reading.ts";

/** In the order in which a verdict names them. */
export const checkers: readonly Checker[] = [
  ...[inv1, inv2, inv3, inv4, inv5, inv6, inv7, inv8, inv9, inv10],
  ...[flI1, flI2, flI3, flI4, flI5, flI6, flAbort],
  ...[ordInvalidate, ordFree, ordStop, ordPasid, ordVmid, ordOverflow, ordReset, ordFlood],
  ...[dataEquality, liveness, boundedLog],
];

/** What a verdict reads besides (report/verdict.ts): how the run went, and which rules did something. */
export const RUN_EVENTS: readonly Read[] = ["edge.rule", "lab.broken-off", "lab.deadlock", "lab.heal", "lab.part", "lab.rule", "lab.workload-end", "lab.workload-start"];
/** What the assertions are looked at. */
export const ASSERTED: readonly Read[] = assertions.flatMap(({ at }) => at);

/** Everything that a verdict is read from: by the checkers, by the assertions, and besides. A history of these events alone, each with its own `n`, is judged as the whole is. */
export const JUDGED: ReadonlySet<string> = new Set<Read>([...checkers.flatMap(({ reads }) => reads), ...ASSERTED, ...RUN_EVENTS]);
export const isJudged = (event: TraceEvent): boolean => JUDGED.has(readOf(event));

/** What looks at a history, and what of it each looks at. */
export const partsOf = (judges: readonly Checker[]) => judges.flatMap((checker) => checker.parts ?? [checker]);

/** What the given checkers say about a history. */
export function judgeBy(judges: readonly Checker[], history: readonly TraceEvent[]): Violation[] {
  const parts = partsOf(judges);
  const read = readBy(parts, history);
  return parts.flatMap(({ check }, index) => check(read[index]));
}

/** What all checkers say about a history. */
export const judge = (history: readonly TraceEvent[]): Violation[] => judgeBy(checkers, history);
