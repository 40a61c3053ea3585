import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TraceFields } from "../trace/tracer.ts";
import { ArmedFaults } from "./armed-faults.ts";
import type { FaultRule, Point } from "./fault-rule.ts";
import { loadFaultRules } from "./load-fault-rules.ts";

const points: Point[] = [
  { id: "host.p", sentence: "A place.", kind: "hold", fields: { n: "int" } },
  { id: "host.q", sentence: "Another.", kind: "hold", fields: { n: "int" } },
  { id: "smmu.command-queue.before-command", sentence: "A step.", kind: "hardware", fields: { cons: "int" } },
];

function armed(...rules: FaultRule[]) {
  const timers: [ns: number, expired: () => void][] = [];
  const events: TraceFields[] = [];
  const clock = { ns: 0 };
  const faults = new ArmedFaults({
    now: () => clock.ns,
    timer: (ns, expired) => void timers.push([ns, expired]),
    tracer: { wants: () => true, emit: (_, __, fields = {}) => events.push(fields) },
  });
  const arm = (more: FaultRule[], seed = 1) => faults.arm(loadFaultRules(more, { points }), seed);
  arm(rules);
  const log: string[] = [];
  const task = async (name: string, point: string, fields: Record<string, unknown> = {}): Promise<void> => {
    const held = faults.points.reach(point, fields);
    if (held) await held;
    log.push(name);
  };
  return { faults, timers, events, clock, log, task, arm, turn: () => new Promise((resolve) => setImmediate(resolve)) };
}
const hold = (more: object = {}): FaultRule => ({ id: "r", where: { point: "host.p" }, do: { action: "hold", ...more } }) as FaultRule;

