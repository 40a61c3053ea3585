import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineEncoder } from "./line-encoder.ts";

const line = (event: TraceEvent): string => {
  const lines = new LineEncoder();
  lines.event(event);
  return new TextDecoder().decode(lines.bytes);
};
const base: TraceEvent = { n: 1, t: 2, lamport: 3, who: "host", kind: "edge.send", ids: {}, fields: {}, cause: null };

describe("an event as its line of history.ndjson (interfaces.md, section 7)", () => {
  it("has its keys in a fixed order, whatever order the event has them in", () => {
    const { kind, who, ...rest } = { ...base, ids: { sid: "0x8", pasid: 5 }, fields: { last: true, groups: ["a", 2, null], left: undefined }, cause: 7 };
    expect(line({ kind, ...rest, who })).toBe(
      '{"n":1,"t":2,"lamport":3,"who":"host","kind":"edge.send","ids":{"sid":"0x8","pasid":5},"fields":{"last":true,"groups":["a",2,null]},"cause":7}\n',
    );
  });
  it("is byte for byte what JSON.stringify writes", () => {
    const number = fc.oneof(fc.integer(), fc.maxSafeNat(), fc.double(), fc.constantFrom(-0, 1e9 - 1, 1e9, 1e9 + 1, 1e15, 2 ** 53 - 1, 2 ** 53, 1e21, 9, 10, 99_999));
    const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("0x7f000001c000", 'a"b', "a\\b", "\u007f", "é", "\ud800", "x".repeat(70_000)));
    const value: fc.Arbitrary<TraceValue> = fc.oneof(number, text, fc.boolean(), fc.constantFrom(null, undefined), fc.array(fc.oneof(number, text), { maxLength: 4 }));
    const members = fc.dictionary(fc.oneof(fc.constantFrom("sid", "locks:a", "7"), fc.string()), value, { maxKeys: 6 });
    fc.assert(
      fc.property(number, members, members, (t, ids, fields) => {
        const event = { ...base, t, ids, fields };
        expect(line(event)).toBe(`${JSON.stringify(event)}\n`);
      }),
      { numRuns: 200 },
    );
  });
});
