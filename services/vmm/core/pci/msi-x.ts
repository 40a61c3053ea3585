import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { L1CD } from "@faultline/shared/arm-smmu-v3/l1-context-descriptor.ts";
import { walkTable } from "@faultline/shared/arm-vmsa/table-walk.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { VFIO_PCI_MSIX_IRQ_INDEX } from "@faultline/shared/linux-uapi/vfio.ts";
import type { AssignedDevice } from "../vfio/device.ts";
import type { SystemCalls } from "../vfio/system-calls.ts";

const ENTRY = 16;
const MASKED = 1;
const ENABLE = 0x8000;
const PAGE = 4096;

/** The table of an attached endpoint: where CD 0 is. */
export interface CdTable { s1contextptr: bigint; s1cdmax: number; s1fmt: number }

/**
 * The MSI-X table as the guest sees it: trapped. When MSI-X is enabled, the message address the guest wrote is walked through CD 0 and its stage-1 table to the doorbell's
 * GPA, bound (SET_MSI_BINDING), and only then the eventfds are installed (flow.md, "MSI in table mode"). A failed walk leaves the vectors masked.
 */
export class MsiXTable {
  readonly #device: AssignedDevice;
  readonly #calls: SystemCalls;
  readonly #guestMemory: PhysicalMemory;
  readonly #table: DataView;
  #enabled = false;
  #eventfds: number[] = [];

  constructor(device: AssignedDevice, calls: SystemCalls, guestMemory: PhysicalMemory) {
    this.#device = device;
    this.#calls = calls;
    this.#guestMemory = guestMemory;
    this.#table = new DataView(new ArrayBuffer((device.facts.msix?.vectors ?? 0) * ENTRY));
    this.reset();
  }

  /** Is the BAR0 offset inside the table? */
  covers(offset: number): boolean {
    const { msix } = this.#device.facts;
    return msix !== null && offset >= msix.table && offset < msix.table + this.#table.byteLength;
  }

  /** Vector whose eventfd this is, or -1. */
  vectorOf(fd: number): number {
    return this.#eventfds.indexOf(fd);
  }
  /** Masked vectors are not injected. */
  delivers(vector: number): boolean {
    return this.#enabled && (this.#table.getUint32(vector * ENTRY + 12, true) & MASKED) === 0;
  }

  reset(): void {
    this.#enabled = false;
    for (let at = 0; at < this.#table.byteLength; at += 4) this.#table.setUint32(at, at % ENTRY === 12 ? MASKED : 0, true);
  }

  read(offset: number, size: number): Uint8Array {
    const at = offset - (this.#device.facts.msix?.table ?? 0);
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size && at + i < this.#table.byteLength; i++) bytes[i] = this.#table.getUint8(at + i);
    return bytes;
  }
  write(offset: number, value: Uint8Array): void {
    const at = offset - (this.#device.facts.msix?.table ?? 0);
    for (let i = 0; i < value.length && at + i < this.#table.byteLength; i++) this.#table.setUint8(at + i, value[i]);
  }

  /** The guest wrote MSI-X Message Control. */
  async control(value: number, table: CdTable | null): Promise<void> {
    const enable = (value & ENABLE) !== 0;
    if (enable === this.#enabled) return;
    this.#enabled = enable;
    if (enable && !(await this.#install(table))) this.#enabled = false;
  }

  async #install(table: CdTable | null): Promise<boolean> {
    const { msix } = this.#device.facts;
    if (!msix) return false;
    const address = Number(this.#table.getBigUint64(0, true));
    if (table) {
      const gpa = this.#walk(table, address);
      if (gpa === null) return false;
      const page = address - (address % PAGE);
      if ((await this.#device.container.bindMsi(page, gpa - (gpa % PAGE), PAGE)) < 0) return false;
    }
    while (this.#eventfds.length < msix.vectors) {
      const fd = await this.#calls.open("eventfd");
      if (fd < 0) return false;
      this.#eventfds.push(fd);
    }
    return (await this.#device.setEventfds(VFIO_PCI_MSIX_IRQ_INDEX, this.#eventfds)) >= 0;
  }

  /** GPA behind an IOVA of PASID 0, or null. */
  #walk(table: CdTable, iova: number): number | null {
    let cdAddress = Number(table.s1contextptr);
    if (table.s1fmt !== 0) {
      const l1 = this.#guestMemory.read(cdAddress, 8);
      if (!l1) return null;
      const { V, L2Ptr } = L1CD.decode(l1);
      if (!V) return null;
      cdAddress = Number(L2Ptr) * 4096;
    }
    const bytes = this.#guestMemory.read(cdAddress, 64);
    if (!bytes) return null;
    const cd = CD.decode(bytes);
    if (!cd.V || cd.EPD0) return null;
    const inputBits = 64 - Number(cd.T0SZ);
    const startLevel = 4 - Math.ceil((inputBits - 12) / 9);
    return walkTable(this.#guestMemory, 1, Number(cd.TTB0) * 16, startLevel, inputBits, iova, true);
  }
}
