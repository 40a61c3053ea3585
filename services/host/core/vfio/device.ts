import { hex } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import { type HostToVmm, regionAddress, type VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { pci_disable_pri, pci_enable_pri, pci_reset_pri, waitPriStopped } from "@faultline/shared/linux/pci-ats.ts";
import {
  type IommuFault,
  iommu_drop_pending,
  iommu_page_response,
  iommu_register_device_fault_handler,
  iommu_unregister_device_fault_handler,
  type PageResponse,
} from "@faultline/shared/linux/report-device-fault.ts";
import { EINVAL, ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import { IOMMU_FAULT_PAGE_REQ, IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE, IOMMU_FAULT_PAGE_REQUEST_PASID_VALID } from "@faultline/shared/linux-uapi/iommu.ts";
import {
  DMA_FAULT_RING,
  VFIO_DEVICE_FLAGS_PCI,
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_DEVICE_GET_INFO,
  VFIO_DEVICE_GET_IRQ_INFO,
  VFIO_DEVICE_GET_REGION_INFO,
  VFIO_DEVICE_RESET,
  VFIO_DEVICE_SET_IRQS,
  VFIO_PCI_BAR5_REGION_INDEX,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_NUM_REGIONS,
  VFIO_PCI_ROM_REGION_INDEX,
  vfio_device_info,
  vfio_region_info,
} from "@faultline/shared/linux-uapi/vfio.ts";
import { priRespOfCode } from "@faultline/shared/page-response/page-response.ts";
import type { ArmSmmu } from "../arm-smmu-v3/arm-smmu-v3.ts";
import { priResp } from "../arm-smmu-v3/command-encoding.ts";
import { IrqThread } from "../arm-smmu-v3/irq-thread.ts";
import { PCI } from "../pci/config.ts";
import { flr, restoreState, saveState } from "../pci/function-level-reset.ts";
import { copyToUser, type IoctlResult, result, vfioArgument } from "./argument.ts";
import { accessBar } from "./bar-access.ts";
import { DmaFaultRegion, encodeFault } from "./dma-fault-region.ts";
import type { VfioGroup } from "./group.ts";
import { VfioIrqs } from "./irq.ts";
import { giveUp } from "./page-request-timeout.ts";
import { DmaFaultResponseRegion } from "./page-response.ts";
import { VfioPciConfig } from "./pci-config.ts";
import { faultRegionInfo, pciRegionInfo } from "./region-info.ts";

const FAULT_REGION = VFIO_PCI_NUM_REGIONS;
const RESPONSE_REGION = VFIO_PCI_NUM_REGIONS + 1;
const PRI_STOP_TIMEOUT_NS = 1_000_000_000;
const CONFIG_SIZE = 4096;

export interface DevicePorts {
  smmu: ArmSmmu;
  vmm: EdgePort<HostToVmm, VmmToHost>;
  isEventfd(fd: number): boolean;
  signal(fd: number): void;
}

/** A vfio-pci device fd. */
export class VfioDevice {
  readonly group: VfioGroup;
  readonly fd: number;
  readonly irqs: VfioIrqs;
  readonly #ports: DevicePorts;
  readonly #nested: boolean;
  readonly #config: VfioPciConfig;
  readonly #faults = new DmaFaultRegion();
  readonly #responses = new DmaFaultResponseRegion();
  readonly #responseWork: IrqThread;
  /** The DMA-fault IRQ is registered: it can have an eventfd. */
  #irqRegistered: boolean;

  private constructor(ports: DevicePorts, group: VfioGroup, fd: number) {
    const { pci } = group.device;
    this.#ports = ports;
    this.group = group;
    this.fd = fd;
    this.#irqRegistered = !ports.smmu.ports.switches.has("RR-69");
    this.#nested = group.container?.iommu?.domain.nesting === true;
    this.#config = new VfioPciConfig(pci, () => this.reset());
    const composeMsi = (): number => group.container?.iommu?.msi.compose() ?? -EINVAL;
    this.irqs = new VfioIrqs({ bus: ports.smmu.ports.bus, pci, isEventfd: ports.isEventfd, signal: ports.signal, composeMsi, nested: this.#nested });
    this.#responseWork = new IrqThread(`vfio-dma-fault-response ${pci.name}`, ports.smmu.ports.execution, () => this.#consumeResponses());
  }

  /**
   * vfio_pci_open in a nesting domain: the function is reset, so that nothing of an earlier user (or of a kernel that died) is left in it; then fault region,
   * handler, IRQ, response region, and PRI. -EBUSY: a handler is registered already.
   */
  static async open(ports: DevicePorts, group: VfioGroup, fd: number): Promise<VfioDevice | number> {
    const device = new VfioDevice(ports, group, fd);
    const { master, pci } = group.device;
    await device.clearMaster();
    if (!ports.smmu.ports.switches.has("M-reset-at-open")) await device.reset();
    if (device.#nested) {
      const ret = await iommu_register_device_fault_handler(master.iommu, (fault) => device.#handleFault(fault));
      if (ret < 0) return ret;
      // RR-89 fixed (vfio-uapi.md, section 8): the device's capacity is allocated. A function without PRI works without.
      if (pci.pri && master.atsEnabled && ports.smmu.features.pri && !ports.smmu.ports.switches.has("RR-89")) {
        await pci_reset_pri(pci);
        await pci_enable_pri(pci, pci.pri.capacity);
      }
    }
    device.#irqRegistered = true;
    group.deviceOpen = true;
    return device;
  }

  async ioctl(cmd: number, arg: Uint8Array): Promise<IoctlResult> {
    switch (cmd) {
      case VFIO_DEVICE_GET_INFO:
        return this.#getInfo(arg);
      case VFIO_DEVICE_GET_REGION_INFO:
        return this.#getRegionInfo(arg);
      case VFIO_DEVICE_GET_IRQ_INFO:
        return this.irqs.getInfo(arg);
      case VFIO_DEVICE_SET_IRQS:
        return result(await this.irqs.set(arg), arg);
      case VFIO_DEVICE_RESET:
        return result(await this.reset(), arg);
      default:
        return result(-ENOTTY, arg);
    }
  }

  /** Bytes, or -errno. */
  pread(region: number, position: number, length: number): Uint8Array | number | Promise<Uint8Array | number> {
    if (region === FAULT_REGION && this.#nested) return this.#faults.read(position, length);
    if (region === RESPONSE_REGION && this.#nested) return this.#responses.read(position, length);
    return this.#readFunction(region, position, length);
  }

  async #readFunction(region: number, position: number, length: number): Promise<Uint8Array | number> {
    if (region === VFIO_PCI_CONFIG_REGION_INDEX) return position >= CONFIG_SIZE ? -EINVAL : this.#config.read(position, Math.min(length, CONFIG_SIZE - position));
    return region <= VFIO_PCI_BAR5_REGION_INDEX ? accessBar(this.#ports.smmu.ports.bus, this.group.device.pci, region, position, length, null) : -EINVAL;
  }

  /** Bytes written, or -errno. */
  pwrite(region: number, position: number, data: Uint8Array): number | Promise<number> {
    if (region === FAULT_REGION && this.#nested) return this.#faults.write(position, data);
    if (region === RESPONSE_REGION && this.#nested) {
      const ret = this.#responses.write(position, data);
      if (ret > 0) this.#responseWork.wake();
      return ret;
    }
    return this.#writeFunction(region, position, data);
  }

  async #writeFunction(region: number, position: number, data: Uint8Array): Promise<number> {
    if (region === VFIO_PCI_CONFIG_REGION_INDEX) {
      if (position + data.length > CONFIG_SIZE) return -EINVAL;
      await this.#config.write(position, data);
      return data.length;
    }
    if (region > VFIO_PCI_BAR5_REGION_INDEX) return -EINVAL;
    const ret = await accessBar(this.#ports.smmu.ports.bus, this.group.device.pci, region, position, data.length, data);
    return typeof ret === "number" ? ret : data.length;
  }

  /** The ring, from its second page on; -EINVAL for the header and beyond the end. */
  checkMmap(region: number, position: number, length: number): number {
    if (!this.#nested || (region !== FAULT_REGION && region !== RESPONSE_REGION)) return -EINVAL;
    const { size } = region === FAULT_REGION ? this.#faults : this.#responses;
    return position < DMA_FAULT_RING.offset || position + length > size ? -EINVAL : 0;
  }

  /** Stores of the VMM into a mapped ring. */
  applyStore(region: number, position: number, data: Uint8Array): void {
    if (region === RESPONSE_REGION && this.#nested) this.#responses.applyStore(position, data);
  }

  /**
   * pci_try_reset_function: state saved, FLR, state restored. The groups that the function had open are closed by it. No ATS invalidation is under way meanwhile: a function may forget
   * one in its reset (S13; f5b16b802174). 0 or -ENOTTY.
   */
  async reset(): Promise<number> {
    const { execution } = this.#ports.smmu.ports;
    const { pci, master } = this.group.device;
    const state = await saveState(pci);
    await execution.point("host.device-reset.before-flr", { sid: master.sid });
    await pci.config.write(PCI.COMMAND, 2, PCI.COMMAND_INTX_DISABLE); // no DMA while it is reset
    const iommu = this.#ports.smmu.ports.switches.has("S13") ? undefined : this.group.container?.iommu?.domain;
    const blocked = (await iommu?.resetPrepare(this.group.device)) === true;
    const ret = await flr(execution, pci);
    if (ret === 0) await this.#closeGroups();
    await restoreState(pci, state);
    if (blocked) iommu?.resetDone(this.group.device);
    await this.irqs.restore();
    return ret;
  }

  /** The function stops DMA: pci_clear_master. */
  async clearMaster(): Promise<void> {
    const { config } = this.group.device.pci;
    const command = await config.read(PCI.COMMAND, 2);
    await config.write(PCI.COMMAND, 2, command & ~PCI.COMMAND_MASTER);
  }

  /** vfio_pci_release: bus mastering off, IRQs, PRI, reset, handler, regions. */
  async close(): Promise<void> {
    const { master, pci } = this.group.device;
    const { execution, switches } = this.#ports.smmu.ports;
    await this.clearMaster();
    await this.irqs.tearDown();
    if (this.#nested) {
      await pci_disable_pri(pci);
      // Groups that wait for a VMM's response are closed by the reset below; nobody answers them any more.
      if (master.iommu.pending.length === 0) await waitPriStopped(pci, execution, PRI_STOP_TIMEOUT_NS);
      if (switches.has("RR-62") && (await iommu_unregister_device_fault_handler(master.iommu)) < 0) {
        this.group.deviceOpen = false; // as posted: a warning, and the handler stays
        return;
      }
    }
    await this.reset();
    if (this.#nested) await iommu_unregister_device_fault_handler(master.iommu);
    this.group.deviceOpen = false;
  }

  async #closeGroups(): Promise<void> {
    const { master } = this.group.device;
    await this.#ports.smmu.flushPriQueue(); // requests of before the reset become pending, and are closed with the others
    if (!this.#ports.smmu.ports.switches.has("S24")) this.#ports.smmu.partialGroups.discard(master.sid);
    const dropped = await iommu_drop_pending(master.iommu);
    this.#ports.smmu.ports.tracer.emit("host.groups-closed", { sid: hex(master.sid) }, { groups: dropped.map((fault) => fault.grpid) });
  }

  /** vfio_pci_iommu_dev_fault_handler. */
  async #handleFault(fault: IommuFault): Promise<number> {
    const { vmm } = this.#ports;
    const { execution, tracer, switches } = this.#ports.smmu.ports;
    const record = encodeFault(fault);
    const index = this.#faults.store(record);
    if (index < 0) return index;
    vmm.post(regionAddress(this.fd, FAULT_REGION, this.#faults.recordOffset(index)), record);
    vmm.post(regionAddress(this.fd, FAULT_REGION, DMA_FAULT_RING.headOffset), this.#faults.headBytes());
    const request = fault.type === IOMMU_FAULT_PAGE_REQ ? fault : null;
    const pasid = request && request.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID ? request.pasid : undefined;
    tracer.emit(
      "host.fault-reported",
      { sid: hex(this.group.device.master.sid), pasid, grpid: request?.grpid, iova: hex(fault.addr), fd: this.fd, head: this.#faults.head },
      { record: index, type: fault.type, last: request ? (request.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) !== 0 : null },
    );
    if (!this.#irqRegistered) return -EINVAL; // RR-69: the record is stored, and who reported the fault answers it too
    if (request && switches.has("M-wait-for-response")) giveUp(execution, this.group.device.master.iommu, request);
    const eventfd = this.irqs.dmaFaultEventfd;
    if (eventfd === null) return 0; // kept silently
    await execution.point("host.dma-fault.before-signal", { fd: this.fd, head: this.#faults.head });
    this.#ports.signal(eventfd);
    return 0;
  }

  /** The single-threaded response work: one response at a time to the core, whose result the uapi cannot tell (RR-61, the half that stays: spec/vfio-uapi.md, 6.2). */
  async #consumeResponses(): Promise<void> {
    const { master } = this.group.device;
    const { execution, tracer, switches } = this.#ports.smmu.ports;
    if (switches.has("M-compare-head") && !this.#responses.peek()) this.#responses.back();
    for (let response = this.#responses.peek(); response; response = this.#responses.peek()) {
      await execution.point("host.page-response.before-consume", { fd: this.fd, tail: this.#responses.tail });
      const again = this.#responses.peek() ?? response;
      const waiting = tracer.wants("host.page-response") ? master.iommu.pending.find((entry) => entry.grpid === again.grpid) : undefined;
      const ret = await this.#respond(this.#ports.smmu.ports.switches.has("RR-61") ? this.#responses.inPlace() : again);
      const pasid = again.flags & 1 ? again.pasid : undefined;
      tracer.emit("host.page-response", { sid: hex(master.sid), pasid, grpid: again.grpid, iova: waiting ? hex(waiting.addr) : undefined }, { code: again.code, ret });
      this.#responses.advance();
    }
  }

  /** S32: what matches no pending request goes out all the same, with the ids that the VMM gave. */
  async #respond(response: PageResponse): Promise<number> {
    const { master } = this.group.device;
    const { switches } = this.#ports.smmu.ports;
    const passed = switches.has("M-match-pending") && master.iommu.pending[0]?.grpid !== response.grpid;
    const ret = passed ? -EINVAL : await iommu_page_response(master.iommu, response);
    if (ret !== -EINVAL || !switches.has("S32")) return ret;
    const resp = priRespOfCode(response.code);
    if (resp < 0) return ret;
    const pasid = response.flags & 1 ? response.pasid : undefined;
    await this.#ports.smmu.commandQueue.issue([priResp(master.sid, pasid ?? null, response.grpid, resp)]);
    this.#ports.smmu.ports.tracer.emit("host.pri-response", { sid: hex(master.sid), pasid, grpid: response.grpid }, { resp });
    return ret;
  }

  #getInfo(arg: Uint8Array): IoctlResult {
    const fields = vfioArgument(vfio_device_info, arg, 16);
    if (typeof fields === "number") return result(fields, arg);
    const info = vfio_device_info.encode({
      argsz: fields.argsz,
      flags: VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
      num_regions: VFIO_PCI_NUM_REGIONS + (this.#nested ? 2 : 0),
      num_irqs: this.irqs.count,
    });
    return result(0, copyToUser(arg, info.subarray(0, arg.length)));
  }

  #getRegionInfo(arg: Uint8Array): IoctlResult {
    const fields = vfioArgument(vfio_region_info, arg);
    if (typeof fields === "number") return result(fields, arg);
    const index = Number(fields.index);
    const argsz = Math.min(Number(fields.argsz), arg.length);
    if (index <= VFIO_PCI_BAR5_REGION_INDEX) return result(0, copyToUser(arg, pciRegionInfo(argsz, index, this.group.device.pci.bars.get(index)?.size ?? 0, true)));
    if (index === VFIO_PCI_ROM_REGION_INDEX) return result(0, copyToUser(arg, pciRegionInfo(argsz, index, 0, false))); // the function has no ROM
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return result(0, copyToUser(arg, pciRegionInfo(argsz, index, CONFIG_SIZE, true)));
    if (this.#nested && (index === FAULT_REGION || index === RESPONSE_REGION))
      return result(0, copyToUser(arg, faultRegionInfo(argsz, index, index === RESPONSE_REGION)));
    return result(-EINVAL, arg);
  }
}
