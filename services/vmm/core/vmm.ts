import { hex, uint64Of } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import { type HostToVmm, regionOfAddress, type VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION, kvm_userspace_memory_region } from "@faultline/shared/linux-uapi/kvm.ts";
import type { Machine, VmOptions } from "@faultline/shared/machine/machine.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { TranslatedMemory } from "@faultline/shared/physical-memory/translated.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import { AssignedDevice } from "./vfio/device.ts";
import { Container } from "./vfio/container.ts";
import { FaultRelay } from "./vfio/fault-relay.ts";
import { SystemCalls } from "./vfio/system-calls.ts";
import { MsiXTable } from "./pci/msi-x.ts";
import { Attachments } from "./virtio-iommu/attach.ts";
import type { Endpoint } from "./virtio-iommu/endpoint.ts";
import { VirtioIommu } from "./virtio-iommu/virtio-iommu.ts";

export interface VmmPorts {
  /** The VMM's own virtual memory: addresses are HVAs. */
  memory: PhysicalMemory;
  host: EdgePort<VmmToHost, HostToVmm>;
  execution: Execution;
  tracer: Tracer;
  switches: ReadonlySet<string>;
}

/** kvmtool: builds the VM, is its virtio-iommu and its PCI host, and the user of VFIO. */
export class Vmm {
  readonly endpoints = new Map<number, Endpoint>();
  readonly attachments: Attachments;
  readonly #machine: Machine;
  readonly #options: VmOptions;
  readonly #ports: VmmPorts;
  readonly #calls: SystemCalls;
  readonly #slots: { gpa: number; size: number; hva: number }[] = [];
  readonly #faultEventfds = new Map<number, Endpoint>();
  #iommu: VirtioIommu | null = null;