describe("rules at a point (interfaces.md, section 8)", () => {
  it("hold a task there until the release, and others elsewhere go on", async () => {
    const { faults, task, log, turn, events } = armed(hold());
    void task("a", "host.p", { n: 1 });
    void task("b", "host.q");
    await turn();
    expect(log).toEqual(["b"]);
    expect(events).toEqual([{ rule: "r", do: "hold", at: "host.p", n: 1 }]);
    faults.release("r");
    await turn();
    expect(log).toEqual(["b", "a"]);
  });
  it("once released the rule is spent: it holds nobody more", async () => {
    const { faults, task, log, turn } = armed(hold());
    void task("a", "host.p");
    faults.release("r");
    void task("b", "host.p");
    await turn();
    expect(log).toEqual(["b", "a"]);
  });
  it("hold until an event of the trace", async () => {
    const { faults, task, log, turn } = armed(hold({ until: "lab.heal" }));
    void task("a", "host.p");
    expect([faults.awaits("lab.heal"), faults.awaits("lab.deadlock")]).toEqual([true, false]);
    faults.heard("lab.deadlock");
    await turn();
    expect(log).toEqual([]);
    faults.heard("lab.heal");
    await turn();
    expect(log).toEqual(["a"]);
    expect(faults.awaits("lab.heal")).toBe(false);
  });
  it("let go only what waits for that event", async () => {
    const second = { ...hold({ until: "lab.heal" }), id: "s", where: { point: "host.q" } };
    const { faults, task, log, turn } = armed(hold({ until: "lab.workload-end" }), second);
    void task("a", "host.p");
    void task("b", "host.q");
    faults.heard("lab.heal");
    await turn();
    expect(log).toEqual(["b"]);
  });
  it("wait for no event before something is held", () => {
    const { faults } = armed(hold({ until: "lab.heal" }));
    expect(faults.awaits("lab.heal")).toBe(false);
  });
  it("delay a task for its time", async () => {
    const { timers, task, log, turn } = armed({ id: "r", where: { point: "host.p" }, do: { action: "delay", ns: 700 } });
    void task("a", "host.p");
    await turn();
    expect([log, timers[0][0]]).toEqual([[], 700]);
    timers[0][1]();
    await turn();
    expect(log).toEqual(["a"]);
  });
  it("end with the run: everything goes on, in order", async () => {
    const { task, log, turn, arm } = armed(hold());
    for (const name of ["a", "b", "c"]) void task(name, "host.p");
    arm([]);
    await turn();
    expect(log).toEqual(["a", "b", "c"]);
  });
  it("take the matches that when and condition say", async () => {
    const { task, log, turn, faults } = armed({ ...hold(), when: { condition: "m.n > 1", nth: 2 } });
    for (const n of [1, 2, 3, 4]) void task(String(n), "host.p", { n });
    await turn();
    expect(log).toEqual(["1", "2", "4"]);
    expect(faults.fired()).toEqual([{ id: "r", matches: 3, fired: 1 }]);
  });
  it("count holds nobody, and says how often each point was reached", async () => {
    const { faults, task, log, turn } = armed({ id: "all", where: { point: "host.*" }, do: { action: "count" } });
    for (const point of ["host.p", "host.q", "host.p"]) void task(point, point);
    await turn();
    expect(log).toHaveLength(3);
    expect(Object.fromEntries(faults.points.reached())).toEqual({ "host.p": 2, "host.q": 1 });
    expect(faults.fired()).toEqual([{ id: "all", matches: 3, fired: 3 }]);
  });
  it("a step of the hardware that is held is one match, however often it is asked for", () => {
    const { faults } = armed({ id: "r", where: { hardware: "smmu:cmdq" }, when: { nth: 2 }, do: { action: "stuck" } });
    const asked = (cons: number) => faults.points.holds("smmu.command-queue.before-command", { cons });
    expect([asked(0), asked(1), asked(1), asked(1)]).toEqual([false, true, true, true]);
    let resumed = 0;
    faults.resumed = () => void resumed++;
    faults.release("r");
    expect([asked(1), asked(2), resumed]).toEqual([false, false, 1]);
  });
  it("a step of the hardware that is delayed is done after its time, and is no match again", () => {
    const { faults, timers } = armed({ id: "r", where: { point: "smmu.command-queue.before-command" }, do: { action: "delay", ns: 300 } });
    const asked = (cons: number) => faults.points.holds("smmu.command-queue.before-command", { cons });
    expect([asked(0), asked(0), timers.map(([ns]) => ns)]).toEqual([true, true, [300]]);
    timers[0][1]();
    expect([asked(0), asked(1)]).toEqual([false, true]);
  });
  it("an endpoint that never completes invalidations is that one alone", () => {
    const { faults } = armed({ id: "r", where: { hardware: "endpoint:00:01.0" }, do: { action: "never-complete" } });
    const completion = (sid: string, itag: number) => faults.points.holds("smmu.endpoint.before-invalidate-completion", { sid, itag });
    expect([completion("0x8", 0), completion("0x10", 0), completion("0x8", 1), completion("0x8", 0)]).toEqual([true, false, true, true]);
    expect(faults.points.holds("smmu.endpoint.before-page-request", { sid: "0x8", pasid: 5, grpid: 0 })).toBe(false);
  });
  it("with nothing armed a point costs a flag test", () => {
    const { faults } = armed();
    expect([faults.points.armed, faults.hardware.armed]).toEqual([false, false]);
  });
});

describe("rules that match nothing are inert (issue 6, item 2)", () => {
  const inert = fc.record({
    where: fc.constantFrom({ point: "host.q" }, { hardware: "smmu:fetch" }, { hardware: "smmu:cmdq" }, { direction: "vmm->host", what: "ioctl" }),
    when: fc.oneof(fc.record({ nth: fc.integer({ min: 100, max: 200 }) }), fc.record({ probability: fc.constantFrom(0) }), fc.record({ at: fc.constant(1e9) })),
  });
  it("what another rule does is the same with and without them, random draws too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(inert, { maxLength: 4 }), fc.integer({ min: 0, max: 2 ** 31 }), async (others, seed) => {
        const run = async (rules: FaultRule[]) => {
          const { task, log, turn, events, arm } = armed();
          arm(rules, seed);
          for (let n = 0; n < 24; n++) void task(`${n}`, n % 3 ? "host.p" : "host.q", { n });
          await turn();
          return { log: [...log], events: [...events] };
        };
        const subject: FaultRule = { ...hold(), when: { probability: 40 } };
        const silent = others.map((rule, i): FaultRule => {
          const action = "point" in rule.where ? "hold" : "hardware" in rule.where ? (rule.where.hardware === "smmu:fetch" ? "abort" : "stuck") : "drop";
          return { id: `silent-${i}`, ...rule, do: { action } } as FaultRule;
        });
        expect(await run([...silent, subject])).toEqual(await run([subject]));
      }),
    );
  });
});

