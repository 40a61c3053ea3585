import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { L1CD } from "@faultline/shared/arm-smmu-v3/l1-context-descriptor.ts";
import { walkTable } from "@faultline/shared/arm-vmsa/table-walk.ts";
import { startLevel } from "@faultline/shared/arm-vmsa/tcr.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_0, VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_BYPASS } from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Container } from "./container.ts";

/** SET_MSI_BINDING's size: the guest's stage-1 granule, which is at most the host's MSI granule. */
const GRANULE = 4096;
const pageOf = (address: number): number => address - (address % GRANULE);

/** The table of an attached endpoint, as ATTACH_TABLE gave it. `s1contextptr` is a GPA. */
export interface CdTable {
  s1contextptr: bigint;
  s1cdmax: number;
  s1fmt: number;
  s1dss: number;
}

/** The doorbells of a function that the host knows: gIOVA pages bound by SET_MSI_BINDING (flow.md, "MSI in table mode"). */
export class MsiBinding {
  readonly #container: Container;
  readonly #guestMemory: PhysicalMemory;
  readonly #pages = new Set<number>();

  constructor(container: Container, guestMemory: PhysicalMemory) {
    this.#container = container;
    this.#guestMemory = guestMemory;
  }

  /** Binds the doorbell page of a message address. Without a table the host's own MSI window is used and nothing is bound. False: the address leads nowhere, or the host refused. */
  async bind(table: CdTable | null, address: number): Promise<boolean> {
    if (!table || this.#pages.has(pageOf(address))) return true;
    const gpa = doorbellOf(this.#guestMemory, table, address);
    if (gpa === null || (await this.#container.bindMsi(pageOf(address), pageOf(gpa), GRANULE)) < 0) return false;
    this.#pages.add(pageOf(address));
    return true;
  }

  async unbindAll(): Promise<void> {
    for (const page of this.#pages) await this.#container.unbindMsi(page);
    this.#pages.clear();
  }
}

/** GPA that a write without PASID to `iova` reaches: CD 0 and its stage 1 in guest RAM. Null: it faults, or the table is not one of 4 KiB pages. */
export function doorbellOf(memory: PhysicalMemory, table: CdTable, iova: number): number | null {
  if (table.s1cdmax > 0 && table.s1dss !== VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_0) return table.s1dss === VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_BYPASS ? iova : null;
  const address = cd0Address(memory, table);
  const bytes = address === null ? null : memory.read(address, CD.sizeBytes);
  if (!bytes) return null;
  const cd = CD.decode(bytes);
  const inputBits = 64 - Number(cd.T0SZ);
  if (!cd.V || !cd.AA64 || cd.EPD0 || cd.TG0 !== 0n || inputBits < 25 || inputBits > 48) return null;
  return walkTable(memory, 1, Number(cd.TTB0) * 16, startLevel(inputBits), inputBits, iova, true);
}

function cd0Address(memory: PhysicalMemory, table: CdTable): number | null {
  if (table.s1fmt === 0 || table.s1cdmax === 0) return Number(table.s1contextptr);
  const bytes = memory.read(Number(table.s1contextptr), L1CD.sizeBytes);
  if (!bytes) return null;
  const { V, L2Ptr } = L1CD.decode(bytes);
  return V ? Number(L2Ptr) * 4096 : null;
}
