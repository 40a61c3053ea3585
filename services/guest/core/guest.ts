import { hex } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import type { Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import type { Machine, VmOptions } from "@faultline/shared/machine/machine.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import { EVENT_QUEUE, REQUEST_QUEUE } from "@faultline/shared/virtio/virtio-iommu.ts";
import { AcceleratorDriver } from "./device-driver/accelerator.ts";
import { PciDevice } from "./device-driver/pci.ts";
import { FileSystem } from "./mm/file-system.ts";
import { FrameAllocator, PAGE_SIZE } from "./mm/frames.ts";
import { runProcess } from "./process/run-workload.ts";
import { enableIopf, enableSva } from "./sva/features.ts";
import { viommu_attach_dev } from "./virtio-iommu/attach.ts";
import { Viommu } from "./virtio-iommu/viommu.ts";

export interface GuestPorts {
  /** GPA port: what the guest's CPUs load and store. */
  memory: PhysicalMemory;
  vmm: EdgePort<GuestToVmm, VmmToGuest>;
  execution: Execution;
  tracer: Tracer;
  switches: ReadonlySet<string>;
}

/** The guest kernel of one VM and its user process. */
export class Guest {
  readonly viommu: Viommu;
  readonly frames: FrameAllocator;
  readonly files: FileSystem;
  readonly drivers = new Map<number, AcceleratorDriver>();
  readonly #ports: GuestPorts;
  readonly #vm: VmOptions;
  readonly #accelerators: number[];

  constructor(machine: Machine, vm: number, ports: GuestPorts) {
    this.#ports = ports;
    this.#vm = machine.vms[vm];
    this.#accelerators = machine.endpoints
      .filter((endpoint) => endpoint.kind === "accelerator" && this.#vm.endpoints.includes(endpoint.bdf))
      .map((endpoint) => endpoint.bdf);
    this.frames = new FrameAllocator(ports.memory, this.#vm.slots);
    this.files = new FileSystem(ports.memory, this.frames);
    this.viommu = new Viommu({ memory: ports.memory, frames: this.frames, edge: ports.vmm, execution: ports.execution, tracer: ports.tracer, switches: ports.switches });
  }

  /** virtio-iommu probe, then per assigned function: PROBE, ATTACH_TABLE, IOPF and SVA, driver. 0, or the first -errno. */
  async boot(): Promise<number> {
    const probed = await this.viommu.probe();
    if (probed < 0) return probed;
    for (const bdf of this.#vm.endpoints) {
      const endpoint = await this.viommu.probeEndpoint(bdf);
      if (typeof endpoint === "number") return endpoint;
      if (!this.#accelerators.includes(bdf)) continue; // no driver of this kernel takes it
      const attached = await viommu_attach_dev(this.viommu, endpoint);
      if (attached < 0) return attached;
      const driver = new AcceleratorDriver(new PciDevice(bdf, this.#ports.vmm, this.#ports.execution), endpoint, this.viommu);
      const ret = enableIopf(endpoint) || (await enableSva(this.viommu, endpoint)) || (await driver.probe());
      if (ret < 0) return ret;
      this.drivers.set(bdf, driver);
    }
    return 0;
  }

  /** Messages of the VMM that are no replies. */
  fromVmm(_seq: number, body: VmmToGuest): void {
    if (body.kind === "used" && body.queue === REQUEST_QUEUE) this.viommu.requests.used(body.head, body.written);
    else if (body.kind === "used" && body.queue === EVENT_QUEUE) this.viommu.events?.used(body.head, body.written, body.interrupt);
    else if (body.kind === "interrupt" && body.source === "msix") this.drivers.get(body.bdf)?.interrupt(body.vector);
  }

  /** Streams the files into the file system and runs one process over one of them. Never rejects for what the machine does: `ok` false says why. */
  async runWorkload(files: { name: string; bytes: Uint8Array }[], workload: Workload, progress: (bytesDone: number) => void = () => {}): Promise<WorkloadResult> {
    const opened = files.map((file) => this.files.create(file.name, file.bytes));
    const refuse = (error: string): WorkloadResult => ({
      ok: false,
      error,
      operation: workload.operation,
      inputBytes: 0,
      output: new Uint8Array(0),
      jobs: 0,
      faultsHandled: 0,
    });
    const file = this.files.open(workload.file);
    const bdf = workload.endpoint ?? [...this.drivers.keys()][0];
    const driver = this.drivers.get(bdf);
    try {
      if (!file) return refuse(`no such file in the guest: ${workload.file}`);
      if (!driver) return refuse(bdf === undefined ? "no accelerator is assigned to this guest" : `no accelerator at endpoint ${hex(bdf)}`);
      let best = 0;
      const report = (bytesDone: number) => {
        if (bytesDone > best) progress((best = bytesDone));
      };
      file.pagedIn = (pages) => report(Math.min(file.size, pages * PAGE_SIZE));
      return await runProcess(this.viommu, driver, { memory: this.#ports.memory, frames: this.frames, files: this.files, outputBits: 48 }, file, workload, report);
    } finally {
      for (const one of opened) this.files.unlink(one);
    }
  }
}
