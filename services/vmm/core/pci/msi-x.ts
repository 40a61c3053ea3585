import { type HeldLocks, Mutex } from "@faultline/shared/execution/mutex.ts";
import { VFIO_PCI_MSIX_IRQ_INDEX } from "@faultline/shared/linux-uapi/vfio.ts";
import { MSIX_CONTROL } from "@faultline/shared/pcie/capabilities.ts";
import type { Irqfds } from "../kvm/irqfd.ts";
import type { AssignedDevice } from "../vfio/device.ts";
import type { CdTable, MsiBinding } from "../vfio/msi-binding.ts";
import type { SystemCalls } from "../vfio/system-calls.ts";

/** An entry of the table: message address (8 bytes), data (4), vector control (4) with the mask in bit 0 (PCIe 6.1.4). */
const ENTRY = 16,
  VECTOR_CONTROL = 12,
  MASKED = 1;

export interface MsiXPorts {
  device: AssignedDevice;
  calls: SystemCalls;
  irqfds: Irqfds;
  binding: MsiBinding;
  inject(vector: number): void;
  locks: HeldLocks;
}

/**
 * MSI-X of an assigned function as the guest sees it: table and Message Control are the VMM's. A vector that is enabled and unmasked is armed: its doorbell is bound
 * (SET_MSI_BINDING) and only then its eventfd installed (SET_IRQS). A message address that leads nowhere leaves the vector without eventfd, as if masked.
 */
export class MsiX {
  readonly #ports: MsiXPorts;
  readonly #table: DataView;
  readonly #base: number;
  readonly #vectors: number;
  /** Enable and Function Mask. */
  #control = 0;
  #cdTable: CdTable | null = null;
  readonly #armed = new Set<number>();
  readonly #pending = new Set<number>();
  readonly #eventfds = new Map<number, number>();
  /** Arming sleeps in ioctls; configuration accesses and attachments may change at once. */
  readonly #lock: Mutex;

  constructor(ports: MsiXPorts) {
    const { msix } = ports.device.facts;
    this.#ports = ports;
    this.#lock = new Mutex("msix", ports.locks);
    this.#vectors = msix?.vectors ?? 0;
    this.#base = msix?.table ?? 0;
    this.#table = new DataView(new ArrayBuffer(this.#vectors * ENTRY));
    this.#clearTable();
  }

  /** Is this byte of BAR0 in the table? */
  covers(offset: number): boolean {
    return offset >= this.#base && offset < this.#base + this.#table.byteLength;
  }

  read(offset: number, size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) if (this.covers(offset + i)) bytes[i] = this.#table.getUint8(offset + i - this.#base);
    return bytes;
  }

  async write(offset: number, value: Uint8Array): Promise<void> {
    for (let i = 0; i < value.length; i++) if (this.covers(offset + i)) this.#table.setUint8(offset + i - this.#base, value[i]);
    await this.#update();
  }

  /** Enable and Function Mask, in the place they have in Message Control. */
  get control(): number {
    return this.#control;
  }

  async writeControl(value: number): Promise<void> {
    this.#control = value & (MSIX_CONTROL.enable | MSIX_CONTROL.functionMask);
    await this.#update();
  }

  /** The endpoint was attached to a table (null: to none): enabled vectors are armed anew. */
  async attach(table: CdTable | null): Promise<void> {
    this.#cdTable = table;
    await this.#update();
  }

  /** The endpoint is about to leave its table: vectors disarmed, doorbells unbound. */
  async detach(): Promise<void> {
    await this.#lock.with(() => this.#disarm());
  }

  /** Function level reset: MSI-X is off and every vector masked. */
  async reset(): Promise<void> {
    this.#control = 0;
    this.#clearTable();
    await this.#update();
  }

  #clearTable(): void {
    for (let at = 0; at < this.#table.byteLength; at += 4) this.#table.setUint32(at, at % ENTRY === VECTOR_CONTROL ? MASKED : 0, true);
    this.#pending.clear();
  }

  get #enabled(): boolean {
    return (this.#control & MSIX_CONTROL.enable) !== 0;
  }

  #unmasked(vector: number): boolean {
    return (this.#table.getUint32(vector * ENTRY + VECTOR_CONTROL, true) & MASKED) === 0;
  }

  /** The host signalled the vector's eventfd. While it is masked it stays pending. */
  #signal(vector: number): void {
    if (!this.#enabled) return;
    if (this.#unmasked(vector) && (this.#control & MSIX_CONTROL.functionMask) === 0) this.#ports.inject(vector);
    else this.#pending.add(vector);
  }

  async #update(): Promise<void> {
    await this.#lock.with(() => (this.#enabled ? this.#arm() : this.#disarm()));
    for (const vector of this.#pending) {
      if (!this.#enabled || !this.#unmasked(vector) || this.#control & MSIX_CONTROL.functionMask) continue;
      this.#pending.delete(vector);
      this.#ports.inject(vector);
    }
  }

  /** Arms what is unmasked and not armed yet: one SET_IRQS per run of vectors. */
  async #arm(): Promise<void> {
    const ready: number[] = [];
    for (let vector = 0; vector < this.#vectors; vector++) {
      if (this.#armed.has(vector) || !this.#unmasked(vector)) continue;
      const address = Number(this.#table.getBigUint64(vector * ENTRY, true));
      if (await this.#ports.binding.bind(this.#cdTable, address)) ready.push(vector);
    }
    for (let at = 0; at < ready.length; ) {
      let end = at + 1;
      while (end < ready.length && ready[end] === ready[end - 1] + 1) end++;
      await this.#install(ready.slice(at, end));
      at = end;
    }
  }

  async #install(vectors: readonly number[]): Promise<void> {
    const fds: number[] = [];
    for (const vector of vectors) {
      const fd = await this.#eventfd(vector);
      if (fd < 0) return; // -EMFILE: the vectors stay without
      fds.push(fd);
    }
    if ((await this.#ports.device.setEventfds(VFIO_PCI_MSIX_IRQ_INDEX, fds, vectors[0])) < 0) return;
    for (const vector of vectors) this.#armed.add(vector);
  }

  async #eventfd(vector: number): Promise<number> {
    const known = this.#eventfds.get(vector);
    if (known !== undefined) return known;
    const fd = await this.#ports.calls.open("eventfd");
    if (fd < 0) return fd;
    this.#eventfds.set(vector, fd);
    this.#ports.irqfds.assign(fd, () => this.#signal(vector));
    return fd;
  }

  async #disarm(): Promise<void> {
    if (this.#armed.size > 0) await this.#ports.device.disableIrqs(VFIO_PCI_MSIX_IRQ_INDEX);
    this.#armed.clear();
    await this.#ports.binding.unbindAll();
  }
}
