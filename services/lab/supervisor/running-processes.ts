import type { Machine } from "@faultline/shared/machine/machine.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { infrastructureError } from "../cli/errors.ts";
import { attach, type TraceSelection } from "../connection/attach.ts";
import { onInterrupt } from "./interrupt.ts";
import { lossOf } from "./loss.ts";
import { partsOf } from "./parts.ts";
import { ProcessControl } from "./process-control.ts";
import { createRunFolder } from "./run-folder.ts";
import type { RunningMachine } from "./running-machine.ts";
import { readyMs, type ServiceOptions, startService, stopServices } from "./services.ts";

export const GRACE_MS = 2_000;
/** Time in which a lost service is seen to be the cause of another failure. */
export const CAUSE_MS = 1_500;

const never = new Promise<never>(() => {});
export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Starts the services (a VMM and a guest per VM) and waits until they are booted. Whoever dies ends every operation with a failure that names it. */
export async function startProcesses(machine: Machine, options: ServiceOptions & { trace: TraceSelection; vm?: number; seed?: number }): Promise<RunningMachine> {
  const run = createRunFolder(`${JSON.stringify(machine)}\n`);
  const control = new ProcessControl(run, machine, options);
  const { services } = control;
  const clients = new Map<string, LabClient>();
  let closing: Promise<void> | null = null;
  let interrupted = false;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      control.end();
      await stopServices(services, GRACE_MS);
      for (const client of [...clients.values(), ...control.clients]) client.close();
      run.remove();
    })();
    return closing;
  };
  const takeBack = onInterrupt(() => {
    interrupted = true;
    return close();
  });

  try {
    for (const part of partsOf(machine.vms.length)) control.add(startService(run, part, options));
    run.services(services.map(({ name, child }) => ({ name, pid: child.pid ?? 0, admin: "", ended: null })));
    const lost = Promise.race([lossOf(services, () => closing !== null, control.expected), control.lostAgain]);
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
    for (const { name } of services) clients.set(name, new LabClient(`unix:${run.socket(name)}`));
    await orLost(
      Promise.all([...clients.values()].map((client) => client.ready(readyMs(machine)))).catch((error: Error) => Promise.reject(infrastructureError(error.message))),
    );
    const running = await attach({
      clients,
      mode: "processes",
      switches: options.switches,
      trace: options.trace,
      seed: options.seed,
      control,
      machine,
      vm: options.vm ?? 0,
      orLost,
      async close() {
        await close();
        takeBack();
      },
    });
    return running;
  } catch (error) {
    await close();
    takeBack();
    throw error;
  }
}
