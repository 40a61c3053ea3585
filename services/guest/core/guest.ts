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
import { programRefused } from "./process/draw-program.ts";
import { runProgram } from "./process/run-program.ts";
import { runFileWorkload, slotsOf } from "./process/run-workload.ts";
import { enableIopf, enableSva } from "./sva/features.ts";
import { review, rfcV1 } from "./virtio-iommu/abi.ts";
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

/** What is bound, pending or allocated (INV-5, INV-9): all but `framesAllocated` are zero when no process runs and nothing is under way. Frames that are kept (RR-84) stay above boot. */
export interface GuestCounts extends Record<string, number> {
  processes: number;
  queues: number;
  bonds: number;
  pasids: number;
  pinnedAsids: number;
  pending: number;
  partial: number;
  openGroups: number;
  faultWork: number;
  requests: number;
  framesAboveBoot: number;
  framesOverwritten: number;
  framesAllocated: number;
  locks: number;
}

/** The guest kernel of one VM and its user processes. */
export class Guest {
  readonly viommu: Viommu;
  readonly frames: FrameAllocator;
  readonly files: FileSystem;
  readonly drivers = new Map<number, AcceleratorDriver>();
  readonly #ports: GuestPorts;
  readonly #vm: VmOptions;
  readonly #accelerators: number[];
  #bootFrames = 0;
  #bootAsids = 0;
  readonly #mms = { alive: 0 };

  constructor(machine: Machine, vm: number, ports: GuestPorts) {
    this.#ports = ports;
    this.#vm = machine.vms[vm];
    this.#accelerators = machine.endpoints
      .filter((endpoint) => endpoint.kind === "accelerator" && this.#vm.endpoints.includes(endpoint.bdf))
      .map((endpoint) => endpoint.bdf);
    this.frames = new FrameAllocator(ports.memory, this.#vm.slots, ports.tracer);
    this.files = new FileSystem(ports.memory, this.frames);
    this.frames.overwritten = (gpa) => ports.tracer.emit("guest.frame-overwritten", { gpa: hex(gpa) });
    this.viommu = new Viommu({
      memory: ports.memory,
      frames: this.frames,
      edge: ports.vmm,
      execution: ports.execution,
      tracer: ports.tracer,
      switches: ports.switches,
      abi: machine.abi === "review" ? review : rfcV1,
    });
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
      const ret = (await enableIopf(this.viommu, endpoint, driver.pci)) || (await enableSva(this.viommu, endpoint)) || (await driver.probe());
      if (ret < 0) return ret;
      this.drivers.set(bdf, driver);
    }
    this.#bootFrames = this.frames.freeCount;
    this.#bootAsids = this.viommu.asids.size;
    return 0;
  }

  counts(): GuestCounts {
    const endpoints = [...this.viommu.endpoints.values()];
    const sum = (of: (endpoint: (typeof endpoints)[number]) => number) => endpoints.reduce((total, endpoint) => total + of(endpoint), 0);
    return {
      processes: this.#mms.alive,
      queues: [...this.drivers.values()].reduce((total, driver) => total + driver.openQueues, 0),
      bonds: sum((endpoint) => endpoint.bonds.length),
      pasids: this.viommu.pasids.size,
      pinnedAsids: this.viommu.asids.size - this.#bootAsids,
      pending: sum((endpoint) => endpoint.iommu.pending.length),
      partial: sum((endpoint) => this.viommu.iopfOf(endpoint).partialCount(endpoint.iommu)),
      openGroups: sum((endpoint) => endpoint.openGroupTotal),
      faultWork: this.viommu.iopfQueues.reduce((total, queue) => total + queue.queuedCount, 0),
      requests: this.viommu.requests.underWay,
      framesAboveBoot: this.#bootFrames - this.frames.freeCount,
      framesOverwritten: this.frames.overwrittenCount,
      framesAllocated: this.frames.total - this.frames.freeCount,
      ...this.#ports.execution.locks.counts(),
    };
  }

  /** Messages of the VMM that are no replies. */
  fromVmm(_seq: number, body: VmmToGuest): void {
    if (body.kind === "used" && body.queue === REQUEST_QUEUE) this.viommu.requests.used(body.head, body.written);
    else if (body.kind === "used" && body.queue === EVENT_QUEUE) this.viommu.events?.used(body.head, body.written, body.interrupt);
    else if (body.kind === "interrupt" && body.source === "msix") this.drivers.get(body.bdf)?.interrupt(body.vector);
    else if (body.kind === "interrupt" && body.source === "slot") this.drivers.get(body.bdf)?.remove();
  }

  /** Streams the files into the file system and runs the workload. Never rejects for what the machine does: `ok` false says why. */
  async runWorkload(files: { name: string; bytes: Uint8Array }[], workload: Workload, progress: (bytesDone: number) => void = () => {}): Promise<WorkloadResult> {
    const opened = files.map((file) => this.files.create(file.name, file.bytes));
    try {
      return await this.#run(workload, progress);
    } finally {
      for (const one of opened) this.files.unlink(one);
      this.#ports.tracer.emit("guest.workload-done", {}, this.counts());
    }
  }

  async #run(workload: Workload, progress: (bytesDone: number) => void): Promise<WorkloadResult> {
    const { operation, program } = workload;
    const refuse = (error: string): WorkloadResult => ({ ok: false, error, operation, inputBytes: 0, output: new Uint8Array(0), jobs: 0, faultsHandled: 0, queues: [] });
    const { memory, execution, tracer, switches } = this.#ports;
    const { viommu, frames, files } = this;
    const ports = { viommu, files, mm: { memory, execution, tracer, switches, frames, files, outputBits: 48, alive: this.#mms } };
    const file = program ? null : this.files.open(workload.file);
    const refused = program ? programRefused(program) : file ? null : `no such file in the guest: ${workload.file}`;
    if (refused !== null) return refuse(refused);
    const slots = slotsOf(this.drivers, workload);
    if (typeof slots === "string") return refuse(slots);
    if (program) return runProgram(ports, slots, workload, program);
    let best = 0;
    const report = (bytesDone: number) => {
      if (bytesDone > best) progress((best = bytesDone));
    };
    file!.pagedIn = (pages) => report(Math.min(file!.size, pages * PAGE_SIZE));
    return runFileWorkload(ports, slots, file!, workload, report);
  }
}