describe("what happens to the hardware by itself", () => {
  const flip: FaultRule = { id: "f", where: { hardware: "dram" }, when: { at: 500 }, do: { action: "flip", address: "0x40001000", bit: 3 } };
  it("a bit of DRAM flips at its moment", () => {
    const { faults, timers, events, arm } = armed();
    const done: string[] = [];
    faults.hardware.handles = { flip: (address, bit) => done.push(`0x${address.toString(16)}:${bit}`) > 0 };
    arm([flip]);
    expect([done, timers.at(-1)?.[0]]).toEqual([[], 500]);
    timers.at(-1)?.[1]();
    expect(done).toEqual(["0x40001000:3"]);
    expect(events).toMatchObject([{ rule: "f", do: "flip", at: "dram", address: 0x4000_1000 }]);
  });
  it("not after the rules have ended", () => {
    const { faults, timers, arm } = armed();
    const done: number[] = [];
    faults.hardware.handles = { flip: (address) => done.push(address) > 0 };
    arm([flip]);
    arm([]);
    timers.at(-1)?.[1]();
    expect(done).toEqual([]);
  });
  it("a link that went down comes up at the release", () => {
    const { faults, arm } = armed();
    const done: string[] = [];
    faults.hardware.handles = { flip: () => false, link: (sid, up) => done.push(`${sid} ${up ? "up" : "down"}`) > 0 };
    arm([{ id: "l", where: { hardware: "endpoint:00:01.0" }, do: { action: "link-down" } }]);
    expect(done).toEqual(["8 down"]);
    faults.release("l");
    expect(done).toEqual(["8 down", "8 up"]);
  });
  it("a rogue function uses pages that nobody gave it, one after the other", () => {
    const { faults, arm } = armed();
    const done: string[] = [];
    faults.hardware.handles = { flip: () => false, rogue: (sid, address, write) => void done.push(`${sid} ${address.toString(16)} ${write}`) };
    arm([{ id: "l", where: { hardware: "endpoint:00:02.1" }, do: { action: "rogue", address: "0xfffffffff000", count: 2, write: true } }]);
    expect(done).toEqual(["17 fffffffff000 true", "17 1000000000000 true"]);
  });
  it("in a service without the hardware nothing happens", () => {
    const { events } = armed(flip);
    expect(events).toEqual([]);
  });
});

describe("the rules of a part that stands for one that is gone", () => {
  const flip: FaultRule = { id: "f", where: { hardware: "dram" }, when: { at: 10 }, do: { action: "flip", address: 4, bit: 1 } };
  const handles = (done: number[]) => ({ flip: (address: number) => done.push(address) > 0 });
  const successor = (rules: FaultRule[], gone: ArmedFaults, ageNs: number) => {
    const next = armed();
    next.faults.arm(loadFaultRules(rules, { points }), 1, { ageNs, rules: gone.progress() });
    return next;
  };
  it("what happens by itself happens once: at its time, in the part that has the hardware then", () => {
    const done: number[] = [];
    const first = armed(flip);
    first.faults.hardware.handles = handles(done);
    const early = successor([flip], first.faults, 4);
    early.faults.hardware.handles = handles(done);
    expect([done, early.timers[0][0]]).toEqual([[], 6]);
    early.timers[0][1]();
    const late = successor([flip], early.faults, 20);
    late.faults.hardware.handles = handles(done);
    expect([done, late.timers]).toEqual([[4], []]);
  });
  it("what was due while nothing ran happens at the start", () => {
    const done: number[] = [];
    successor([flip], armed(flip).faults, 20).faults.hardware.handles = handles(done);
    expect(done).toEqual([4]);
  });
  it("events that passed are not waited for again", () => {
    const done: number[] = [];
    const third: FaultRule = { ...flip, when: { afterEvent: "guest.bind", nth: 3 } };
    const first = armed(third);
    first.faults.hardware.handles = handles(done);
    for (let n = 0; n < 2; n++) first.faults.heard("guest.bind");
    const next = successor([third], first.faults, 5);
    next.faults.hardware.handles = handles(done);
    next.faults.heard("guest.bind");
    for (const [, expired] of next.timers) expired();
    expect(done).toEqual([4]);
  });
  it("a rule that was let go keeps nothing more", async () => {
    const first = armed(hold());
    first.faults.release("r");
    const next = successor([hold()], first.faults, 5);
    await next.task("a", "host.p");
    expect(next.log).toEqual(["a"]);
  });
});
