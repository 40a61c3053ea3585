import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { When } from "./fault-rule.ts";
import { randomStream } from "./random-stream.ts";
import { Trigger, triggerOf } from "./trigger.ts";

/** Which of `count` matches, one a nanosecond and 1 byte each, become faults; 1-based. */
function faults(when: When, count = 12, options: { size?: number; draw?: () => number } = {}): number[] {
  const trigger = new Trigger(when, 0, options.draw ?? (() => 0));
  return Array.from({ length: count }, (_, i) => i + 1).filter((n) => trigger.due(options.size ?? 1, n));
}

describe("when a match becomes a fault (design.md, section 6; the kernel's fault-injection attributes)", () => {
  const cases: [sentence: string, when: When, expected: number[]][] = [
    ["nothing said: every match", {}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
    ["nth: that one only", { nth: 3 }, [3]],
    ["every: those that it divides", { every: 5 }, [5, 10]],
    ["times: at most so many", { times: 2 }, [1, 2]],
    ["after: the first so many pass", { after: 9 }, [10, 11, 12]],
    ["at: nothing before its time, and nth counts from there", { at: 7, nth: 2 }, [8]],
    ["after, every and times together", { after: 3, every: 2, times: 2 }, [4, 6]],
    // Space is used up by matches that pass, until no more is left than the next one takes.
    ["space: a budget that passing matches use up", { space: 4 }, [4, 5, 6, 7, 8, 9, 10, 11, 12]],
    // The kernel counts what passed times and space.
    ["interval: every nth of what space lets through", { space: 4, interval: 3 }, [6, 9, 12]],
    ["intervalNs: so far apart", { intervalNs: 4 }, [1, 5, 9]],
    ["probability 0: never", { probability: 0 }, []],
  ];
  it.each(cases)("%s", (_, when, expected) => {
    expect(faults(when)).toEqual(expected);
  });
  it("at goes by the moment when the rule was armed", () => {
    const trigger = new Trigger({ at: 10 }, 100, () => 0);
    expect([90, 109, 110].map((now) => trigger.due(1, now))).toEqual([false, false, true]);
  });
  it("after an event: nothing matches before it, and nth counts from there", () => {
    const trigger = new Trigger({ afterEvent: "guest.bind", nth: 2 }, 0, () => 0);
    expect([1, 2].map((now) => trigger.due(1, now))).toEqual([false, false]);
    trigger.heard("guest.unbind");
    expect(trigger.awaits).toBe("guest.bind");
    trigger.heard("guest.bind");
    expect(trigger.awaits).toBeNull();
    expect([3, 4, 5].map((now) => trigger.due(1, now))).toEqual([false, true, false]);
  });
  it("space goes by the bytes of a message", () => {
    expect(faults({ space: 10 }, 5, { size: 4 })).toEqual([3, 4, 5]);
  });
  it("probability draws only for what got as far as that", () => {
    const drawn: number[] = [0.2, 0.9, 0.49, 0.5];
    expect(faults({ every: 3, probability: 50 }, 12, { draw: () => drawn.shift()! })).toEqual([3, 9]);
    expect(drawn).toEqual([]);
  });
  it("times counts faults, not matches", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 6 }), (times, every, after) => {
        expect(faults({ times, every, after }, 60)).toHaveLength(times);
      }),
    );
  });
});

describe("a rule's random stream (design.md, section 6: every draw from one seeded source, split per purpose)", () => {
  const first = (seed: number, id: string) => {
    const draw = randomStream(seed, id);
    return Array.from({ length: 20 }, draw);
  };
  it("is the same for one seed and id, another for each other seed or id", () => {
    expect(first(7, "fault-0")).toEqual(first(7, "fault-0"));
    expect(first(7, "fault-1")).not.toEqual(first(7, "fault-0"));
    expect(first(8, "fault-0")).not.toEqual(first(7, "fault-0"));
  });
  it("is spread over [0, 1)", () => {
    const draw = randomStream(1, "x");
    const drawn = Array.from({ length: 4000 }, draw);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    for (const quarter of [0, 1, 2, 3]) expect(drawn.filter((n) => Math.floor(n * 4) === quarter).length).toBeGreaterThan(900);
  });
});

describe("a part that is started in the place of another one goes on counting (design.md, section 6: the rules are the run's)", () => {
  const when = fc.record(
    {
      nth: fc.integer({ min: 1, max: 8 }),
      every: fc.integer({ min: 1, max: 4 }),
      times: fc.integer({ min: 1, max: 4 }),
      after: fc.integer({ min: 0, max: 5 }),
      at: fc.integer({ min: 0, max: 6 }),
      space: fc.integer({ min: 0, max: 6 }),
      interval: fc.integer({ min: 1, max: 3 }),
      probability: fc.constant(50),
      intervalNs: fc.integer({ min: 0, max: 4 }),
    },
    { requiredKeys: [] },
  );
  it("meets the same faults as one that ran through, wherever it took over and whatever its clock says", () => {
    fc.assert(
      fc.property(when, fc.integer({ min: 0, max: 16 }), fc.integer({ min: 0, max: 1000 }), (words, cut, clock) => {
        const rule = { id: "r", when: words };
        const whole = triggerOf(rule, 1, 0, null);
        const first = triggerOf(rule, 1, 0, null);
        const expected = Array.from({ length: 16 }, (_, ns) => whole.due(1, ns));
        const before = expected.slice(0, cut).map((_, ns) => first.due(1, ns));
        const rules = JSON.parse(JSON.stringify([{ id: "r", spent: false, ...first.progress }])); // it travels
        const second = triggerOf(rule, 1, clock, { ageNs: cut, rules });
        expect([...before, ...expected.slice(cut).map((_, ns) => second.due(1, clock + ns))]).toEqual(expected);
      }),
    );
  });
});
