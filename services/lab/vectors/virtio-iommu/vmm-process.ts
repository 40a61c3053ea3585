import { lowerEnd, upperEnd } from "@faultline/shared/edge/connect.ts";
import { vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import type { Hello } from "@faultline/shared/edge/envelope.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { createMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";
import { machineDigest } from "@faultline/shared/shell/config.ts";
import { channelOptions, dialEdge, serveEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { infrastructureError } from "../../cli/errors.ts";
import { onInterrupt } from "../../supervisor/interrupt.ts";
import { createRunFolder, type RunFolder } from "../../supervisor/run-folder.ts";
import { ended, type Service, startService, stopServices } from "../../supervisor/services.ts";
import { oneAtATime, whyGone } from "../service-under-replay.ts";
import { ContainerHost } from "./container-host.ts";
import { VirtioDriver } from "./driver.ts";
import { Lifeline } from "./lifeline.ts";
import type { ReplayedVirtioIommu, VirtioIommuMachine, VirtioIommuMachines } from "./machine.ts";

const GRACE_MS = 1_000;
const NAME = { host: "host", vmm: "vmm0", guest: "guest0" } as const;

interface Guest {
  driver: VirtioDriver;
  edge: Edge<GuestToVmm, VmmToGuest>;
}

/** A vmm service with both of its neighbours in this process: the host that it dials, and one guest after the other. */
class VmmProcess implements ReplayedVirtioIommu {
  readonly #machine: VirtioIommuMachine;
  readonly #run: RunFolder;
  readonly #lifeline = new Lifeline();
  readonly #server: Server;
  readonly #host: ContainerHost;
  #hostEdge: Edge<HostToVmm, VmmToHost> | null = null;
  #service: Service | null = null;
  #guest: Guest | null = null;
  #closing = false;
  #takeBack: () => void = () => {};

  private constructor(machine: VirtioIommuMachine) {
    this.#machine = machine;
    this.#run = createRunFolder(`${JSON.stringify(machine)}\n`);
    this.#server = new Server(channelOptions(this.#address("host")));
    this.#host = new ContainerHost(machine.vms[0].endpoints, {
      post: (address, data) => this.#hostEdge?.post(address, data),
      signal: (fd) => void this.#hostEdge?.send({ kind: "signal", fd, value: 1 }),
    });
  }

  /** Starts the service and waits for nothing: the first system reset finds it booted. Rejects with a `Failure` of kind infrastructure. */
  static async start(machine: VirtioIommuMachine): Promise<VmmProcess> {
    const started = new VmmProcess(machine);
    started.#takeBack = onInterrupt(() => started.close());
    try {
      createMappedMemory(started.#run.memory, machine.dram, { vms: 1 });
      await started.#serveHost();
      started.#startVmm();
      return started;
    } catch (error) {
      await started.close();
      throw infrastructureError((error as Error).message, NAME.vmm);
    }
  }

  get driver(): VirtioDriver {
    if (!this.#guest) throw new Error("a replay begins with a system reset");
    return this.#guest.driver;
  }

  /** The guest dies and another is let in once the VMM has cleaned up after it (design.md, section 2). */
  async systemReset(): Promise<void> {
    this.#guest?.edge.close("system reset");
    this.#guest = null;
    this.#guest = await this.#lifeline.within(this.#letIn());
  }

  /** Asks again until the VMM is ready for the next one, or given up. */
  async #letIn(): Promise<Guest | null> {
    let guest: Guest | null = null;
    while (!guest && !this.#closing) guest = await this.#connect();
    return guest;
  }

  dma(endpoint: number, iova: bigint, length: number, write: boolean): bigint | null {
    return this.#host.dma(endpoint, iova, length, write);
  }

  /** The VMM moves the ring's tail after it has sent the reports, and this guest asks it something after that. */
  async faults(): Promise<Uint8Array[]> {
    await this.#lifeline.within(this.#host.drained());
    return this.driver.takeReports();
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#takeBack();
    this.#guest?.edge.close("the replay is over");
    if (this.#service) await stopServices([this.#service], GRACE_MS);
    this.#server.forceShutdown();
    this.#run.remove();
  }

  #address(service: string): string {
    return `unix:${this.#run.socket(service)}`;
  }

  #common(protocol: string, name: string) {
    const hello: Hello = {
      protocol,
      name,
      machineDigest: machineDigest(this.#machine),
      abi: this.#machine.abi,
      memory: { backing: "mapped", path: this.#run.memory, bytes: this.#machine.dram.size },
    };
    return { hello, credits: this.#machine.edgeCredits, lamport: { value: 0 }, tracer: silentTracer };
  }

  async #serveHost(): Promise<void> {
    serveEdge(this.#server, vfioEdge, (transport) => {
      const edge = lowerEnd(vfioEdge, transport, {
        ...this.#common(vfioEdge.protocol, NAME.host),
        applyWrite: () => {}, // responses of page requests: this host sends none
        deliver: (seq, body) => edge.reply(seq, this.#host.answer(body)),
        onBreak: () => {}, // the service has ended, and says why
      });
      this.#hostEdge = edge;
    });
    await new Promise<void>((resolve, reject) => {
      const address = this.#address(NAME.host);
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
        error ? reject(new Error(`the vmm's host cannot serve ${address}: ${error.message}`)) : resolve(),
      );
    });
  }

  #startVmm(): void {
    const service = startService(this.#run, { name: NAME.vmm, kind: "vmm", vm: 0 }, { switches: [] });
    this.#service = service;
    void ended(service).then(({ how }) => {
      if (this.#closing) return;
      this.#lifeline.lose(whyGone("VMM", NAME.vmm, how, service.stderr));
    });
  }

  /** A guest that was let in; null: the last one's devices are not reset yet. */
  async #connect(): Promise<Guest | null> {
    const transport = await dialEdge(this.#address(NAME.vmm), virtioEdge);
    return new Promise((resolve) => {
      const edge: Edge<GuestToVmm, VmmToGuest> = upperEnd(virtioEdge, transport, {
        ...this.#common(virtioEdge.protocol, NAME.guest),
        applyWrite: () => {},
        deliver: (_, body) => driver.deliver(body),
        // The VMM's hello comes before it has seen ours: only an answer says that it took it.
        onReady: () => void edge.request({ kind: "getStatus" }).then((reply) => resolve(reply === "broken" ? null : { driver, edge })),
        onBreak: () => resolve(null),
      });
      const within = <T>(work: Promise<T>) => this.#lifeline.within(work);
      const driver = new VirtioDriver({
        within,
        // A broken edge is the end of the service, which says why.
        request: (body) => within(edge.request(body).then((reply) => (reply === "broken" ? new Promise<never>(() => {}) : reply))),
        send: async (body) => {
          while (edge.send(body) === "full") await within(edge.writable());
        },
      });
    });
  }
}

/** Machines that are services of their own. */
export const virtioIommusAsProcesses = (): VirtioIommuMachines => oneAtATime(VmmProcess.start);
