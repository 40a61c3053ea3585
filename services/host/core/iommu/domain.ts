import { EATS, STE, STE_CONFIG } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { pci_disable_ats, pci_enable_ats } from "@faultline/shared/linux/pci-ats.ts";
import type { PageRequestFault, PageResponse } from "@faultline/shared/linux/report-device-fault.ts";
import { EINVAL, ENOMEM } from "@faultline/shared/linux-uapi/errno.ts";
import { IOMMU_FAULT_PAGE_REQUEST_PASID_VALID, IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID, IOMMU_PAGE_RESP_PASID_VALID } from "@faultline/shared/linux-uapi/iommu.ts";
import { priRespOfCode } from "@faultline/shared/page-response/page-response.ts";
import type { ArmSmmu } from "../arm-smmu-v3/arm-smmu-v3.ts";
import { atcInv, type Command, priResp, tlbiNhAll, tlbiS2Ipa, tlbiS12Vmall } from "../arm-smmu-v3/command-encoding.ts";
import type { Master } from "../arm-smmu-v3/master.ts";
import { abortSte } from "../arm-smmu-v3/stream-table.ts";
import { splitPages, splitRange } from "../arm-smmu-v3/tlb-range.ts";
import type { PciDevice } from "../pci/pci-device.ts";

/** A device that a domain may hold: the SMMU's and the bus's view of it. */
export interface DomainDevice {
  master: Master;
  pci: PciDevice;
}
/** Stage 1 of a nested domain as the guest owns it. `s1ContextPtr` is a GPA. */
export interface Stage1Config {
  s1ContextPtr: number;
  s1Fmt: number;
  s1CdMax: number;
  s1Dss: number;
}
export type Stage1State = { kind: "bypass" } | { kind: "abort" } | { kind: "translate"; config: Stage1Config };

const PAGE = 4096;

/** iommu_domain of an arm-smmu-v3: a VMID and a stage 2, and in a nesting domain the guest's stage 1 on top. */
export class Domain {
  readonly id: number;
  readonly nesting: boolean;
  readonly vmid: number;
  readonly stage2: IoPgtable;
  readonly devices = new Set<DomainDevice>();
  stage1: Stage1State = { kind: "bypass" };
  readonly #smmu: ArmSmmu;
  /** Whose: the domains of one VM map the same RAM. */
  readonly #vm: number;

  private constructor(smmu: ArmSmmu, vm: number, id: number, nesting: boolean, vmid: number, stage2: IoPgtable) {
    this.#smmu = smmu;
    this.#vm = vm;
    this.id = id;
    this.nesting = nesting;
    this.vmid = vmid;
    this.stage2 = stage2;
  }

  /** -EINVAL: the SMMU lacks a stage that the domain needs; -ENOSPC: no VMID; -ENOMEM. */
  static create(smmu: ArmSmmu, vm: number, id: number, nesting: boolean): Domain | number {
    if (!smmu.features.stage2 || (nesting && !smmu.features.stage1)) return -EINVAL;
    const vmid = smmu.allocVmid();
    if (vmid < 0) return vmid;
    const { frames, memory } = smmu.ports;
    const oas = Math.min(smmu.features.oas, 48);
    // No concatenated start tables: 40 and 42 bits would need them, 39 input bits start at level 1 with one table.
    const inputBits = oas === 40 || oas === 42 ? 39 : oas;
    const stage2 = IoPgtable.alloc({ memory, allocFrame: () => frames.alloc(), freeFrame: (pa) => frames.free(pa), format: "stage2", inputBits, outputBits: oas });
    if (!stage2) {
      smmu.freeVmid(vmid);
      return -ENOMEM;
    }
    return new Domain(smmu, vm, id, nesting, vmid, stage2);
  }

  /** attach_dev: ATC emptied before ATS is enabled; the STE first (host-driver.md, section 10). */
  async attach(device: DomainDevice): Promise<number> {
    this.devices.add(device);
    await this.#writeSte(device);
    const { master, pci } = device;
    master.iommu.pageResponse = (fault, response) => this.pageResponse(master, fault, response);
    if (master.atsSupported && !master.atsEnabled) {
      await this.#smmu.commandQueue.issueWithSync([atcInv(master.sid, null, 0, 0)]);
      if ((await pci_enable_ats(pci, 12)) === 0) master.atsEnabled = true;
    }
    this.#smmu.ports.tracer.emit("host.domain-attach", { sid: hex(master.sid), vmid: this.vmid, domain: this.id, vm: String(this.#vm) }, { nesting: this.nesting });
    return 0;
  }

  /** The device goes to the blocking domain: ATS off, ATC emptied, abort STE. */
  async detach(device: DomainDevice): Promise<void> {
    const { master, pci } = device;
    if (master.atsEnabled) {
      await pci_disable_ats(pci);
      master.atsEnabled = false;
    }
    await this.#smmu.streamTable.write(master.sid, abortSte(), this.#smmu.commandQueue);
    if (master.atsSupported) await this.#smmu.commandQueue.issueWithSync([atcInv(master.sid, null, 0, 0)]);
    master.iommu.pageResponse = null;
    this.devices.delete(device);
  }

  /**
   * pci_dev_reset_iommu_prepare: ATS off, then the whole ATC emptied; its CMD_SYNC is behind every invalidation that the function was sent, and none follows before `resetDone`.
   * False: ATS was off. Not modelled: the blocking domain; the function's Command register keeps it from DMA.
   */
  async resetPrepare({ master, pci }: DomainDevice): Promise<boolean> {
    if (!master.atsEnabled) return false;
    await pci_disable_ats(pci);
    master.atsEnabled = false;
    await this.#smmu.commandQueue.issueWithSync([atcInv(master.sid, null, 0, 0)]);
    return true;
  }
  /** pci_dev_reset_iommu_done: the function's saved state, with ATS enabled and nothing in the ATC, is restored. */
  resetDone({ master }: DomainDevice): void {
    master.atsEnabled = true;
  }

