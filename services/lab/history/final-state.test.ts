import { describe, expect, it } from "vitest";
import { judge } from "../checkers/index.ts";
import { written } from "../checkers/test-support/written-history.ts";
import { checkData } from "./data-checked.ts";
import { eventText } from "./event-text.ts";
import { withFinalState } from "./final-state.ts";

const history = written(["lab", "lab.run-start"], ["lab", "lab.workload-end", {}, { ok: true }]);

describe("the final state is part of the history, so that it can be judged again", () => {
  it("goes behind the last event: baselines, then counts, then comparisons of data", () => {
    const all = withFinalState(history, {
      counts: [
        { who: "guest0", phase: "end", counts: { bonds: 0 } },
        { who: "guest0", phase: "baseline", counts: { bonds: 0 } },
      ],
      data: [{ what: "sha256", expected: "aa", actual: "aa" }],
    });
    expect(all.slice(0, 2)).toEqual(history);
    expect(all.slice(2).map(({ n, kind, fields }) => [n, kind, fields.phase ?? fields.equal])).toEqual([
      [3, "guest.counts", "baseline"],
      [4, "guest.counts", "end"],
      [5, "lab.data-checked", true],
    ]);
    expect(judge(all)).toEqual([]);
  });
  it("is judged: a bond that is left and data that differs", () => {
    const all = withFinalState(history, { counts: [{ who: "guest0", phase: "end", counts: { bonds: 1 } }], data: [{ what: "sha256", expected: "aa", actual: "bb" }] });
    expect(judge(all).map(({ invariant }) => invariant)).toEqual(["INV-9", "DATA"]);
  });
});

describe("an event as a line (interfaces.md, section 7)", () => {
  it("names who, what and the fields; flags by their name, what is absent not at all", () => {
    const [event] = written(["host", "host.pri-record", { sid: "0x8", pasid: 5, iova: undefined }, { last: true, write: false, groups: [3, 4], ret: 0, vma: null }]);
    expect(eventText(event)).toBe("host host.pri-record: sid=0x8 pasid=5 last groups=3,4 ret=0");
    expect(eventText(written(["lab", "lab.heal"])[0])).toBe("lab lab.heal");
  });
});

describe("the data of a workload is compared by the lab's own tools", () => {
  const queue = (output: number[], ok = true) => ({ ok, endpoint: 8, queue: 1, output: Uint8Array.from(output) });
  const copy = { operation: "copy" } as const;
  it("equals for what is right, and names queue and digests for what is not", () => {
    // sha256 of the bytes 01 02, by sha256sum
    const digest = "a12871fee210fb8619291eaea194581cbd2531e4b23759d225f6806923f63222";
    expect(checkData(copy, Uint8Array.of(1, 2), [queue([1, 2])])).toEqual([{ what: "copy of endpoint 0x8, queue 1", actual: digest, expected: digest }]);
    const [wrong] = checkData(copy, Uint8Array.of(1, 2), [queue([1, 3])]);
    expect([wrong.expected, wrong.actual === digest]).toEqual([digest, false]);
  });
  it("promises nothing for a job that failed", () => {
    expect(checkData(copy, Uint8Array.of(1, 2), [queue([], false)])).toEqual([]);
  });
});
