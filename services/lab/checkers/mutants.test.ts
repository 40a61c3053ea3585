import { defects as guestDefects } from "@faultline/guest/defects.ts";
import { defects as hostDefects } from "@faultline/host/defects.ts";
import { Accelerator } from "@faultline/smmu/core/endpoint/accelerator.ts";
import { ScriptedEndpoint, type ScriptedPageRequest } from "@faultline/smmu/core/endpoint/scripted-endpoint.ts";
import { defects as smmuDefects } from "@faultline/smmu/defects.ts";
import { defects as vmmDefects } from "@faultline/vmm/defects.ts";
import { describe, expect, it } from "vitest";
import { runExperiment } from "../scenarios/experiment.ts";
import { loadScenario, parseScenario, scenarioIds } from "../scenarios/load-scenario.ts";
import type { SimulatedMachine } from "../simulation/machine.ts";
import { startSimulation } from "../simulation/running-simulation.ts";
import { checkers, judge } from "./index.ts";

interface MutantRun {
  /** Defects and mutants of our own code that are on. */
  switches?: string[];
  workload?: string;
  /** Faults that are there with and without the mutant. */
  faults?: string;
  /** Faults that are the mutant: a piece of hardware that does what none may. */
  broken?: string;
  /** A function that does what none may. */
  act?(machine: SimulatedMachine): void;
  /** What happens with and without the mutant. */
  always?(machine: SimulatedMachine): void;
  machine?: string;
  heal?: string;
  message: RegExp;
}
const copy = "{ operation: copy, file: { bytes: 40000 }, pagesPerGroup: 4, jobTimeout: 1s }";
const program = (what: string) => `{ mix: { copy: 1 }, queues: 3, pagesPerGroup: 4, jobTimeout: 1s, seed: 1, ${what} }`;
const LOST = '[{ where: "vmm->host page-response", when: { nth: 1 }, do: drop }]';
const scripted = '{ endpoints: [{ bdf: "00:01.0", kind: accelerator }, { bdf: "00:02.0", kind: scripted }], vms: [{ name: vm0, ram: 16MiB, endpoints: ["00:01.0"] }] }';

const bothOfTheVm = scripted.replace('["00:01.0"]', '["00:01.0", "00:02.0"]');
/** The scripted function sends one page request of group 3. */
const asks =
  (request: Pick<ScriptedPageRequest, "pasid" | "last" | "read" | "write">) =>
  ({ parts }: SimulatedMachine) => {
    const fn = parts.hardware!.core.functions.get(0x10);
    if (fn instanceof ScriptedEndpoint) fn.pageRequest({ ...request, prgi: 3, address: 0x7000n });
  };

