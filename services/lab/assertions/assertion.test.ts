import type { TraceEvent, TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { type Assertion, countAssertions, isBroken, isUnmet, sumAssertions } from "./assertion.ts";
import { assertions, brokenAssertions } from "./assertions.ts";

const event = (n: number, kind: string, fields: TraceFields = {}, ids: TraceIds = {}): TraceEvent => ({
  n,
  t: n,
  lamport: n,
  who: "smmu",
  kind,
  ids,
  fields,
  cause: null,
});
const positive = ({ fields }: TraceEvent) => Number(fields.x) > 0;
const of = (kind: Assertion["kind"]): Assertion => ({
  id: kind,
  kind,
  sentence: "s",
  source: "t",
  at: ["guest.bind"],
  ...(kind === "always" || kind === "sometimes" ? { holds: positive } : {}),
});
const judged = (kind: Assertion["kind"], ...xs: number[]) =>
  countAssertions(
    [of(kind)],
    xs.map((x, i) => event(i + 1, "guest.bind", { x })),
  )[0];

describe("assertions, counted over one run", () => {
  it("always is broken by one counter-example, which is named", () => {
    expect(judged("always", 1, 0, 1)).toMatchObject({ reached: 3, held: 2, examples: [2] });
    expect([judged("always", 1, 0), judged("always", 1, 1), judged("always")].map(isBroken)).toEqual([true, false, false]);
  });
  it("sometimes breaks no run, and is met by one example", () => {
    expect([judged("sometimes", 0, 0), judged("sometimes", 0, 1), judged("sometimes")].map(isUnmet)).toEqual([true, false, true]);
    expect(isBroken(judged("sometimes", 0, 0))).toBe(false);
  });
  it("reachable is met by being reached, unreachable is broken by it", () => {
    expect([judged("reachable"), judged("reachable", 0)].map(isUnmet)).toEqual([true, false]);
    expect([judged("unreachable"), judged("unreachable", 0)].map(isBroken)).toEqual([false, true]);
  });
  it("over several runs the counts are summed", () => {
    const [sum] = sumAssertions([[judged("sometimes", 0)], [judged("sometimes", 0, 1)]]);
    expect(sum).toMatchObject({ id: "sometimes", reached: 3, held: 1, examples: [] });
    expect(isUnmet(sum)).toBe(false);
  });
});

describe("the assertions of every run", () => {
  it("have one id each", () => {
    expect(new Set(assertions.map(({ id }) => id)).size).toBe(assertions.length);
  });
  it.each([
    ["an ATC entry without access", event(7, "endpoint.atc-fill", { R: false, W: false }), "A-fill-has-access"],
    ["a page request inside a page", event(7, "endpoint.page-request", {}, { iova: "0x7010" }), "A-page-aligned-requests"],
    ["a bind of PASID 0", event(7, "guest.bind", {}, { pasid: 0 }), "A-pasid-0-is-not-bound"],
    ["CERROR_ILL", event(7, "command-queue.error", { code: 1 }), "A-illegal-command"],
  ])("%s fails the run", (_what, bad, id) => {
    expect(brokenAssertions([bad])).toEqual([{ invariant: id, message: expect.stringMatching(/Not so 1 of 1 times$/), events: [7] }]);
  });
  it("other command queue errors do not", () => {
    expect(brokenAssertions([event(7, "command-queue.error", { code: 3 })])).toEqual([]);
  });
});
