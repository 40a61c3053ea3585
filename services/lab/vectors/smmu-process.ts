import { upperEnd } from "@faultline/shared/edge/connect.ts";
import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { Transport } from "@faultline/shared/edge/transport.ts";
import { machineDigest } from "@faultline/shared/shell/config.ts";
import type { ReplayMachine } from "@faultline/shared/shell/endpoint-server.ts";
import { dialEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { infrastructureError } from "../cli/errors.ts";
import { onInterrupt } from "../supervisor/interrupt.ts";
import { createRunFolder } from "../supervisor/run-folder.ts";
import { ended, type Service, startService, stopServices } from "../supervisor/services.ts";
import { EndpointClient } from "./endpoint-client.ts";
import { OverEdge } from "./over-edge.ts";
import type { Machines, Replayed } from "./replay-machine.ts";
import { oneAtATime, whyGone } from "./service-under-replay.ts";

/** A step that takes longer does not end (an image's 512 accesses take a few milliseconds). */
const LIMIT_MS = 10_000;
const GRACE_MS = 1_000;

interface SmmuProcess {
  machine: Replayed;
  close(): Promise<void>;
}

/** Starts one smmu service and connects to it as a host does. Rejects with a `Failure` of kind infrastructure. */
async function startSmmu(machine: ReplayMachine): Promise<SmmuProcess> {
  const run = createRunFolder(`${JSON.stringify(machine)}\n`);
  let service: Service | null = null;
  let endpoint: EndpointClient | null = null;
  let closing = false;
  const close = async () => {
    if (closing) return;
    closing = true;
    endpoint?.close();
    if (service) await stopServices([service], GRACE_MS);
    run.remove();
  };
  const takeBack = onInterrupt(close);
  try {
    const started = startService(run, { name: "smmu", kind: "smmu", vm: 0 }, { switches: [] });
    service = started;
    const address = `unix:${run.socket("smmu")}`;
    let lost: (why: Error) => void = () => {};
    const gone = new Promise<never>((_, reject) => (lost = reject));
    gone.catch(() => {});
    let overEdge: OverEdge | null = null;
    void ended(started).then(({ how }) => {
      if (closing) return;
      const why = whyGone("SMMU", "smmu", how, started.stderr);
      overEdge?.lose(why);
      lost(why);
    });
    const transport = await Promise.race([dialEdge(address, smmuEdge).catch((error: Error) => Promise.reject(infrastructureError(error.message, "smmu"))), gone]);
    endpoint = new EndpointClient(address, LIMIT_MS);
    const connected = await Promise.race([connect(machine, transport, endpoint), gone]);
    overEdge = connected;
    return {
      machine: connected,
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

/** Resolves with the machine when hello is done. */
function connect(machine: ReplayMachine, transport: Transport<HostToSmmu, SmmuToHost>, endpoint: EndpointClient): Promise<OverEdge> {
  return new Promise((resolve, reject) => {
    const edge = upperEnd(smmuEdge, transport, {
      hello: {
        protocol: smmuEdge.protocol,
        name: smmuEdge.upper,
        machineDigest: machineDigest(machine),
        abi: machine.abi,
        memory: { backing: "mapped", path: "", bytes: machine.dram.size },
      },
      credits: machine.edgeCredits,
      lamport: { value: 0 },
      tracer: silentTracer,
      applyWrite: (address, data) => overEdge.store(address, data),
      deliver: () => {}, // interrupts: a replay looks at registers and memory
      onReady: () => resolve(overEdge),
      onBreak: (reason) => reject(infrastructureError(`edge ${smmuEdge.protocol} broke: ${reason}`, "smmu")),
    });
    const overEdge = new OverEdge(edge, endpoint, machine.replay!.ram, LIMIT_MS);
  });
}

/** Machines that are services of their own. */
export const machinesAsProcesses = (): Machines => {
  const processes = oneAtATime(startSmmu);
  return { ...processes, of: async (machine) => (await processes.of(machine)).machine };
};