/** By checker: a run of a machine that breaks the invariant. */
const runs: Record<string, MutantRun> = {
  "INV-1": { switches: ["M-no-job-timeout"], faults: LOST, message: /group 0: never answered.*as far as vmm\.page-response at #\d+, no host\.page-response after it$/ },
  "INV-2": { switches: ["RR-04"], message: /the host waits for its answer and matched none with no PASID/ },
  "INV-3": {
    workload: program("processes: 4, pages: 16, jobs: 4, munmap: 1"),
    broken: '[{ where: "endpoint:00:01.0", do: keep }]',
    message: /through the translation of #\d+ \(0x[0-9a-f]+, PASID \d+\), which survived its invalidation at #\d+/,
  },
  "INV-3, by a walk of a freed table": {
    machine: "{ smmu: { traceWalks: true } }",
    workload: program("processes: 6, pages: 16, jobs: 4, munmap: 1, exit: 0.5"),
    broken: '[{ where: "smmu:config", do: keep }]',
    message: /^the SMMU walked a stage 1 table of level 0 in frame 0x[0-9a-f]+ \(GPA 0x[0-9a-f]+\), which guest0 freed at #\d+$/,
  },
  "INV-4": {
    switches: ["RR-26"],
    workload: program("processes: 6, pages: 16, jobs: 4, munmap: 1, exit: 0.5"),
    message: /through the translation of #\d+ .*, after (its process ended|it changed hands) at #\d+/,
  },
  "INV-5": {
    switches: ["M-unlock-on-error"],
    faults: '[{ where: "guest->vmm invalidate-request", when: { nth: 1 }, do: { action: answer, status: VIRTIO_IOMMU_S_DEVERR } }]',
    message: /^guest0 still holds the lock endpoint 0x8 group mutex at rest$/,
  },
  "INV-6": { switches: ["M-response-numbering"], message: /inside the host host\.pri-response has code 15, sent was code 0/ },
  "INV-8": {
    switches: ["RR-54"],
    workload: program("processes: 4, pages: 8, jobs: 4, munmap: 1"),
    faults: '[{ where: "vmm->host request", when: { condition: "m.granularity == 2", nth: 1 }, do: { action: corrupt, field: granularity, value: 0 } }]',
    message: /^CMD_TLBI_NSNH_ALL at #\d+ emptied the caches of every VM/,
  },
  "INV-9": {
    switches: ["RR-62"],
    faults: '[{ where: "vmm->host page-response", do: hold }, { where: vmm0, when: { after: edge.rule }, do: kill }]',
    message: /^host: handlers is 1 /,
  },
  "INV-10": { switches: ["RR-53"], message: /answered Response Failure and never reported/ },
  "INV-10, of a function that may not ask": { switches: ["RR-89"], message: /no page request was ever sent: PRI is not enabled/ },
  "FL-I1": {
    switches: ["M-no-job-timeout"],
    act: ({ parts }) => {
      for (const fn of parts.hardware!.core.functions.values()) if (fn instanceof Accelerator) fn.prgResponse = () => {};
    },
    message: /the PRG Response sent at #\d+ never reached the function/,
  },
  "FL-I2": {
    broken: `[{ where: "host->smmu command", when: { condition: "m.name == 'CMD_PRI_RESP'", nth: 1 }, do: { action: corrupt, field: SSV, value: 0 } }]`,
    message: /the function refused its answer as unexpected: its PASID is missing or wrong/,
  },
  "FL-I4": {
    machine: scripted,
    act: ({ parts }) => {
      const fn = parts.hardware!.core.functions.get(0x10);
      if (fn instanceof ScriptedEndpoint) fn.pageRequest({ pasid: 7, prgi: 3, last: false, read: true, write: false, address: 0x7000n });
    },
    message: /^endpoint 0x10, PASID 7, group 3: 1 credit never returned: no Last request followed #\d+$/,
  },
  "INV-1, of a group that asks for nothing": {
    machine: bothOfTheVm,
    switches: ["RR-88"],
    always: asks({ last: true, read: false, write: false }),
    message: /^endpoint 0x10, no PASID, group 3: never answered/,
  },
  "INV-1, of a function whose SVA is off": {
    machine: bothOfTheVm,
    switches: ["RR-13"],
    always: asks({ pasid: 7, last: true, read: true, write: false }),
    message: /^endpoint 0x10, PASID 7, group 3: never answered/,
  },
  "INV-1, of a group without PASID": {
    machine: bothOfTheVm,
    switches: ["RR-12"],
    always: asks({ last: true, read: true, write: false }),
    message: /^endpoint 0x10, no PASID, group 3: never answered/,
  },
  "INV-1, of a function that nobody opened": {
    machine: scripted,
    switches: ["RR-87"],
    always: asks({ pasid: 7, last: true, read: true, write: false }),
    message: /^endpoint 0x10, PASID 7, group 3: never answered/,
  },
  "FL-I5": { switches: ["M-no-job-timeout"], faults: LOST, message: /group 0: still pending in host, not in VMM and guest/ },
  "FL-I6": {
    switches: ["M-drain-on-unbind"],
    workload: "{ processes: 2, pages: 8, jobs: 1, mix: { copy: 1 }, pagesPerGroup: 1, jobTimeout: 1ms, seed: 1 }",
    faults: '[{ where: "point guest.event-thread.before-report", when: { nth: 1 }, do: delay, for: 400ms }]',
    heal: "10s",
    message: /the fault at 0x[0-9a-f]+ was applied after the unbind at #\d+|the page request of before the unbind at #\d+ was applied/,
  },
  "INV-10, of a fault of the guest's table": {
    switches: ["RR-50"],
    always: ({ parts }) => void parts.hardware!.core.dma({ sid: 8, ssid: 7, write: false, iova: 0x1000n, length: 64 }),
    message: /^endpoint 0x8, PASID 7: C_BAD_(CD|SUBSTREAMID) is a fault of the guest's table, and the host tells nobody$/,
  },
  "ORD-INVALIDATE": { switches: ["M-early-invalidate"], message: /no CMD_CFGI_CD for PASID 1 and CMD_SYNC between #\d+ and #\d+/ },
  "ORD-FREE": { switches: ["RR-26"], message: /were freed while endpoint 0x8 may reach them: no INVALIDATE for ASID \d+ between #\d+ and #\d+/ },
  "ORD-STOP": {
    switches: ["M-stop-pasid"],
    workload: program("processes: 4, pages: 32, jobs: 1, unbind: 1"),
    message: /used PASID \d+ at #\d+, after CMD_CFGI_CD at #\d+ cleared its CD/,
  },
  "ORD-PASID": {
    switches: ["M-stop-pasid", "M-drain-ring"],
    workload: "{ processes: 2, pages: 8, jobs: 0, mix: { copy: 1 }, unbind: 1, pagesPerGroup: 8, jobTimeout: 10s, seed: 1 }",
    faults: '[{ where: "point vmm.fault-relay.before-drain", when: { nth: 3 }, do: delay, for: 50ms }]',
    heal: "10s",
    message: /PASID \d+ was bound again at #\d+ with \d+ groups? of its former process unanswered/,
  },
  "ORD-VMID": {
    switches: ["M-flush-vmid"],
    faults: "[{ where: vmm0, when: { after: guest.page-response, nth: 3 }, do: kill }]",
    heal: "5s",
    message: /^VMID 1 went from domain 1 to domain 2: no CMD_TLBI_S12_VMALL for it between #\d+ and #\d+$/,
  },
  DATA: {
    broken: '[{ where: dram, when: { after: endpoint.job-complete }, do: { action: flip, address: "0x40c4f010", bit: 3 } }]',
    message: /^lab: copy of endpoint 0x8, queue 0 is [0-9a-f]{64}, expected [0-9a-f]{64}$/,
  },
  LIVENESS: { switches: ["M-no-job-timeout"], faults: LOST, heal: "2s", message: /group 0: is still open, 2000 ms after heal at #\d+/ },
  LOG: {
    switches: ["S54"],
    // A requester that no stream table entry is for: C_BAD_STREAMID each time.
    always: ({ parts }) => {
      for (let n = 0; n < 40; n++) parts.hardware!.core.dma({ sid: 0x900, write: false, iova: 0x1000n, length: 64 });
    },
    message: /^host: more than 10 host\.event-record lines in 5 s/,
  },
};

async function violationsOf({ workload = copy, machine, heal, ...run }: MutantRun, mutant: boolean) {
  const faults = [run.faults, mutant ? run.broken : undefined].filter((one) => one !== undefined);
  const scenario = parseScenario(
    [
      "id: mutant",
      "title: A machine that is wrong",
      "source: none",
      `workload: ${workload}`,
      "hypothesis: { during: it is seen }",
      `faults: ${faults[0] ?? "[]"}`,
      "expect: { workload: fails }", // not judged here
      ...(machine ? [`machine: ${machine}`] : []),
      ...(heal ? [`liveness_within: ${heal}`] : []),
    ].join("\n"),
    "mutant",
  );
  const running = await startSimulation(scenario.machine, { seed: 1, switches: new Set(mutant ? (run.switches ?? []) : []) });
  if (mutant) run.act?.(running.machine);
  run.always?.(running.machine);
  const history = await runExperiment(scenario, running, 1);
  const known = new Set(history.map(({ n }) => n));
  const violations = judge(history);
  expect(violations.flatMap(({ events }) => events.filter((n) => !known.has(n)))).toEqual([]);
  return violations;
}

describe("each checker names what a machine that is wrong does, and nothing of one that is right", () => {
  it.each(Object.entries(runs))("%s", { timeout: 20_000 }, async (name, run) => {
    const [id] = name.split(",");
    const of = async (mutant: boolean) => (await violationsOf(run, mutant)).filter(({ invariant }) => invariant === id).map(({ message }) => message);
    expect(await of(true)).toContainEqual(expect.stringMatching(run.message));
    expect(await of(false)).toEqual([]);
  });
  it("none is left without such a run: here, or in a scenario that is shipped", () => {
    const caught = scenarioIds().flatMap((id) => (loadScenario(id).expect.caught ?? []).map(({ by }) => by));
    expect(checkers.map(({ id }) => id).filter((id) => !(id in runs) && !caught.includes(id))).toEqual([]);
  });
  it("nor is a switch of ours; those of the review are in from-the-review.test.ts", () => {
    const shown = new Set([
      ...scenarioIds().flatMap((id) => (loadScenario(id).expect.caught ?? []).flatMap(({ mutants = [] }) => mutants)),
      ...Object.values(runs).flatMap(({ switches = [] }) => switches),
    ]);
    const ours = [guestDefects, vmmDefects, hostDefects, smmuDefects].flatMap((table) => table.map(({ id }) => id)).filter((id) => !id.startsWith("RR-"));
    expect(ours.filter((id) => !shown.has(id)).sort()).toEqual([
      "M-invalidate-before-unpin", // frames of stage 2 have no event when the host frees them: services/host/core/host.test.ts
      "M-never-evict", // with it a run that shows too little ends as an error
      "M-over-invalidate", // with it what is missing does not show
    ]);
  });
});
