import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { withSaid } from "./said-events.ts";

const event = (n: number, kind: string, cause: number | null = null): TraceEvent => ({ n, t: n, lamport: 0, who: "host", kind, ids: {}, fields: {}, cause });
const numbered = (events: readonly TraceEvent[]) => events.map(({ n, kind, cause }) => `${n} ${kind}${cause === null ? "" : ` of ${cause}`}`);

describe("what the lab says when nobody is left to say it", () => {
  it("stands behind what was heard then, and before what came late with the next number", () => {
    const heard = [event(5, "e"), event(3, "c"), event(4, "d", 3), event(6, "f", 5)];
    expect(numbered(withSaid(heard, [{ after: 4, event: event(0, "exit") }]))).toEqual(["3 c", "4 d of 3", "5 exit", "6 e", "7 f of 6"]);
  });
  it("keeps its own order, behind one event and behind several", () => {
    const said = [
      { after: 1, event: event(0, "x") },
      { after: 1, event: event(0, "y") },
      { after: 2, event: event(0, "z") },
    ];
    expect(numbered(withSaid([event(1, "a"), event(2, "b"), event(3, "c", 2)], said))).toEqual(["1 a", "2 x", "3 y", "4 b", "5 z", "6 c of 4"]);
  });
  it("changes nothing when the lab said nothing", () => expect(numbered(withSaid([event(2, "b"), event(1, "a")], []))).toEqual(["1 a", "2 b"]));
});
