/** The roots that the host sets for a VM's CPUs; kept in the memory file's header, read only by the CPU ports of the VMM and the guest. */
export interface CpuRoots {
  /** PA of the level-0 table of the VMM's process (4 KiB granule, 48-bit input); 0 = none. */
  ttbr0: number;
  /** PA of the start table of the guest's stage 2; 0 = none. */
  vttbr: number;
  /** VTCR_EL2 value that describes that table (T0SZ, SL0, TG0, PS). */
  vtcr: number;
}
export interface CpuRootTable {
  get(vm: number): CpuRoots;
  set(vm: number, roots: CpuRoots): void;
}
export class HeapCpuRootTable implements CpuRootTable {
  readonly #roots = new Map<number, CpuRoots>();
  get(vm: number): CpuRoots {
    return this.#roots.get(vm) ?? { ttbr0: 0, vttbr: 0, vtcr: 0 };
  }
  set(vm: number, roots: CpuRoots): void {
    this.#roots.set(vm, roots);
  }
}
