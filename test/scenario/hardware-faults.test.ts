import type { FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { SimulatedMachine, type SimWorkloadEnd } from "../../services/lab/simulation/machine.ts";

const input = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 31) & 0xff);

async function run(rule: Omit<FaultRule, "id">): Promise<{ end: SimWorkloadEnd; history: readonly TraceEvent[]; machine: SimulatedMachine }> {
  const machine = new SimulatedMachine(defaultMachine, { seed: 1, switches: new Set() });
  await machine.boot();
  machine.arm([{ id: "r", ...rule }]);
  const workload = { operation: "copy", file: "input", pagesPerGroup: 2, jobTimeoutNs: 1e9 } as const;
  const end = await machine.runWorkload([{ name: "input", bytes: input }], workload, { limitNs: 400e9 });
  return { end, history: machine.history, machine };
}
const happened = (history: readonly TraceEvent[]) => history.filter(({ kind }) => kind === "lab.rule");
const result = (end: SimWorkloadEnd) => (end.ended ? { ok: end.value.ok, error: end.value.error } : end);

/** Each ends with the right data or with a failure that has a name; nothing hangs. */
describe("faults in the hardware, in the whole machine (issue 6, item 2)", () => {
  const survived: [what: string, rule: Omit<FaultRule, "id">][] = [
    ["a PRI queue that acts as full once: the group is tried again", { where: { hardware: "smmu:priq" }, when: { times: 1 }, do: { action: "full" } }],
    [
      "commands that are not consumed until another page request is recorded",
      { where: { hardware: "smmu:cmdq" }, when: { nth: 16 }, do: { action: "stuck", until: "pri-queue.record" } },
    ],
    ...["smmu:tlb", "smmu:config", "endpoint:00:01.0"].map((hardware): [string, Omit<FaultRule, "id">] => [
      `entries of ${hardware} that go while the job is under way: they are fetched again`,
      { where: { hardware }, when: { afterEvent: "endpoint.prg-response", nth: 2 }, do: { action: "evict" } },
    ]),
    [
      "page requests that stay inside until the job is under way",
      { where: { hardware: "endpoint:00:01.0" }, when: { nth: 3 }, do: { action: "stuck", until: "endpoint.prg-response" } },
    ],
  ];
  it.each(survived)("%s", async (_, rule) => {
    const { end, history } = await run(rule);
    expect(happened(history).length).toBeGreaterThan(0);
    expect(result(end)).toMatchObject({ ok: true });
  });

  const failed: [what: string, rule: Omit<FaultRule, "id">][] = [
    ["a descriptor fetch that aborts", { where: { hardware: "smmu:fetch" }, when: { nth: 40 }, do: { action: "abort" } }],
    [
      "a CD that is fetched with a flipped valid bit",
      { where: { hardware: "smmu:fetch" }, when: { condition: "m.what == 'CD'", nth: 1 }, do: { action: "flip", bit: 31 } },
    ],
    ["a PRI queue write that aborts", { where: { hardware: "smmu:priq" }, when: { nth: 2 }, do: { action: "abort" } }],
    ["a command queue that stands still", { where: { hardware: "smmu:cmdq" }, when: { nth: 2 }, do: { action: "stuck" } }],
    ["a link that goes down", { where: { hardware: "endpoint:00:01.0" }, when: { at: 100_000 }, do: { action: "link-down" } }],
    [
      "a lost PRIQ interrupt",
      { where: { hardware: "smmu:interrupt" }, when: { condition: "m.source == 'PRIQ' || m.source == 'MSI'", nth: 1 }, do: { action: "lose-interrupt" } },
    ],
  ];
  it.each(failed)("%s ends the job, with success or with a named error", async (_, rule) => {
    const { end, history } = await run(rule);
    expect(happened(history).length).toBeGreaterThan(0);
    expect(end.ended).toBe(true);
    const { ok, error } = result(end) as { ok: boolean; error?: string };
    expect(ok || (error ?? "").length > 0).toBe(true);
  });

  it("a rogue function gets nothing: Translated requests that nobody gave it abort or stay inside what it may reach (8.4)", async () => {
    const { end, history } = await run({ where: { hardware: "endpoint:00:01.0" }, do: { action: "rogue", address: "0x3f000000", count: 4, write: true } });
    expect(happened(history)).toMatchObject([{ fields: { do: "rogue", at: "endpoint:00:01.0" } }]);
    expect(result(end)).toMatchObject({ ok: true });
  });
});
