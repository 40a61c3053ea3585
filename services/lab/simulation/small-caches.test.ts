import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { describe, expect, it } from "vitest";
import { countersOf } from "../report/counters.ts";
import { SimulatedMachine } from "./machine.ts";

const small = { ...defaultMachine, smmu: { ...defaultMachine.smmu, caches: { ...defaultMachine.smmu.caches, tlb: 4 } } };

async function run(switches: string[]) {
  const machine = new SimulatedMachine(small, { seed: 1, switches: new Set(switches) });
  await machine.boot();
  const end = await machine.runWorkload([{ name: "input", bytes: new Uint8Array(40_000) }], { operation: "sha256", file: "input", pagesPerGroup: 4, jobTimeoutNs: 10e9 });
  return { end, evictions: countersOf(machine.history).evictions };
}

describe("a TLB of four entries (issue 4, caches)", () => {
  it("evicts, and the history says so: the verdict names what a full cache dropped", async () => {
    const { end, evictions } = await run([]);
    expect(end).toMatchObject({ ended: true, value: { ok: true } });
    expect(evictions.tlb).toBeGreaterThan(0);
  });
  it("that never evicts ends the run as an error which names cache and cap (M-never-evict)", async () => {
    const ended = run(["M-never-evict"]);
    await expect(ended).rejects.toThrow(InfrastructureError);
    await expect(ended).rejects.toThrow("the tlb cache is full at 4 entries and never evicts (M-never-evict)");
  });
});
