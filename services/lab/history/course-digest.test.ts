import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { courseDigest } from "./course-digest.ts";

const event: TraceEvent = {
  n: 1,
  t: 5e9,
  lamport: 7,
  who: "host",
  kind: "host.page-response",
  ids: { sid: "0x8", grpid: 3 },
  fields: { code: 0, ok: true, list: ["a", 2], none: null },
  cause: null,
};
const of = (change: Partial<TraceEvent>) => courseDigest([event, { ...event, ...change }, event]);

describe("the digest of a course", () => {
  const plain = of({});
  const changes: [string, Partial<TraceEvent>][] = [
    ["the time", { t: 5e9 + 1 }],
    ["the Lamport clock", { lamport: 8 }],
    ["who", { who: "vmm0" }],
    ["the kind", { kind: "host.pri-response" }],
    ["an id", { ids: { sid: "0x9", grpid: 3 } }],
    ["the name of an id", { ids: { endpoint: "0x8", grpid: 3 } as never }],
    ["an id that is missing", { ids: { sid: "0x8" } }],
    ["a number", { fields: { ...event.fields, code: 1 } }],
    ["a number by 2^32", { fields: { ...event.fields, code: 2 ** 32 } }],
    ["a truth", { fields: { ...event.fields, ok: false } }],
    ["an element of a list", { fields: { ...event.fields, list: ["a", 3] } }],
    ["where an element ends", { fields: { ...event.fields, list: ["a2"] } }],
    ["what is null", { fields: { ...event.fields, none: 0 } }],
  ];
  it.each(changes)("is another one when %s differs", (_what, change) => expect(of(change)).not.toBe(plain));
  it("is one for the same events, of which places and causes are no part", () => {
    expect(of({ n: 9, cause: 4 })).toBe(plain);
    expect(plain).toMatch(/^[0-9a-f]{64}$/);
  });
  it("knows the order, and the last of many thousand events", () => {
    const many = Array.from({ length: 10_000 }, (_, t) => ({ ...event, t }));
    const whole = courseDigest(many);
    expect(courseDigest(many.map((one, i) => (i === 9999 ? { ...one, lamport: 8 } : one)))).not.toBe(whole);
    expect(courseDigest([many[1], many[0], ...many.slice(2)])).not.toBe(whole);
    expect(courseDigest(many.slice(0, -1))).not.toBe(whole);
  });
});
