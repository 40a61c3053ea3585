import type { Machine } from "@faultline/shared/machine/machine.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { infrastructureError } from "../cli/errors.ts";
import { stepKinds } from "../demo/first-fault.ts";
import { onInterrupt } from "./interrupt.ts";
import { lossOf } from "./loss.ts";
import { createRunFolder } from "./run-folder.ts";
import type { RunningMachine, WorkloadEnd } from "./running-machine.ts";
import { type Service, servicesOf, startService, stopServices } from "./services.ts";

/** What the history of a run holds: less costs the services less. */
export type TraceSelection = "all" | "fault-path" | "round-trips";
const kindsOf: Record<TraceSelection, readonly TraceKind[] | undefined> = { all: undefined, "fault-path": stepKinds, "round-trips": ["endpoint.page-request", "endpoint.prg-response"] };

/** Nothing happened for so long, and the workload has not ended: it never will. */
const LIVENESS_MS = 2_000;
const READY_MS = 20_000;
const GRACE_MS = 1_000;

/** Starts the four services (a VMM and a guest per VM) and waits until they are booted. Whoever dies ends every operation with a failure that names it. */
export async function startProcesses(machine: Machine, options: { switches: readonly string[]; trace: TraceSelection }): Promise<RunningMachine> {
  const run = createRunFolder(`${JSON.stringify(machine)}\n`);
  const services: Service[] = [];
  const clients = new Map<string, LabClient>();
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const client of clients.values()) client.close();
      await stopServices(services, GRACE_MS);
      run.remove();
    })();
    return closing;
  };
  const stayOn = onInterrupt(close);
  const events: TraceEvent[] = [];
  let lastEvent = performance.now();

  try {
    for (const part of servicesOf(machine.vms.length)) services.push(startService(run, part, options.switches));
    const lost = lossOf(services, () => closing !== null);
    lost.catch(() => {}); // every operation races it
    const orLost = <T>(work: Promise<T>): Promise<T> => Promise.race([work, lost]);
    for (const { name } of services) clients.set(name, new LabClient(run.socket(name)));
    await orLost(Promise.race([Promise.all([...clients.values()].map((client) => client.ready())), late(READY_MS)]));
    const took = (event: TraceEvent) => {
      events.push(event);
      lastEvent = performance.now();
    };
    for (const client of clients.values()) await orLost(client.trace(took, kindsOf[options.trace]));

    return {
      arm: async (rules) => {
        for (const client of clients.values()) await orLost(client.arm(rules));
      },
      async runWorkload(files, workload): Promise<WorkloadEnd> {
        lastEvent = performance.now();
        const quiet = options.trace === "all" ? silence(() => lastEvent) : null;
        const work = clients.get("guest0")!.runWorkload(files, workload, () => {});
        work.catch(() => {});
        try {
          const end = await orLost(Promise.race([work.then((result): WorkloadEnd => ({ ended: true, result })), ...(quiet ? [quiet.over] : [])]));
          return end;
        } finally {
          quiet?.stop();
        }
      },
      async history() {
        for (const client of clients.values()) await orLost(client.flush());
        return events.sort((a, b) => a.n - b.n);
      },
      async close() {
        stayOn();
        await close();
      },
    };
  } catch (error) {
    await close();
    stayOn();
    throw error;
  }
}

const late = (ms: number): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(infrastructureError(`the services did not come up within ${ms / 1000} s`)), ms).unref());

/** Ends a workload that waits for something that nobody will do. */
function silence(lastEvent: () => number): { over: Promise<WorkloadEnd>; stop(): void } {
  let timer: NodeJS.Timeout;
  const over = new Promise<WorkloadEnd>((resolve) => {
    timer = setInterval(() => {
      if (performance.now() - lastEvent() > LIVENESS_MS) resolve({ ended: false, reason: `nothing happened for ${LIVENESS_MS / 1000} s` });
    }, 50);
  });
  return { over, stop: () => clearInterval(timer) };
}
