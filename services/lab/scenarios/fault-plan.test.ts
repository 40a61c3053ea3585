import { describe, expect, it } from "vitest";
import { FaultPlan, type PlannedFaults } from "./fault-plan.ts";
import type { PartFault } from "./part-fault.ts";

const fault = (change: Partial<PartFault>): PartFault => ({ id: "fault-0", part: "guest0", do: "pause", ways: "both", when: { nth: 1 }, ...change });

/** A plan on a clock of its own: what it did, in order. */
function planned(faults: PartFault[], heal: PlannedFaults["heal"] = null) {
  const did: string[] = [];
  const timers: { at: number; action: () => void }[] = [];
  let now = 0;
  const plan = new FaultPlan(
    { faults, heal },
    {
      later: (ns, action) => void timers.push({ at: now + ns, action }),
      act: (part, action) => void did.push(`${now} ${action} ${part}`),
      heal: (withinNs) => void did.push(`${now} heal ${withinNs}`),
    },
  );
  const until = (ns: number) => {
    for (;;) {
      const [next] = timers.filter(({ at }) => at <= ns).sort((a, b) => a.at - b.at);
      if (!next) break;
      timers.splice(timers.indexOf(next), 1);
      now = Math.max(now, next.at);
      next.action();
    }
    now = ns;
  };
  return { plan, did, until };
}

describe("faults of parts, as they become due (design.md, section 6)", () => {
  it("happen at once, at a time, or at the nth event of a kind", () => {
    const { plan, did, until } = planned([
      fault({ do: "kill", part: "smmu" }),
      fault({ do: "kill", part: "host", when: { at: 50, nth: 1 } }),
      fault({ do: "kill", when: { after: "guest.bind", nth: 2 } }),
    ]);
    until(0);
    plan.seen("guest.bind");
    until(60);
    plan.seen("guest.unbind");
    plan.seen("guest.bind");
    until(60);
    plan.seen("guest.bind");
    until(70);
    expect(did).toEqual(["0 kill smmu", "50 kill host", "60 kill guest0"]);
  });
  it("never happen inside the event that makes them due", () => {
    const { plan, did, until } = planned([fault({ when: { after: "guest.bind", nth: 1 } })]);
    plan.seen("guest.bind");
    expect(did).toEqual([]);
    until(0);
    expect(did).toEqual(["0 pause guest0"]);
  });
  it("are taken back after their time, or by the first event of a kind after them", () => {
    const { plan, did, until } = planned([
      fault({ forNs: 10 }),
      fault({ do: "kill", part: "vmm0", until: "host.released" }),
      fault({ do: "partition", part: "host", forNs: 20 }),
    ]);
    plan.seen("host.released"); // before the kill
    until(15);
    plan.seen("host.released");
    until(30);
    expect(did).toEqual(["0 pause guest0", "0 kill vmm0", "0 partition host", "10 resume guest0", "15 restart vmm0", "20 join host"]);
  });
  it("end with heal: what has not happened until then never does", () => {
    const { plan, did, until } = planned([fault({ when: { at: 50, nth: 1 } }), fault({ forNs: 60 })], { at: { ns: 20 }, withinNs: 7 });
    until(20);
    plan.end();
    until(100);
    expect(did).toEqual(["0 pause guest0", "20 heal 7"]);
  });
});
