import { hex } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { pci_enable_pasid } from "@faultline/shared/linux/pci-ats.ts";
import { IommuDevice } from "@faultline/shared/linux/report-device-fault.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { CpuRootTable } from "@faultline/shared/physical-memory/cpu-roots.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import { ArmSmmu } from "./arm-smmu-v3/arm-smmu-v3.ts";
import type { Master } from "./arm-smmu-v3/master.ts";
import { Bus } from "./bus.ts";
import { Frames } from "./mm/frames.ts";
import { PCI } from "./pci/config.ts";
import { BarWindow, enumerate } from "./pci/pci-device.ts";
import { VmmProcess } from "./process.ts";
import { VfioGroup } from "./vfio/group.ts";

export interface HostPorts {
  memory: PhysicalMemory;
  smmu: EdgePort<HostToSmmu, SmmuToHost>;
  execution: Execution;
  tracer: Tracer;
  roots: CpuRootTable;
  /** Ids of defects.ts that are on. */
  switches: ReadonlySet<string>;
}

/** What a VMM's edge is joined to. */
export interface VmmAttachment {
  deliver(seq: number, body: VmmToHost): void;
  /** A posted write of the VMM: a store into a mapped ring. Called by the edge before `deliver` of the message that carried it. */
  applyWrite(address: number, data: Uint8Array): void;
  /** The edge broke: all fds of the process close. Resolves when everything is released. */
  closed(): Promise<void>;
}

/** Counts that are zero when no VMM runs (INV-5, INV-9). */
export interface HostCounts extends Record<string, number> {
  processes: number;
  fds: number;
  pinned: number;
  vmids: number;
  handlers: number;
  pending: number;
  /** Page requests that wait for the last one of their group. */
  partial: number;
  framesAboveBoot: number;
  locks: number;
}

/** The host kernel: SMMU driver, PCI, VFIO, KVM. */
export class Host {
  readonly #machine: Machine;
  readonly #ports: HostPorts;
  readonly #bus: Bus;
  /** For live state (core/state): nothing else reaches in. */
  readonly frames: Frames;
  readonly groups: VfioGroup[] = [];
  readonly processes = new Map<number, VmmProcess>();
  readonly #domainIds = { next: 1 };
  /** Functions that were pulled out, by StreamID. */
  readonly #removed = new Set<number>();
  smmu: ArmSmmu | null = null;
  #bootFrames = 0;

  constructor(machine: Machine, ports: HostPorts) {
    this.#machine = machine;
    this.#ports = ports;
    this.#bus = new Bus(ports.smmu, ports.execution.locks, !ports.switches.has("M-room-for-writes"));
    this.frames = new Frames(ports.memory);
  }

  /** Probes and resets the SMMU, enumerates the functions. 0 or -errno (-ENODEV, -ENOMEM, -ETIMEDOUT). */
  async boot(): Promise<number> {
    const { memory, execution, tracer, switches } = this.#ports;
    const smmu = await ArmSmmu.create({ memory, bus: this.#bus, execution, tracer, frames: this.frames, switches });
    if (typeof smmu === "number") return smmu;
    this.smmu = smmu;
    const window = new BarWindow();
    for (const [number, { bdf }] of this.#machine.endpoints.entries()) {
      const pci = await enumerate(this.#bus, bdf, window);
      if (!pci) continue;
      // PASID when the SMMU driver probes the device; ATS when it is attached; PRI when it is opened.
      const ssidBits = Math.min(smmu.features.ssidBits, pci.pasidWidth);
      if (ssidBits > 0) await pci_enable_pasid(pci);
      const master: Master = {
        sid: bdf,
        iommu: new IommuDevice(pci.name, this.#ports.execution.locks),
        atsSupported: smmu.features.ats && pci.atsSupported,
        atsEnabled: false,
        ssidBits,
        pri: smmu.features.pri ? pci.pri : null,
      };
      const ret = smmu.addMaster(master);
      if (ret < 0) return ret;
      this.groups.push(new VfioGroup(number, { master, pci }));
    }
    this.#bootFrames = this.frames.allocated;
    return 0;
  }

  /** A message of the hardware that is no reply. */
  fromSmmu(_seq: number, body: SmmuToHost): void {
    if (body.kind !== "interrupt" || !this.smmu) return;
    if (body.source === "SLOT") return this.#ports.execution.spawn("pciehp", () => this.#linkChanged(body.deviceId));
    if (this.smmu.interrupt(body) === 0) return;
    for (const vmm of this.processes.values()) vmm.msi(body.deviceId, body.eventId);
  }

  /**
   * pciehp_ist: Data Link Layer State Changed means that the device was pulled out, even if one is there again: its functions are removed (pciehp_disable_slot), and VFIO asks who has them
   * to let them go. Not modelled: a device that is plugged in is not enumerated; only a host that boots finds it.
   */
  async #linkChanged(sid: number): Promise<void> {
    for (const { device } of this.groups) {
      const { master, pci } = device;
      if (master.sid >> 3 !== sid >> 3 || this.#removed.has(master.sid)) continue;
      this.#removed.add(master.sid);
      const present = ((await pci.config.read(PCI.VENDOR_ID, 2)) & 0xffff) !== 0xffff;
      this.#ports.tracer.emit("host.function-removed", { sid: hex(master.sid) }, { present });
      for (const vmm of this.processes.values()) vmm.removed(master.sid);
    }
  }

  /** A VMM's process starts: it takes one frame (its shell refuses the hello when there is none). */
  attachVmm(vm: number, edge: EdgePort<HostToVmm, VmmToHost>): VmmAttachment {
    if (!this.smmu) throw new Error("a VMM cannot start before the host has booted");
    if (this.processes.has(vm)) throw new Error(`VM ${vm} has a VMM already`);
    const vmm = new VmmProcess(vm, { smmu: this.smmu, roots: this.#ports.roots, groups: this.groups, domainIds: this.#domainIds }, edge);
    this.processes.set(vm, vmm);
    return {
      deliver: (seq, body) => {
        const call = vmm.systemCall(seq, body); // starts now: calls that do not sleep keep their order
        this.#ports.execution.spawn(`vmm${vm} ${body.kind}`, () => call);
      },
      applyWrite: (address, data) => vmm.applyWrite(address, data),
      closed: async () => {
        await vmm.exit();
        this.processes.delete(vm);
        this.#ports.tracer.emit("host.released", { vm: String(vm) }, { ...this.counts() });
      },
    };
  }

  counts(): HostCounts {
    const processes = [...this.processes.values()];
    const devices = this.groups.map((group) => group.device.master.iommu);
    return {
      processes: processes.length,
      fds: processes.reduce((sum, vmm) => sum + vmm.fds, 0),
      pinned: this.frames.pinned,
      vmids: this.smmu?.vmids ?? 0,
      handlers: devices.filter((device) => device.handler !== null).length,
      pending: devices.reduce((sum, device) => sum + device.pending.length, 0),
      partial: this.smmu?.partialGroups.size ?? 0,
      framesAboveBoot: this.frames.allocated - this.#bootFrames,
      ...this.#ports.execution.locks.counts(),
    };
  }
}
