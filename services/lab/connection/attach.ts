import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceFields } from "@faultline/shared/trace/tracer.ts";
import { infrastructureError } from "../cli/errors.ts";
import { stepKinds } from "../demo/first-fault.ts";
import { partsOfVm } from "../supervisor/parts.ts";
import type { RunningMachine, WorkloadEnd } from "../supervisor/running-machine.ts";
import { untilSilence } from "../supervisor/silence.ts";
import { ofVm } from "./of-vm.ts";

/** What the history of a run holds: less costs the services less. */
export type TraceSelection = "all" | "fault-path" | "round-trips";
const kindsOf: Record<TraceSelection, readonly TraceKind[]> = { all: [], "fault-path": stepKinds, "round-trips": ["endpoint.page-request", "endpoint.prg-response"] };

/** Nothing happened for so long, and the workload has not ended: it never will. */
const LIVENESS_MS = 2_000;
const never = new Promise<never>(() => {});

export interface Attachment {
  /** By the names of the parts: all that take part in the run. */
  clients: ReadonlyMap<string, LabClient>;
  mode: "processes" | "containers" | "connected";
  switches: readonly string[];
  trace: TraceSelection;
  machine: Machine;
  vm: number;
  /** Rejects, naming the part, when one is lost; `work` may fail only because of it. */
  orLost<T>(work: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A machine that runs, as the commands use it: events of every part from now on, workloads in the guest of one VM. */
export async function attach({ clients, mode, switches, trace, machine, vm, orLost, close }: Attachment): Promise<RunningMachine> {
  const events: TraceEvent[] = [];
  const quiet = untilSilence(LIVENESS_MS);
  const took = (event: TraceEvent) => {
    events.push(event);
    quiet.heard();
  };
  const all = [...clients.values()];
  const smmu = clients.get("smmu")!;
  const guest = clients.get(`guest${vm}`)!;
  const kinds: readonly TraceKind[] = kindsOf[trace].length
    ? [...kindsOf[trace], "lab.run-start", "lab.rules-armed", "lab.workload-start", "lab.workload-end", "lab.deadlock"]
    : [];
  const subscriptions = all.map((client) => client.trace(took, kinds));
  const names = [...clients.keys()];
  const lost = Promise.race(
    subscriptions.map(async ({ ended }, i) => {
      const reason = await ended;
      throw infrastructureError(`lost ${names[i]}: its lab/v1 stream ended (${reason ?? "it stopped"}); edges of ${partsOfVm(vm).join(", ")} break with it`, names[i]);
    }),
  );
  lost.catch(() => {}); // every operation races it
  const raced = <T>(work: Promise<T>): Promise<T> => orLost(mode === "processes" ? work : Promise.race([work, lost as Promise<never>]));
  await raced(Promise.all(subscriptions.map(({ active }) => active)));
  const mark = (kind: Parameters<LabClient["mark"]>[0], fields: TraceFields) => raced(smmu.mark(kind, fields));
  await mark("lab.run-start", { mode, switches: [...switches] });
  let armed = false;

  return {
    async arm(rules) {
      await raced(Promise.all(all.map((client) => client.arm(rules))));
      armed = rules.length > 0;
      await mark("lab.rules-armed", { rules: rules.map(({ id }) => id) });
    },
    async runWorkload(files, workload): Promise<WorkloadEnd> {
      await mark("lab.workload-start", { operation: workload.operation, file: workload.file, bytes: files[0]?.bytes.length ?? 0, pagesPerGroup: workload.pagesPerGroup });
      const work = guest.runWorkload(files, workload).then((result): WorkloadEnd => ({ ended: true, result }));
      const silent = trace === "all" ? quiet.over().then((): WorkloadEnd => ({ ended: false, reason: `nothing happened for ${LIVENESS_MS / 1000} s` })) : never;
      const end = await raced(Promise.race([work, silent]));
      quiet.stop();
      if (end.ended) await mark("lab.workload-end", { ok: end.result.ok, error: end.result.error, jobs: end.result.jobs });
      else await mark("lab.deadlock", { reason: end.reason });
      return end;
    },
    async history() {
      await raced(Promise.all(all.map((client) => client.flush())));
      return events.filter(ofVm(machine, vm)).sort((a, b) => a.n - b.n);
    },
    async close() {
      if (armed) await Promise.allSettled(all.map((client) => client.arm([]))); // rules die with the run
      for (const end of subscriptions) end();
      await close();
    },
  };
}
