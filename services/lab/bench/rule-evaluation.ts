import { vfioEdge } from "@faultline/shared/edge/definitions.ts";
import { EdgeRules, type RuleSubject } from "@faultline/shared/edge/rules.ts";
import { type HostToVmm, regionAddress } from "@faultline/shared/edge/vfio.ts";
import { ArmedFaults } from "@faultline/shared/lab/armed-faults.ts";
import type { When } from "@faultline/shared/lab/fault-rule.ts";
import { loadFaultRules } from "@faultline/shared/lab/load-fault-rules.ts";
import { iommu_fault_prm } from "@faultline/shared/linux-uapi/iommu.ts";
import { connect } from "../simulation/connect.ts";
import { SimExecution } from "../simulation/execution.ts";
import { Power, type SimPart } from "../simulation/part.ts";
import { Points } from "../simulation/points.ts";
import { Scheduler } from "../simulation/scheduler.ts";
import { Recorder } from "../simulation/tracer.ts";
import { coreMs, coreNs } from "./core-time.ts";

/** A page request on its way to the VMM, the signal that publishes it. */
const FAULT = iommu_fault_prm.encode({ type: 2, flags: 0b11, pasid: 1, grpid: 5, perm: 1, addr: 0x7f00_0001_c000n });
const SIGNAL: HostToVmm = { kind: "signal", fd: 10, value: 1 };
const PLACE = regionAddress(7, 9, 4096);
/** `matching` is counted and waits for a time that never comes, `condition` is asked of every record and does not hold, `elsewhere` is about another direction. */
export const RULE_KINDS = ["elsewhere", "matching", "condition"] as const;
export type RuleKind = (typeof RULE_KINDS)[number];
export const RULE_COUNTS = [1, 10] as const;

function rulesOf(kind: RuleKind, count: number): EdgeRules {
  const rules = new EdgeRules(() => {});
  const when: When = kind === "condition" ? { condition: "m.grpid == 511 && m.pasid == 1" } : { nth: 2 ** 32 - 1 };
  const where = kind === "elsewhere" ? { direction: "vmm->host", what: "page-response" } : { direction: "host->vmm", what: "dma-fault" };
  rules.arm(loadFaultRules(Array.from({ length: count }, (_, i) => ({ id: `rule-${i}`, where, when, do: { action: "drop" as const } }))));
  return rules;
}

/** ns that `count` rules take to let one message pass that is decoded already. */
export function ruleEvaluation(kind: RuleKind, count: number, messages: number): () => number {
  const rules = rulesOf(kind, count);
  const writes = [{ address: PLACE, data: FAULT }];
  const subject: RuleSubject = { edge: "vfio", direction: "host->vmm", kind: SIGNAL.kind, records: vfioEdge.decode(SIGNAL, writes, "review"), body: SIGNAL, writes };
  return () =>
    coreNs(messages, () => {
      for (let i = 0; i < messages; i++) if (rules.isAbout(subject.edge, subject.direction) && rules.decide(subject) !== "pass") throw new Error("a measured rule fired");
    });
}

/** ns to decode the records of one message, which armed rules and the trace need. */
export function decoding(messages: number): () => number {
  const writes = [{ address: PLACE, data: FAULT }];
  return () =>
    coreNs(messages, () => {
      for (let i = 0; i < messages; i++) if (vfioEdge.decode(SIGNAL, writes, "review").length !== 1) throw new Error("the measured message has no record");
    });
}

/** ns of one hop of the simulation: a message with a record, from the host's edge to the VMM's, sent and delivered in the history; no rule is armed. */
export async function simulatedHops(messages: number): Promise<number> {
  const scheduler = new Scheduler(1);
  const recorder = new Recorder(scheduler);
  const part = (name: string, kind: SimPart["kind"]): SimPart => {
    const lamport = { value: 0 };
    const power = new Power((run) => void scheduler.after(0, run));
    const tracer = recorder.tracer(name, lamport);
    const faults = new ArmedFaults({ now: () => scheduler.now(), timer: (ns, expired) => void scheduler.labAfter(ns, expired), tracer });
    return { name, kind, vm: 0, power, lamport, tracer, faults, execution: new SimExecution(scheduler, new Points(scheduler), power, faults.points) };
  };
  let arrived = 0;
  let allArrived: () => void = () => {};
  const done = new Promise<void>((resolve) => (allArrived = resolve));
  const end = { applyWrite: () => {}, onBreak: () => {} };
  const { lower, upper } = connect(
    scheduler,
    vfioEdge,
    { digest: "", abi: "review", credits: 64, encode: false },
    part("vmm0", "vmm"),
    { ...end, deliver: () => ++arrived === messages && allArrived() },
    part("host", "host"),
    { ...end, deliver: () => {} },
  );
  await scheduler.drive(new Promise<void>((resolve) => void upper.writable().then(resolve)));
  const from = coreMs();
  const send = async () => {
    for (let i = 0; i < messages; i++) {
      lower.post(PLACE, FAULT);
      while (lower.send(SIGNAL) === "full") await lower.writable();
    }
  };
  void send();
  await scheduler.drive(done);
  return ((coreMs() - from) * 1e6) / messages;
}
