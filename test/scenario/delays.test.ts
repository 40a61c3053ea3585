import { brokenAssertions } from "@faultline/lab/assertions/assertions.ts";
import { judge } from "@faultline/lab/checkers/index.ts";
import type { FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { SimulatedMachine } from "../../services/lab/simulation/machine.ts";

const input = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 31) & 0xff);

/** A link may be slow; it never turns round what the real one keeps in order (PCIe 2.4.1), so nobody sees an entry before it is written. */
describe("late messages are late, and nothing else (design.md, section 6)", () => {
  const late: [direction: string, what: string][] = [
    ["host->smmu", "command"],
    ["host->smmu", "mmioWrite"],
    ["host->smmu", "mmioRead"],
    ["smmu->host", "priq-record"],
    ["smmu->host", "interrupt"],
    ["smmu->host", "mmioReadResult"],
    ["vmm->host", "page-response"],
    ["vmm->host", "pwrite"],
    ["vmm->host", "ioctl"],
    ["host->vmm", "dma-fault"],
    ["host->vmm", "signal"],
    ["host->vmm", "preadResult"],
    ["guest->vmm", "page-resp-request"],
    ["guest->vmm", "invalidate-request"],
    ["guest->vmm", "pciWrite"],
    ["vmm->guest", "event-report"],
    ["vmm->guest", "used"],
  ];
  it.each(late)("%s %s: every second one is 60 us late", async (direction, what) => {
    const machine = new SimulatedMachine(defaultMachine, { seed: 1, switches: new Set() });
    await machine.boot();
    const rule: FaultRule = { id: "late", where: { direction, what }, when: { every: 2 }, do: { action: "delay", ns: 60_000 } };
    machine.arm([rule]);
    const end = await machine.runWorkload([{ name: "input", bytes: input }], { operation: "copy", file: "input", pagesPerGroup: 2, jobTimeoutNs: 1e9 });
    await machine.settle(1e9);
    expect(end).toMatchObject({ ended: true, value: { ok: true } });
    expect(machine.history.some(({ kind, fields }) => kind === "edge.rule" && fields.do === "delay")).toBe(true);
    expect([...judge(machine.history), ...brokenAssertions(machine.history)]).toEqual([]);
  });
});