  constructor(machine: Machine, vm: number, ports: VmmPorts) {
    this.#machine = machine;
    this.#options = machine.vms[vm];
    this.#ports = ports;
    this.#calls = new SystemCalls(ports.host, ports.tracer);
    this.attachments = new Attachments(this.#options.slots, (gpa) => this.#hvaOf(gpa));
  }

  /** Memory, memory slots, one container per group, devices (flow.md, S1). 0 or -errno. */
  async boot(): Promise<number> {
    const kvm = await this.#calls.open("/dev/kvm");
    if (kvm < 0) return kvm;
    const { ret: vm } = await this.#calls.ioctl(kvm, KVM_CREATE_VM, new Uint8Array(4));
    if (vm < 0) return vm;
    for (const [slot, { gpa, size }] of this.#options.slots.entries()) {
      const hva = await this.#calls.mmap(size);
      if (hva < 0) return hva;
      this.#slots.push({ gpa, size, hva });
      const region = kvm_userspace_memory_region.encode({ slot, guest_phys_addr: gpa, memory_size: size, userspace_addr: hva });
      const { ret } = await this.#calls.ioctl(vm, KVM_SET_USER_MEMORY_REGION, region);
      if (ret < 0) return ret;
    }
    for (const bdf of this.#options.endpoints) {
      const ret = await this.#assign(bdf);
      if (ret < 0) return ret;
    }
    return 0;
  }

  async #assign(bdf: number): Promise<number> {
    const container = await Container.open(this.#calls, this.#machine.endpoints.findIndex((endpoint) => endpoint.bdf === bdf));
    if (typeof container === "number") return container;
    for (const { gpa, size, hva } of this.#slots) {
      const ret = await container.mapDma(gpa, hva, size);
      if (ret < 0) return ret;
    }
    const device = await AssignedDevice.open(this.#calls, bdf, container);
    if (typeof device === "number") return device;
    const endpoint: Endpoint = { id: bdf, device, relay: new FaultRelay(device), msix: new MsiXTable(device, this.#calls, this.#guestMemory()), domain: null, outstanding: [] };
    this.endpoints.set(bdf, endpoint);
    const eventfd = await this.#calls.open("eventfd");
    if (eventfd < 0) return eventfd;
    this.#faultEventfds.set(eventfd, endpoint);
    return device.setEventfds(device.facts.faultIrq, [eventfd]);
  }

  #hvaOf(gpa: number): number | null {
    const slot = this.#slots.find((candidate) => gpa >= candidate.gpa && gpa < candidate.gpa + candidate.size);
    return slot ? slot.hva + (gpa - slot.gpa) : null;
  }

  /** Guest RAM by GPA, through the VMM's mapping of it. */
  #guestMemory(): PhysicalMemory {
    const first = this.#options.slots[0];
    return new TranslatedMemory(this.#ports.memory, (gpa) => this.#hvaOf(gpa), first.gpa, first.size);
  }

  /** A store of the host into a mapped region, which came with its message. */
  applyWrite(address: number, data: Uint8Array): void {
    const { fd, region, offset } = regionOfAddress(address);
    for (const { device, relay } of this.endpoints.values()) if (device.facts.fd === fd && device.facts.faultRegion === region) relay.applyWrite(offset, data);
  }

  /** An eventfd was signalled. */
  fromHost(_seq: number, body: HostToVmm): void {
    if (body.kind !== "signal") return;
    const faulting = this.#faultEventfds.get(body.fd);
    if (faulting) return this.#ports.execution.spawn("vfio-dma-fault", () => this.#drain(faulting));
    for (const endpoint of this.endpoints.values()) {
      const vector = endpoint.msix.vectorOf(body.fd);
      if (vector >= 0 && endpoint.msix.delivers(vector)) this.#iommu?.edge.send({ kind: "interrupt", source: "msix", bdf: endpoint.id, vector });
    }
  }

  async #drain(endpoint: Endpoint): Promise<void> {
    const held = this.#ports.execution.point("vmm.fault-relay.before-drain", { endpoint: hex(endpoint.id) });
    if (held) await held;
    await endpoint.relay.drain({
      pageRequest: (fault) => {
        this.#ports.tracer.emit("vmm.fault-drained", { endpoint: hex(endpoint.id), pasid: Number(fault.pasid), grpid: Number(fault.grpid), iova: hex(fault.addr) }, { flags: Number(fault.flags) });
        if (this.#iommu) this.#iommu.pageRequest(endpoint, fault);
        else if (Number(fault.flags) & 2) void endpoint.relay.respond(Number(fault.grpid), Number(fault.flags) & 8 ? Number(fault.pasid) : null, 1); // nobody is there: INVALID
      },
      unrecoverable: (fault) => this.#iommu?.unrecoverable(endpoint, fault),
    });
  }

  /** A guest kernel starts on the VM's CPUs. */
  attachGuest(edge: EdgePort<VmmToGuest, GuestToVmm>): { deliver(seq: number, body: GuestToVmm): void; closed(): Promise<void> } {
    const { smmu } = this.#machine;
    const iommu = new VirtioIommu(edge, this.endpoints, this.attachments, {
      tracer: this.#ports.tracer, execution: this.#ports.execution, isRam: (gpa, size) => this.#options.slots.some((slot) => gpa >= slot.gpa && gpa + size <= slot.gpa + slot.size),
      facts: (endpoint) => ({
        pageSizeMask: 0x40201000n, inputEnd: (1n << 48n) - 1n, outputBits: Math.min(smmu.oas, 48), pasidBits: Math.min(smmu.ssidBits, 20), asid16: smmu.asidBits === 16, twoLevelCdTable: smmu.twoLevelCdTable,
        pageRequests: smmu.pri ? { responsePasid: endpoint.device.facts.prgResponsePasidRequired } : null,
      }),
    });
    this.#iommu = iommu;
    return {
      deliver: (seq, body) => this.#fromGuest(iommu, seq, body),
      closed: async () => {
        this.#iommu = null;
        await this.#guestDied(iommu);
      },
    };
  }

  #fromGuest(iommu: VirtioIommu, seq: number, body: GuestToVmm): void {
    if (body.kind === "pciRead") return this.#ports.execution.spawn("pci-read", async () => iommu.edge.reply(seq, { kind: "pciReadResult", value: await this.#pciRead(body) }));
    if (body.kind === "pciWrite") return this.#pciWriteInOrder(iommu, seq, body);
    iommu.deliver(seq, body);
  }

  async #pciRead(body: Extract<GuestToVmm, { kind: "pciRead" }>): Promise<Uint8Array> {
    await this.#pciOrder; // a read pushes the writes before it
    const endpoint = this.endpoints.get(body.bdf);
    if (!endpoint) return new Uint8Array(body.size).fill(0xff);
    if (body.space === "bar0" && endpoint.msix.covers(body.offset)) return endpoint.msix.read(body.offset, body.size);
    const bytes = await endpoint.device.pread(regionOf(body.space), body.offset, body.size);
    return typeof bytes === "number" ? new Uint8Array(body.size).fill(0xff) : bytes;
  }

  #pciOrder: Promise<void> = Promise.resolve();
  /** PCI writes of one guest reach the function in their order. */
  #pciWriteInOrder(iommu: VirtioIommu, seq: number, body: Extract<GuestToVmm, { kind: "pciWrite" }>): void {
    const before = this.#pciOrder;
    let done = () => {};
    this.#pciOrder = new Promise((resolve) => (done = resolve));
    this.#ports.execution.spawn("pci-write", async () => {
      await before;
      await this.#pciWrite(iommu, body);
      done();
      if (body.space === "config") iommu.edge.reply(seq, { kind: "pciWriteDone" });
    });
  }

  async #pciWrite(iommu: VirtioIommu, body: Extract<GuestToVmm, { kind: "pciWrite" }>): Promise<void> {
    const endpoint = this.endpoints.get(body.bdf);
    if (!endpoint) return;
    const { msix, device } = endpoint;
    if (body.space === "bar0" && msix.covers(body.offset)) return msix.write(body.offset, body.value);
    const ret = await device.pwrite(regionOf(body.space), body.offset, body.value);
    if (ret < 0 || body.space !== "config") return;
    const value = Number(uint64Of(body.value));
    const facts = device.facts.msix;
    if (facts && body.offset === facts.capability + 2 && body.value.length === 2) await msix.control(value, endpoint.domain?.table ?? null);
    // Initiate FLR: the host resets the function, which closes its groups.
    if (body.value.length >= 2 && (value & 0x8000) !== 0 && (await this.#isDeviceControl(endpoint, body.offset))) this.#functionReset(iommu, endpoint);
  }

  async #isDeviceControl(endpoint: Endpoint, offset: number): Promise<boolean> {
    const header = await endpoint.device.pread(7, offset - 8, 1);
    return typeof header !== "number" && header[0] === 0x10;
  }

  #functionReset(iommu: VirtioIommu, endpoint: Endpoint): void {
    endpoint.msix.reset();
    this.#ports.tracer.emit("vmm.function-reset", { endpoint: hex(endpoint.id) }, { groups: endpoint.outstanding.map((group) => group.grpid) });
    endpoint.outstanding = [];
    iommu.endpointReset(endpoint);
  }

  /** Death of the guest: outstanding groups are answered INVALID, tables dropped, endpoints reset; a new guest may boot (design.md, section 2). */
  async #guestDied(iommu: VirtioIommu): Promise<void> {
    await iommu.reset();
    for (const endpoint of this.endpoints.values()) {
      await endpoint.device.reset();
      endpoint.outstanding = [];
      endpoint.msix.reset();
    }
  }
}

const regionOf = (space: string): number => (space === "config" ? 7 : Number(space.slice(3)));
