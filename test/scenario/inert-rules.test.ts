import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import type { Do, FaultRule, Where } from "@faultline/shared/lab/fault-rule.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { writeHistory } from "../../services/lab/history/history.ts";
import { SimulatedMachine } from "../../services/lab/simulation/machine.ts";

const input = Uint8Array.from({ length: 9000 }, (_, i) => (i * 31) & 0xff);

/** The history of one run with the rules armed, without the event that lists them. */
async function history(seed: number, rules: FaultRule[]): Promise<string> {
  const machine = new SimulatedMachine(defaultMachine, { seed, switches: new Set() });
  await machine.boot();
  machine.arm(rules);
  const end = await machine.runWorkload([{ name: "input", bytes: input }], { operation: "copy", file: "input", pagesPerGroup: 2, jobTimeoutNs: 1e9 });
  expect(end.ended).toBe(true);
  await machine.settle(1e9);
  return writeHistory(machine.history.map((event) => (event.kind === "lab.rules-armed" ? { ...event, fields: {} } : event)));
}

const directions: [direction: string, what: string][] = [smmuEdge, vfioEdge, virtioEdge].flatMap(({ upper, lower, replies, messages }) =>
  Object.keys(messages).map((what): [string, string] => [Object.hasOwn(replies, what) ? `${upper}->${lower}` : `${lower}->${upper}`, what]),
);
const records: [direction: string, what: string][] = [
  ["host->smmu", "command"],
  ["smmu->host", "priq-record"],
  ["host->vmm", "dma-fault"],
  ["vmm->host", "page-response"],
  ["vmm->guest", "event-report"],
  ["guest->vmm", "page-resp-request"],
  ["guest->vmm", "invalidate-request"],
];
const onEdge = fc.record({
  where: fc.constantFrom(...directions, ...records).map(([direction, what]): Where => ({ direction, what })),
  do: fc.constantFrom<Do>({ action: "drop" }, { action: "delay", ns: 5000 }, { action: "duplicate" }, { action: "reorder" }, { action: "hold" }, { action: "replay" }),
});
const edge = (direction: string, what: string, action: Do): { where: Where; do: Do } => ({ where: { direction, what }, do: action });
/** Actions that fit some messages only. */
const onSomeMessages = fc.constantFrom(
  edge("host->smmu", "command", { action: "corrupt", field: "ASID", bit: 1 }),
  edge("vmm->host", "request", { action: "corrupt", field: "granule_size", value: 65536 }),
  edge("guest->vmm", "page-resp-request", { action: "corrupt", field: "grpid", value: 3 }),
  edge("vmm->host", "ioctl", { action: "answer", errno: "EIO" }),
  edge("guest->vmm", "invalidate-request", { action: "answer", status: "VIRTIO_IOMMU_S_DEVERR" }),
  edge("host->smmu", "mmioRead", { action: "answer", code: "UR" }),
  edge("smmu->host", "interrupt", { action: "lose-interrupt" }),
  edge("host->vmm", "signal", { action: "lose-interrupt" }),
  edge("vmm->guest", "used", { action: "lose-interrupt" }),
  edge("host->smmu", "mmioWrite", { action: "full" }),
  edge("guest->vmm", "available", { action: "full", ns: 1000 }),
  edge("vmm->host", "pwrite", { action: "full", until: "lab.heal" }),
);
const onPoint = fc.record({
  where: fc
    .constantFrom("host.pri-thread.before-report", "guest.iopf.before-handle", "vmm.fault-relay.before-drain", "smmu.command-queue.before-command")
    .map((point) => ({ point })),
  do: fc.constantFrom<Do>({ action: "hold" }, { action: "hold", until: "lab.heal" }, { action: "count" }),
});
const onHardware = fc.constantFrom<{ where: Where; do: Do }>(
  { where: { hardware: "smmu:cmdq" }, do: { action: "stuck" } },
  { where: { hardware: "smmu:cmdq" }, do: { action: "abort" } },
  { where: { hardware: "smmu:eventq" }, do: { action: "full" } },
  { where: { hardware: "smmu:priq" }, do: { action: "full" } },
  { where: { hardware: "smmu:fetch" }, do: { action: "abort" } },
  { where: { hardware: "smmu:interrupt" }, do: { action: "lose-interrupt" } },
  { where: { hardware: "endpoint:00:01.0" }, do: { action: "never-complete" } },
  { where: { hardware: "endpoint:00:01.0" }, do: { action: "keep" } },
  { where: { hardware: "smmu:fetch" }, do: { action: "flip", bit: 3 } },
  { where: { hardware: "smmu:tlb" }, do: { action: "keep" } },
  { where: { hardware: "smmu:config" }, do: { action: "keep" } },
);
const never = fc.constantFrom(
  { nth: 10 ** 6 },
  { after: 10 ** 6 },
  { at: 1e15 },
  { probability: 0 },
  { condition: "false" },
  { space: 2 ** 40 },
  { afterEvent: "lab.deadlock" },
);
const inert = fc.array(
  fc.tuple(fc.oneof(onEdge, onSomeMessages, onPoint, onHardware), never).map(([rule, when]) => ({ ...rule, when })),
  { minLength: 1, maxLength: 5 },
);

describe("a rule that never matched is inert (issue 6, item 2)", () => {
  it("a run with such rules armed has the same history as one without", async () => {
    const without = new Map<number, string>();
    await fc.assert(
      fc.asyncProperty(inert, fc.integer({ min: 1, max: 3 }), async (rules, seed) => {
        const plain = without.get(seed) ?? (await history(seed, []));
        without.set(seed, plain);
        expect(
          await history(
            seed,
            rules.map((rule, i) => ({ id: `r${i}`, ...rule })),
          ),
        ).toBe(plain);
      }),
      { numRuns: 40 },
    );
  });
  it("a rule more does not shift what another one draws", async () => {
    const drop: FaultRule = { id: "drop", where: { direction: "vmm->guest", what: "event-report" }, when: { probability: 30 }, do: { action: "delay", ns: 40_000 } };
    const other: FaultRule = { id: "other", where: { direction: "host->smmu", what: "mmioRead" }, when: { probability: 50, at: 1e15 }, do: { action: "drop" } };
    const silent: FaultRule = { id: "silent", where: { direction: "host->smmu", what: "command" }, when: { probability: 0 }, do: { action: "drop" } };
    const alone = await history(5, [drop]);
    expect(alone).toContain('"rule":"drop","do":"delay"');
    expect(await history(5, [other, drop, silent])).toBe(alone);
  });
});
