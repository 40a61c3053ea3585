import type { EdgeDo } from "@faultline/shared/lab/fault-rule.ts";
import { loadFaultRules } from "@faultline/shared/lab/load-fault-rules.ts";
import { afterEach, describe, expect, it } from "vitest";
import { transports, until } from "../support/edge-pair.ts";
import { type Flow, flowRigs, flows, records, sendAll, turns } from "../support/message-flows.ts";

/** Of three messages those that arrive while the second is kept, and all in the order in which they came. */
const whileTheSecondIsKept = ({ ordered }: Flow): { early: number[]; all: number[] } => (ordered ? { early: [1], all: [1, 2, 3] } : { early: [1, 3], all: [1, 3, 2] });

describe.each(transports)("rules on an edge (design.md, section 6): %s", (_, connect) => {
  const { rig, close } = flowRigs(connect);
  afterEach(close);

  describe.each(flows)("$direction $what", (flow) => {
    it("drop: event and bytes are lost", async () => {
      const r = await rig(flow, { action: "drop" }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual([1, 3]);
      expect(r.records()).toEqual(records(flow, 1, 3));
      expect(r.events).toMatchObject([{ rule: "r", do: "drop", direction: flow.direction }]);
    });
    it(`delay: it arrives when its time is over, and what left meanwhile ${flow.ordered ? "waits behind it" : "passes it"}`, async () => {
      const r = await rig(flow, { action: "delay", ns: 5000 }, { nth: 2 });
      await sendAll(r);
      const { early, all } = whileTheSecondIsKept(flow);
      await until(() => r.seen().length === early.length);
      await turns();
      expect(r.seen()).toEqual(early);
      r.timers[0]();
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual(all);
      expect(r.records()).toEqual(records(flow, ...all));
    });
    it("duplicate: it arrives twice", async () => {
      const r = await rig(flow, { action: "duplicate" }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 2, 3]);
    });
    it("reorder: it arrives behind the next one", async () => {
      const r = await rig(flow, { action: "reorder" }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 3, 2]);
      expect(r.records()).toEqual(records(flow, 1, 3, 2));
    });
    it("reorder: the next one is not itself put behind another", async () => {
      const r = await rig(flow, { action: "reorder" }, {});
      await sendAll(r, 4);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([2, 1, 4, 3]);
    });
    it("reorder: without a next one it leaves when the rules end", async () => {
      const r = await rig(flow, { action: "reorder" }, { nth: 3 });
      await sendAll(r);
      await until(() => r.seen().length === 2);
      r.rules.arm([]);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
    });
    it(`hold: it arrives at the release, and what left meanwhile ${flow.ordered ? "behind it" : "before it"}`, async () => {
      const r = await rig(flow, { action: "hold" }, { nth: 2 });
      await sendAll(r);
      const { early, all } = whileTheSecondIsKept(flow);
      await until(() => r.seen().length === early.length);
      await turns();
      expect(r.seen()).toEqual(early);
      r.rules.release("r");
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual(all);
    });
    it("kept ones of two rules leave in their order where the link has one, whichever rule ends first", async () => {
      const r = await rig(flow, { action: "hold" }, { nth: 1 });
      const where = { direction: flow.direction, what: flow.what };
      r.rules.arm(loadFaultRules([1, 2].map((nth) => ({ id: `r${nth}`, where, when: nth === 1 ? { nth: 1 } : {}, do: { action: "hold" } }))));
      await sendAll(r, 2);
      r.rules.release("r2");
      await until(() => flow.ordered || r.seen().length === 1);
      await turns();
      expect(r.seen()).toEqual(flow.ordered ? [] : [2]);
      r.rules.release("r1");
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual(flow.ordered ? [1, 2] : [2, 1]);
    });
    it("hold until an event: other events let nothing go", async () => {
      const r = await rig(flow, { action: "hold", until: "lab.heal" }, { nth: 1 });
      void r.send(1);
      r.rules.heard("lab.workload-end");
      void r.send(2);
      await until(() => flow.ordered || r.seen().length === 1);
      await turns();
      expect(r.seen()).toEqual(flow.ordered ? [] : [2]);
      r.rules.heard("lab.heal");
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual(flow.ordered ? [1, 2] : [2, 1]);
    });
    it("hold: rules that end let everything go, in order", async () => {
      const r = await rig(flow, { action: "hold" }, {});
      await sendAll(r);
      r.rules.arm([]);
      void r.send(4);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 3, 4]);
    });
    it("replay: an old message arrives once more, with its bytes, and says so", async () => {
      const r = await rig(flow, { action: "replay" }, { nth: 3 });
      await sendAll(r);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 3, 2]);
      expect(r.records()).toEqual(records(flow, 1, 2, 3, 2));
      expect(r.events).toMatchObject([{ do: "replay" }]);
    });
    it("replay: `back` says which; the first match has nothing to replay", async () => {
      const r = await rig(flow, { action: "replay", back: 2 }, {});
      await sendAll(r, 4);
      await until(() => r.seen().length === 6);
      expect(r.seen()).toEqual([1, 2, 3, 1, 4, 2]);
    });
    it("replay: what left under earlier rules is forgotten", async () => {
      const r = await rig(flow, { action: "drop" }, { nth: 99 });
      const replay = loadFaultRules([{ id: "r", where: { direction: flow.direction, what: flow.what }, when: { nth: 2 }, do: { action: "replay" } }]);
      r.rules.arm(replay);
      void r.send(1);
      r.rules.arm(replay);
      for (const n of [2, 3]) void r.send(n);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 3, 2]);
    });
    it("corrupt a field: the record arrives with another group, and says so", async () => {
      const r = await rig(flow, { action: "corrupt", field: flow.field, value: 0x55 }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
      expect(r.records()).toEqual(records(flow, 1, 0x55, 3));
      expect(r.events).toMatchObject([{ do: "corrupt", field: flow.field }]);
    });
    it("corrupt a bit: that bit of the field is inverted", async () => {
      const r = await rig(flow, { action: "corrupt", field: flow.field, bit: 4 }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.records()).toEqual(records(flow, 1, 0x12, 3));
    });
    it("full: the sender finds the window full until the release; then everything arrives, in order", async () => {
      const r = await rig(flow, { action: "full" }, { nth: 2 });
      void r.send(1);
      const sent = flow.definition.edge === "vfio" && flow.from === "upper" ? "waits" : r.send(2);
      if (sent === "waits") void r.send(2);
      else expect(sent).toBe("full");
      await until(() => r.seen().length === 1);
      expect(r.events).toMatchObject([{ do: "full" }]);
      const writable = r.ends[flow.from].edge.writable();
      r.rules.release("r");
      await writable;
      if (sent === "full") expect(r.send(2)).toBe("sent");
      await until(() => r.seen().length === 2);
      void r.send(3);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
    });
    it("release: at a message another rule lets go what it keeps; the message passes", async () => {
      const r = await rig(flow, { action: "hold" }, { nth: 1 });
      const where = { direction: flow.direction, what: flow.what };
      r.rules.arm(
        loadFaultRules([
          { id: "kept", where, when: { nth: 1 }, do: { action: "hold" } },
          { id: "go", where, when: { nth: 2 }, do: { action: "release", rule: "kept" } },
        ]),
      );
      await sendAll(r, 2);
      expect(r.events).toMatchObject([
        { rule: "kept", do: "hold" },
        { rule: "go", do: "release", releases: "kept", direction: flow.direction },
      ]);
      r.rules.release("kept"); // what whoever hears of the event does
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual(flow.ordered ? [1, 2] : [2, 1]);
      expect(r.rules.fired()).toEqual([
        { id: "kept", matches: 2, fired: 1 },
        { id: "go", matches: 2, fired: 1 },
      ]);
    });
    it("after an event: what comes before it is no match", async () => {
      const r = await rig(flow, { action: "drop" }, { afterEvent: "guest.bind", nth: 1 });
      await sendAll(r, 2);
      expect(r.rules.awaits("guest.bind")).toBe(true);
      r.rules.heard("guest.bind");
      expect(r.rules.awaits("guest.bind")).toBe(false);
      for (const n of [3, 4]) void r.send(n);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 4]);
    });
    it("a rule that never matches does nothing", async () => {
      const r = await rig(flow, { action: "drop" }, { nth: 99 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
      expect(r.events).toEqual([]);
    });
    it("forty lost, kept or replayed messages leave the window of eight as it was", async () => {
      for (const what of [{ action: "drop" }, { action: "duplicate" }, { action: "replay" }, { action: "hold" }] as EdgeDo[]) {
        const r = await rig(flow, what, {});
        for (let n = 1; n <= 40; n++) {
          const result = r.send(n);
          if (result === "full") await r.ends[flow.from].edge.writable();
          else if (flow.from === "upper" && flow.definition.edge === "vfio" && what.action !== "hold") await result;
        }
        r.rules.arm([]);
        const before = r.seen().length;
        void r.send(41);
        await until(() => r.seen().length > before);
        close();
      }
    });
  });
});
