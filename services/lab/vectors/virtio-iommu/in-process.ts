import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { RealExecution } from "@faultline/shared/shell/real-execution.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Vmm } from "@faultline/vmm/core/vmm.ts";
import { Crashed } from "../replay-machine.ts";
import { ContainerHost } from "./container-host.ts";
import { VirtioDriver } from "./driver.ts";
import { Lifeline } from "./lifeline.ts";
import type { ReplayedVirtioIommu, VirtioIommuMachine, VirtioIommuMachines } from "./machine.ts";

const PAGE = 4096;

/** The VMM itself, without process and edges. */
class InProcess implements ReplayedVirtioIommu {
  readonly #lifeline = new Lifeline();
  readonly #host: ContainerHost;
  readonly #vmm: Vmm;
  #guest: { driver: VirtioDriver; closed(): Promise<void> } | null = null;

  private constructor(machine: VirtioIommuMachine) {
    const posted: { address: number; data: Uint8Array }[] = [];
    const host = new ContainerHost(machine.vms[0].endpoints, {
      post: (address, data) => void posted.push({ address, data }),
      signal: (fd) =>
        this.#survived(() => {
          for (const { address, data } of posted.splice(0)) this.#vmm.applyWrite(address, data);
          this.#vmm.fromHost(0, { kind: "signal", fd, value: 1 });
        }),
    });
    this.#host = host;
    const edge: EdgePort<VmmToHost, HostToVmm> = {
      broken: false,
      send: () => "sent",
      request: async (body) => host.answer(body),
      reply() {},
      post() {},
      async writable() {},
    };
    const memory = heapMemory(machine.dram.base, PAGE); // tables and doorbells would be in it
    this.#vmm = new Vmm(machine, 0, { memory, host: edge, execution: new Watched(this.#lifeline), tracer: silentTracer, switches: new Set() });
  }

  static async boot(machine: VirtioIommuMachine): Promise<InProcess> {
    const replayed = new InProcess(machine);
    const ret = await replayed.#vmm.boot();
    if (ret < 0) throw new Error(`the VMM did not boot on a host that refuses nothing: ${ret}`);
    return replayed;
  }

  get driver(): VirtioDriver {
    if (!this.#guest) throw new Error("a replay begins with a system reset");
    return this.#guest.driver;
  }

  async systemReset(): Promise<void> {
    await this.#lifeline.within(this.#guest?.closed() ?? Promise.resolve());
    const answers = new Map<number, (body: VmmToGuest) => void>();
    const attached = this.#vmm.attachGuest({
      broken: false,
      send: (body) => {
        driver.deliver(body);
        return "sent";
      },
      request: async () => "broken",
      reply: (seq, body) => answers.get(seq)?.(body),
      post() {},
      async writable() {},
    });
    let seq = 0;
    const deliver = (body: GuestToVmm, answered?: (reply: VmmToGuest) => void) => {
      if (answered) answers.set(++seq, answered);
      else seq++;
      this.#survived(() => attached.deliver(seq, body));
    };
    const driver = new VirtioDriver({
      request: (body) => this.#lifeline.within(new Promise<VmmToGuest>((resolve) => deliver(body, resolve))),
      send: async (body) => deliver(body),
      within: (work) => this.#lifeline.within(work),
    });
    this.#guest = { driver, closed: () => attached.closed() };
  }

  dma(endpoint: number, iova: bigint, length: number, write: boolean): bigint | null {
    return this.#host.dma(endpoint, iova, length, write);
  }

  async faults(): Promise<Uint8Array[]> {
    await this.#lifeline.within(this.#host.drained());
    return this.driver.takeReports();
  }

  /** What a process would end over is the end of this machine too, and of nothing else. */
  #survived(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#lifeline.lose(ended(error as Error));
    }
  }
}

const ended = (error: Error): Crashed => new Crashed(`the VMM ended: ${error.message}`);

class Watched extends RealExecution {
  readonly #lifeline: Lifeline;

  constructor(lifeline: Lifeline) {
    super();
    this.#lifeline = lifeline;
  }
  override spawn(_name: string, task: () => Promise<void>): void {
    task().catch((error: Error) => this.#lifeline.lose(ended(error)));
  }
}

/** Machines of this process; one is kept for files of the same description. */
export function virtioIommusInProcess(): VirtioIommuMachines {
  let last: { key: string; machine: InProcess } | null = null;
  return {
    async of(machine) {
      const key = JSON.stringify(machine);
      if (last?.key !== key) last = { key, machine: await InProcess.boot(machine) };
      return last.machine;
    },
    async discard() {
      last = null;
    },
    async close() {},
  };
}
