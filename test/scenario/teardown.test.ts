import { judge } from "@faultline/lab/checkers/index.ts";
import type { SimulatedMachine } from "@faultline/lab/simulation/machine.ts";
import type { Program } from "@faultline/shared/linux/workload.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { mixedProgram, type SimulatedRun, simulate } from "../support/program-run.ts";
import { countsLeft, exitsOutOfOrder, lateFaults, reportedWithoutLast, unbindsOutOfOrder, useOfClearedPasids } from "../support/teardown-order.ts";

const invariants = ({ history }: SimulatedRun): Set<string> => new Set(judge(history).map(({ invariant }) => invariant));
/** Two processes one after the other on one queue: the second gets the PASID of the first. */
const twoCopies: Program = { ...mixedProgram, processes: 2, pages: 8, jobs: 1, mix: { copy: 1 }, munmap: 0, unbind: 0, exit: 0 };
/** Holds the first task that comes to the point, for `forNs`. */
function holdFirst(machine: SimulatedMachine, point: string, forNs: number, which: (m: Record<string, unknown>) => boolean = () => true): void {
  let came = false;
  machine.points.hold(point, (m) => !came && which(m) && (came = true));
  machine.scheduler.after(forNs, () => machine.points.release(point));
}

describe("M-stop-pasid: the PASID is stopped at the device before it is unbound (IC-108)", () => {
  const program = { ...mixedProgram, pages: 64, jobs: 1, unbind: 1, exit: 0 }; // long enough to be at work when it is unbound
  it("a PASID whose CD is invalid is silent", async () => {
    const run = await simulate({ queues: 4, program });
    expect(useOfClearedPasids(run.history)).toEqual([]);
    expect(run.history.filter(({ kind, fields }) => kind === "endpoint.job-complete" && fields.status === 8).length).toBeGreaterThan(0); // jobs were stopped
  });
  it("with the mutant the device goes on under it, into C_BAD_CD", async () => {
    const run = await simulate({ queues: 4, program }, { switches: ["M-stop-pasid"] });
    expect(useOfClearedPasids(run.history).length).toBeGreaterThan(0);
    expect(unbindsOutOfOrder(run.history)[0]).toMatch(/^0x8 PASID \d, freed at #\d+: drained, cd invalid/);
  });
});

describe("M-invalidate-before-free: frames and tables are freed after TLBs and ATCs have let go (flow.md, invalidation path and T2)", () => {
  it("without the mutant no DMA reaches a frame that is free, and no order is broken", async () => {
    const run = await simulate({ queues: 4, program: { ...mixedProgram, munmap: 1 } });
    expect(run.result?.error).toBeUndefined();
    expect(judge(run.history)).toEqual([]);
  });
  it("with it DMA does, at munmap and at exit", async () => {
    const run = await simulate({ queues: 4, program: { ...mixedProgram, munmap: 1 } }, { switches: ["M-invalidate-before-free"] });
    expect(invariants(run)).toContain("INV-3");
    expect(exitsOutOfOrder(run.history).length).toBeGreaterThan(0);
  });
});

describe("M-drain-on-unbind: a fault of before an unbind is nobody else's (FL-I6, S28, IC-1104)", () => {
  /** The event thread keeps the first request; the job times out, the function is reset, the process ends. */
  const run = (switches: string[]) =>
    simulate(
      { jobTimeoutNs: 1e6, pagesPerGroup: 1, program: twoCopies },
      { switches, prepare: (machine) => holdFirst(machine, "guest.event-thread.before-report", 400e6) },
    );
  it("the PASID stays taken until the event thread has reported what it had", async () => {
    const { history, result } = await run([]);
    const freed = history.findIndex(({ kind }) => kind === "guest.pasid-freed");
    const handled = history.findIndex(({ kind }) => kind === "guest.fault-handled");
    expect(handled).toBeGreaterThan(0);
    expect(handled).toBeLessThan(freed);
    expect(result?.queues.map(({ ok, pasid }) => [ok, pasid])).toEqual([
      [false, 1],
      [true, 1],
    ]);
    expect(result?.error).toMatch(/job time-out: endpoint 0x8, PASID 1, queue 0/);
    expect(history.find(({ kind }) => kind === "guest.pasid-stopped")?.fields).toEqual({ ret: 0, by: "reset" }); // the job's time-out had reset the function
    expect(unbindsOutOfOrder(history)).toEqual([]);
    expect(judge(history).filter(({ invariant }) => invariant === "FL-I6")).toEqual([]);
    expect(countsLeft(history)).toEqual({});
  });
  it("with the mutant it is applied to the next owner of the PASID", async () => {
    const late = await run(["M-drain-on-unbind"]);
    expect(invariants(late)).toContain("FL-I6");
  });
});

describe("M-drain-priq, M-drain-ring: INVALIDATE of a PASID completes behind what host and VMM still have of it (IC-1105)", () => {
  /** Nobody stops the PASID, so that a whole group is above the guest when it unbinds. */
  const run = (point: string, switches: string[]) =>
    simulate(
      { pagesPerGroup: 8, program: { ...twoCopies, jobs: 0, unbind: 1 } },
      { switches: ["M-stop-pasid", ...switches], prepare: (machine) => holdFirst(machine, point, 50e6) },
    );

  for (const [place, point, mutant] of [
    ["PRI queue thread", "host.pri-thread.before-report", "M-drain-priq"],
    ["fault ring", "vmm.fault-relay.before-drain", "M-drain-ring"],
  ]) {
    it(`a group kept in the ${place} reaches the guest before the PASID is free`, async () => {
      const { history } = await run(point, []);
      expect(lateFaults(history)).toEqual([]);
      const handled = history.filter(({ kind }) => kind === "guest.fault-handled");
      expect(handled.length).toBeGreaterThan(0);
      expect(handled[0].t).toBeGreaterThan(50e6);
      expect(judge(history).filter(({ invariant }) => invariant === "FL-I6")).toEqual([]);
      expect(countsLeft(history)).toEqual({});
    });
    it(`with ${mutant} it arrives when the PASID has been given away`, async () => {
      expect(lateFaults((await run(point, [mutant])).history).length).toBeGreaterThan(0);
    });
  }
});

describe("M-discard-partial: what an overflow cut off is nobody's (flow.md, d; S22)", () => {
  /** Eight entries: of the two groups of six, the first fits, of the second the first two requests; its last one is refused. */
  const machine = { ...defaultMachine, smmu: { ...defaultMachine.smmu, priqLog2: 3 } };
  const run = (switches: string[]) =>
    simulate({ queues: 2, pagesPerGroup: 8, program: { ...twoCopies, pages: 3, processes: 2, jobs: 0, unbind: 1 } }, { machine, switches });
  const overflows = ({ history }: SimulatedRun) => history.filter(({ kind, fields }) => kind === "host.queue-overflow" && fields.queue === "PRIQ");
  it("the host drops it at the overflow: every request that is reported is of a group whose last one is, too", async () => {
    const clean = await run([]);
    expect(overflows(clean).some(({ fields }) => Number(fields.discarded) > 0)).toBe(true);
    expect(reportedWithoutLast(clean.history)).toEqual([]);
    expect(clean.result?.ok).toBe(true);
  });
  it("with the mutant it is kept", async () => {
    const kept = await run(["M-discard-partial"]);
    expect(overflows(kept).length).toBeGreaterThan(0);
    expect(overflows(kept).every(({ fields }) => fields.discarded === 0)).toBe(true);
  });
});
