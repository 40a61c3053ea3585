import { hex } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import { type HostToVmm, regionOfAddress, type VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { VFIO_PCI_REQ_IRQ_INDEX } from "@faultline/shared/linux-uapi/vfio.ts";
import type { Machine, VmOptions } from "@faultline/shared/machine/machine.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import { Irqfds } from "./kvm/irqfd.ts";
import { createMemslots, guestRam, hvaOf, type Memslot } from "./kvm/memslot.ts";
import { AssignedFunction } from "./pci/config-space.ts";
import { MsiX } from "./pci/msi-x.ts";
import { Container } from "./vfio/container.ts";
import { AssignedDevice } from "./vfio/device.ts";
import type { PageRequestFault, UnrecoverableFault } from "./vfio/dma-fault-region.ts";
import { FaultRelay } from "./vfio/fault-relay.ts";
import { MsiBinding } from "./vfio/msi-binding.ts";
import { SystemCalls } from "./vfio/system-calls.ts";
import { review, rfcV1 } from "./virtio-iommu/abi.ts";
import { Attachments } from "./virtio-iommu/attach.ts";
import type { Endpoint } from "./virtio-iommu/endpoint.ts";
import { type VirtioIommuOptions, virtioIommuOf } from "./virtio-iommu/options.ts";
import { pageRequestOf, refusePageRequest } from "./virtio-iommu/page-request.ts";
import type { EndpointFacts } from "./virtio-iommu/probe.ts";
import { VirtioIommu } from "./virtio-iommu/virtio-iommu.ts";
import { GuestEdge } from "./virtqueue/guest-edge.ts";

/** PASIDs have 20 bits (PCIe 6.20). */
const PASID_BITS = 20;

export interface VmmPorts {
  /** The VMM's own virtual memory: addresses are HVAs. */
  memory: PhysicalMemory;
  host: EdgePort<VmmToHost, HostToVmm>;
  execution: Execution;
  tracer: Tracer;
  switches: ReadonlySet<string>;
}

/** A guest kernel that runs on the VM's CPUs. */
interface RunningGuest {
  edge: GuestEdge;
  iommu: VirtioIommu;
}

/** An assigned function: its endpoint of the virtio-iommu and what the guest's PCI accesses reach. */
interface Assigned {
  endpoint: Endpoint;
  relay: FaultRelay;
  msix: MsiX;
  pci: AssignedFunction;
}

/** kvmtool: builds the VM, is its virtio-iommu and its PCI host, and the user of VFIO. */
export class Vmm {
  /** By endpoint id, the guest's BDF. */
  readonly endpoints = new Map<number, Endpoint>();
  readonly attachments: Attachments;
  readonly #machine: Machine;
  readonly #vm: number;
  readonly #options: VmOptions;
  readonly #device: VirtioIommuOptions;
  readonly #ports: VmmPorts;
  readonly #calls: SystemCalls;
  readonly #irqfds = new Irqfds();
  readonly #assigned = new Map<number, Assigned>();
  #slots: Memslot[] = [];
  #guest: RunningGuest | null = null;
  /** The last guest is being cleaned up; what the next one asks waits for it. */
  #cleanup: (() => void)[] | null = null;

  constructor(machine: Machine, vm: number, ports: VmmPorts) {
    this.#machine = machine;
    this.#vm = vm;
    this.#options = machine.vms[vm];
    this.#ports = ports;
    this.#calls = new SystemCalls(ports.host, ports.tracer);
    this.attachments = new Attachments(this.#options.slots, (gpa) => hvaOf(this.#slots, gpa));
    this.#device = virtioIommuOf(machine, vm);
    this.attachments.bypass = this.#device.bypass;
  }

  /** Memory, memory slots, one container per group, devices (flow.md, S1). 0 or -errno. */
  async boot(): Promise<number> {
    const slots = await createMemslots(this.#calls, this.#options.slots);
    if (typeof slots === "number") return slots;
    this.#slots = slots;
    for (const bdf of this.#options.endpoints) {
      const ret = await this.#assign(bdf);
      if (ret < 0) return ret;
    }
    return 0;
  }

  async #assign(bdf: number): Promise<number> {
    const group = this.#machine.endpoints.findIndex((endpoint) => endpoint.bdf === bdf);
    const shared = this.#ports.switches.has("RR-81") ? [...this.#assigned.values()][0]?.endpoint.device.container : undefined;
    const container = await (shared ? shared.join(group) : Container.open(this.#calls, group));
    if (typeof container === "number") return container;
    for (const { gpa, size, hva } of shared ? [] : this.#slots) {
      const ret = await container.mapDma(gpa, hva, size);
      if (ret < 0) return ret;
    }
    if (!this.attachments.bypass) {
      const ret = await container.abort();
      if (ret < 0) return ret;
    }
    const device = await AssignedDevice.open(this.#calls, bdf, container);
    if (typeof device === "number") return device;
    const handler = {
      pageRequest: (fault: PageRequestFault) => this.#pageRequest(endpoint, fault),
      unrecoverable: (fault: UnrecoverableFault) => this.#guest?.iommu.unrecoverable(endpoint, fault),
    };
    const relay = new FaultRelay(device, this.#ports.execution, handler, this.#ports.switches);
    const binding = new MsiBinding(container, guestRam(this.#ports.memory, this.#slots));
    const inject = (vector: number) => this.#guest?.edge.send({ kind: "interrupt", source: "msix", bdf, vector });
    const msix = new MsiX({ device, calls: this.#calls, irqfds: this.#irqfds, binding, inject, locks: this.#ports.execution.locks });
    const endpoint: Endpoint = { id: bdf, device, relay, msix, domain: null, stage2: "ram", outstanding: [], refused: new Set() };
    const assigned: Assigned = { endpoint, relay, msix, pci: new AssignedFunction(device, msix, () => this.#resetFunction(assigned), this.#ports.execution.locks) };
    this.endpoints.set(bdf, endpoint);
    this.#assigned.set(bdf, assigned);
    // Surprise removal: the VM's slot tells the guest. The fd stays open until the VM ends, as its mappings do.
    const removed = await this.#installEventfd(
      device,
      VFIO_PCI_REQ_IRQ_INDEX,
      () => this.#ports.switches.has("M-slot-event") || this.#guest?.edge.send({ kind: "interrupt", source: "slot", bdf, vector: 0 }),
    );
    if (removed < 0) return removed;
    const ret = await this.#installEventfd(device, device.facts.faultIrq, () => relay.signalled());
    relay.signalled(); // records of before the eventfd were kept silently
    return ret;
  }

  async #installEventfd(device: AssignedDevice, index: number, signalled: () => void): Promise<number> {
    const eventfd = await this.#calls.open("eventfd");
    if (eventfd < 0) return eventfd;
    this.#irqfds.assign(eventfd, signalled);
    return device.setEventfds(index, [eventfd]);
  }

  /** A store of the host into a mapped region, which came with its message. */
  applyWrite(address: number, data: Uint8Array): void {
    const { fd, region, offset } = regionOfAddress(address);
    for (const { endpoint, relay } of this.#assigned.values()) {
      const { facts } = endpoint.device;
      if (facts.fd === fd && facts.faultRegion === region) relay.applyWrite(offset, data);
    }
  }

  /** An eventfd was signalled. */
  fromHost(_seq: number, body: HostToVmm): void {
    if (body.kind === "signal") this.#irqfds.signal(body.fd);
  }

  #pageRequest(endpoint: Endpoint, fault: PageRequestFault): void {
    const { tracer } = this.#ports;
    const request = pageRequestOf(fault);
    tracer.emit(
      "vmm.fault-drained",
      { endpoint: hex(endpoint.id), pasid: request.pasid ?? undefined, grpid: request.grpid, iova: hex(fault.addr) },
      { flags: Number(fault.flags), last: request.last },
    );
    if (this.#guest) this.#guest.iommu.pageRequest(endpoint, fault);
    else refusePageRequest(endpoint, request, this.#ports);
  }

  /** A guest kernel starts on the VM's CPUs. `deliver`: a message of its edge; `closed`: it died. */
  attachGuest(edge: EdgePort<VmmToGuest, GuestToVmm>): { deliver(seq: number, body: GuestToVmm): void; closed(): Promise<void> } {
    const guestEdge = new GuestEdge(edge, !this.#ports.switches.has("M-room-for-events"));
    const iommu = new VirtioIommu({
      edge: guestEdge,
      endpoints: this.endpoints,
      attachments: this.attachments,
      abi: this.#machine.abi === "review" ? review : rfcV1,
      tracer: this.#ports.tracer,
      execution: this.#ports.execution,
      switches: this.#ports.switches,
      options: this.#device,
      facts: (endpoint) => this.#facts(endpoint),
      isRam: (gpa, size) => this.#options.slots.some((slot) => gpa >= slot.gpa && gpa + size <= slot.gpa + slot.size),
    });
    const guest = { edge: guestEdge, iommu };
    this.#whenClean(() => (this.#guest = guest));
    return {
      deliver: (seq, body) => this.#whenClean(() => this.#fromGuest(guest, seq, body)),
      closed: () => this.#guestDied(guest),
    };
  }

  /** What PROBE reports: the host's IOMMU from the firmware tables, the function from its configuration space. */
  #facts(endpoint: Endpoint): EndpointFacts {
    const { smmu } = this.#machine;
    const { pri } = endpoint.device.facts;
    return {
      pageSizeMask: this.#device.pageSizeMask,
      inputRange: this.#device.inputRange,
      outputBits: Math.min(smmu.oas, 48),
      pasidBits: Math.min(smmu.ssidBits, PASID_BITS),
      asid16: smmu.asidBits === 16,
      twoLevelCdTable: smmu.twoLevelCdTable,
      pageRequests: pri && smmu.ats && smmu.pri ? { responsePasid: pri.prgResponsePasidRequired } : null,
    };
  }

  get memorySlots(): readonly Memslot[] {
    return this.#slots;
  }

  /** For live state; null: no guest runs. */
  virtioIommuState() {
    return this.#guest ? { ...this.#guest.iommu.state(), bypass: this.attachments.bypass } : null;
  }

  /** What is attached, outstanding or waiting (INV-5, INV-9). */
  counts(): Record<string, number> {
    const endpoints = [...this.endpoints.values()];
    return {
      guests: this.#guest ? 1 : 0,
      endpoints: endpoints.length,
      attached: endpoints.filter(({ domain }) => domain).length,
      domains: new Set(endpoints.flatMap(({ domain }) => domain ?? [])).size,
      outstanding: endpoints.reduce((sum, { outstanding }) => sum + outstanding.length, 0),
      reportsWaiting: this.#guest?.iommu.state().reportsWaiting ?? 0,
      ...this.#ports.execution.locks.counts(),
    };
  }

  #whenClean(action: () => void): void {
    if (this.#cleanup) this.#cleanup.push(action);
    else action();
  }

  #fromGuest({ edge, iommu }: RunningGuest, seq: number, body: GuestToVmm): void {
    if (body.kind !== "pciRead" && body.kind !== "pciWrite") return iommu.deliver(seq, body);
    const target = this.#assigned.get(body.bdf)?.pci;
    if (body.kind === "pciRead") {
      const value = target?.read(body.space, body.offset, body.size) ?? Promise.resolve(new Uint8Array(Math.min(body.size, 8)).fill(0xff)); // starts now: accesses keep their order
      return this.#ports.execution.spawn("pci read", async () => edge.reply(seq, { kind: "pciReadResult", value: await value }));
    }
    const written = target?.write(body.space, body.offset, body.value) ?? Promise.resolve();
    this.#ports.execution.spawn("pci write", async () => {
      await written;
      if (body.space === "config") edge.reply(seq, { kind: "pciWriteDone" });
    });
  }

  /** A reset of the function closes its groups; what the host stored of them before it, and what waits for the guest, is of no use to anyone. */
  async #resetFunction({ endpoint, relay, msix }: Assigned): Promise<void> {
    const held = this.#ports.execution.point("vmm.function-reset.before-reset", { endpoint: endpoint.id });
    if (held) await held;
    await msix.reset();
    await endpoint.device.reset();
    this.#ports.tracer.emit("vmm.function-reset", { endpoint: hex(endpoint.id) }, { groups: endpoint.outstanding.map((group) => group.grpid) });
    if (this.#ports.switches.has("M-stale-groups")) return;
    relay.discard();
    endpoint.outstanding = [];
    endpoint.refused.clear();
    this.#guest?.iommu.endpointReset(endpoint);
  }

  /** Death of the guest: outstanding groups are answered INVALID, tables dropped, endpoints reset; a new guest may boot (design.md, section 2). */
  async #guestDied(guest: RunningGuest): Promise<void> {
    if (this.#guest !== guest) return;
    this.#guest = null;
    this.#cleanup = [];
    const held = this.#ports.execution.point("vmm.guest-death.before-reset", { vm: this.#vm });
    if (held) await held;
    await guest.iommu.reset();
    for (const assigned of this.#assigned.values()) await assigned.pci.exclusively(() => this.#resetFunction(assigned));
    await this.attachments.setBypass(this.#device.bypass, this.endpoints.values()); // system reset (VI-D-08)
    const waiting = this.#cleanup;
    this.#cleanup = null;
    for (const action of waiting) action();
  }
}
