import type { Machine } from "@faultline/shared/machine/machine.ts";
import { openMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceFields } from "@faultline/shared/trace/tracer.ts";
import { infrastructureError } from "../cli/errors.ts";
import { stepKinds } from "../demo/first-fault.ts";
import { onInterrupt } from "./interrupt.ts";
import { lossOf } from "./loss.ts";
import { createRunFolder } from "./run-folder.ts";
import type { RunningMachine, WorkloadEnd } from "./running-machine.ts";
import { type Service, servicesOf, startService, stopServices } from "./services.ts";
import { untilSilence } from "./silence.ts";

/** What the history of a run holds: less costs the services less. */
export type TraceSelection = "all" | "fault-path" | "round-trips";
const kindsOf: Record<TraceSelection, readonly TraceKind[]> = { all: [], "fault-path": stepKinds, "round-trips": ["endpoint.page-request", "endpoint.prg-response"] };

/** Nothing happened for so long, and the workload has not ended: it never will. */
const LIVENESS_MS = 2_000;
const READY_MS = 20_000;
const GRACE_MS = 2_000;
/** Time in which a lost service is seen to be the cause of another failure. */
const CAUSE_MS = 1_500;

const never = new Promise<never>(() => {});
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Starts the services (a VMM and a guest per VM) and waits until they are booted. Whoever dies ends every operation with a failure that names it. */
export async function startProcesses(machine: Machine, options: { switches: readonly string[]; trace: TraceSelection }): Promise<RunningMachine> {
  const run = createRunFolder(`${JSON.stringify(machine)}\n`);
  const services: Service[] = [];
  const clients: LabClient[] = [];
  let closing: Promise<void> | null = null;
  let interrupted = false;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await stopServices(services, GRACE_MS);
      for (const client of clients) client.close();
      run.remove();
    })();
    return closing;
  };
  const takeBack = onInterrupt(() => {
    interrupted = true;
    return close();
  });

  try {
    for (const part of servicesOf(machine.vms.length)) services.push(startService(run, part, options.switches));
    const lost = lossOf(services, () => closing !== null);
    lost.catch(() => {}); // every operation races it
    /** A failed call is only what follows when a service is gone, and nothing at all after Ctrl-C. */
    const orLost = <T>(work: Promise<T>): Promise<T> => {
      const failed = async (error: unknown): Promise<never> => {
        if (!interrupted) await pause(CAUSE_MS);
        if (interrupted) await never;
        throw error;
      };
      return Promise.race([work.catch(failed), lost]);
    };
    clients.push(...services.map(({ name }) => new LabClient(`unix:${run.socket(name)}`)));
    await orLost(Promise.all(clients.map((client) => client.ready(READY_MS))).catch((error: Error) => Promise.reject(infrastructureError(error.message))));

    const events: TraceEvent[] = [];
    const quiet = untilSilence(LIVENESS_MS);
    const took = (event: TraceEvent) => {
      events.push(event);
      quiet.heard();
    };
    await orLost(Promise.all(clients.map((client) => client.trace(took, kindsOf[options.trace]).active)));
    const memory = openMappedMemory(run.memory, machine.dram);
    const emit = (kind: TraceKind, fields: TraceFields) =>
      void events.push({ n: memory.nextEvent(), t: Number(process.hrtime.bigint()), lamport: 0, who: "lab", kind, ids: {}, fields, cause: null });
    emit("lab.run-start", { mode: "processes", switches: [...options.switches] });
    const guest = clients[services.findIndex(({ kind }) => kind === "guest")];

    return {
      async arm(rules) {
        await orLost(Promise.all(clients.map((client) => client.arm(rules))));
        emit("lab.rules-armed", { rules: rules.map(({ id }) => id) });
      },
      async runWorkload(files, workload): Promise<WorkloadEnd> {
        emit("lab.workload-start", { operation: workload.operation, file: workload.file, bytes: files[0]?.bytes.length ?? 0, pagesPerGroup: workload.pagesPerGroup });
        const work = guest.runWorkload(files, workload).then((result): WorkloadEnd => ({ ended: true, result }));
        const silent = options.trace === "all" ? quiet.over().then((): WorkloadEnd => ({ ended: false, reason: `nothing happened for ${LIVENESS_MS / 1000} s` })) : never;
        const end = await orLost(Promise.race([work, silent]));
        quiet.stop();
        if (end.ended) emit("lab.workload-end", { ok: end.result.ok, error: end.result.error, jobs: end.result.jobs });
        else emit("lab.deadlock", { reason: end.reason });
        return end;
      },
      async history() {
        await orLost(Promise.all(clients.map((client) => client.flush())));
        return events.sort((a, b) => a.n - b.n);
      },
      async close() {
        await close();
        takeBack();
      },
    };
  } catch (error) {
    await close();
    takeBack();
    throw error;
  }
}