  /** Installs a stage-1 state in the STE of every device, then drops what the caches hold of the former one. */
  async setStage1(state: Stage1State): Promise<void> {
    this.stage1 = state;
    for (const device of this.devices) await this.#writeSte(device);
    await this.flushAll();
  }

  /** TLBI of the VMID's both stages, SYNC, ATC_INV all, SYNC. */
  async flushAll(): Promise<void> {
    await this.#flushVmid();
    await this.atcInvalidate(0, 0);
  }

  async #flushVmid(): Promise<void> {
    if (!this.#smmu.ports.switches.has("M-flush-vmid")) await this.#smmu.commandQueue.issueWithSync([tlbiS12Vmall(this.vmid)]);
  }

  /** After stage-2 leaves were cleared: S2_IPA, SYNC; as nesting parent NH_ALL, SYNC; ATC_INV all, SYNC. */
  async flushStage2(iova: number, size: number): Promise<void> {
    const { features, commandQueue } = this.#smmu;
    const tooMany = !features.rangeInvalidation && size / PAGE > 512;
    const parts = tooMany ? [] : features.rangeInvalidation ? splitRange(iova, size, PAGE, true) : splitPages(iova, size, PAGE);
    const commands: Command[] = tooMany ? [tlbiS12Vmall(this.vmid)] : parts.map(({ address, range }) => tlbiS2Ipa(this.vmid, address, true, range));
    await commandQueue.issueWithSync(commands);
    if (this.nesting) await commandQueue.issueWithSync([tlbiNhAll(this.vmid)]);
    await this.atcInvalidate(0, 0);
  }

  /** ATC_INV without PASID on every device with ATS, SYNC; size 0: everything. */
  async atcInvalidate(iova: number, size: number): Promise<number> {
    const commands = [...this.devices].filter(({ master }) => master.atsEnabled).map(({ master }) => atcInv(master.sid, null, iova, size));
    return commands.length === 0 ? 0 : this.#smmu.commandQueue.issueWithSync(commands);
  }

  /** arm_smmu_page_response of PRI8 (IC-1015): -EINVAL for an unknown code. No SYNC: nothing waits for a PRG Response. */
  async pageResponse(master: Master, fault: PageRequestFault, response: PageResponse): Promise<number> {
    const { execution, tracer, switches } = this.#smmu.ports;
    const resp = switches.has("M-response-numbering") ? response.code : priRespOfCode(response.code);
    if (resp < 0) return resp;
    await execution.point("host.page-response.before-pri-resp", { sid: master.sid, grpid: fault.grpid, code: response.code });
    const withPasid = (fault.flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) !== 0 && (response.flags & IOMMU_PAGE_RESP_PASID_VALID) !== 0;
    await this.#smmu.commandQueue.issue([priResp(master.sid, withPasid ? fault.pasid : null, fault.grpid, resp)]);
    const pasid = fault.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID ? fault.pasid : undefined;
    tracer.emit("host.pri-response", { sid: hex(master.sid), pasid, grpid: fault.grpid, iova: hex(fault.addr) }, { resp });
    return 0;
  }

  /** All devices are detached and all mappings removed. */
  async free(): Promise<void> {
    await this.#flushVmid();
    this.#smmu.freeVmid(this.vmid);
    this.stage2.free();
  }

  #writeSte(device: DomainDevice): Promise<void> {
    return this.#smmu.streamTable.write(device.master.sid, this.#ste(device.master), this.#smmu.commandQueue);
  }

  #ste(master: Master): Uint8Array<ArrayBuffer> {
    if (this.stage1.kind === "abort") return abortSte();
    const { features } = this.#smmu;
    const { vtcr } = this.stage2;
    const stage2 = {
      V: 1,
      Config: STE_CONFIG.s2,
      EATS: master.atsSupported ? EATS.fullATS : EATS.UR,
      SHCFG: features.attrTypesOverride ? 1 : 0,
      PPAR: master.pri?.prgResponsePasidRequired ? 1 : 0,
      S2VMID: this.vmid,
      S2T0SZ: vtcr & 0x3f,
      S2SL0: (vtcr >>> 6) & 3,
      S2IR0: (vtcr >>> 8) & 3,
      S2OR0: (vtcr >>> 10) & 3,
      S2SH0: (vtcr >>> 12) & 3,
      S2TG: (vtcr >>> 14) & 3,
      S2PS: (vtcr >>> 16) & 7,
      S2AA64: 1,
      S2PTW: 1,
      S2R: 1,
      S2TTB: BigInt(this.stage2.root / 16),
    };
    if (this.stage1.kind === "bypass") return STE.encode(stage2);
    const { s1ContextPtr, s1Fmt, s1CdMax, s1Dss } = this.stage1.config;
    return STE.encode({
      ...stage2,
      Config: STE_CONFIG.nested,
      S1Fmt: s1Fmt,
      S1ContextPtr: BigInt(Math.floor(s1ContextPtr / 64)),
      S1CDMax: s1CdMax,
      S1DSS: s1Dss,
      S1CIR: 1,
      S1COR: 1,
      S1CSH: 3,
      S1STALLD: features.stalls ? 1 : 0, // no function of this machine stalls
    });
  }
}
