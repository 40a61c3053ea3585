import type { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import { KVM_SET_USER_MEMORY_REGION, kvm_userspace_memory_region } from "@faultline/shared/linux-uapi/kvm.ts";
import type { CpuRootTable } from "@faultline/shared/physical-memory/cpu-roots.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { AddressSpace } from "../mm/address-space.ts";
import { type Frames, PAGE_SIZE } from "../mm/frames.ts";
import { type IoctlResult, result } from "../vfio/argument.ts";
import { createStage2 } from "./stage-2.ts";

interface MemorySlot {
  gpa: number;
  size: number;
  hva: number;
}

/** A KVM VM fd: memory slots, mapped at once (the posted flow never relies on CPU stage-2 faults). */
export class KvmVm {
  readonly #vm: number;
  readonly #mm: AddressSpace;
  readonly #roots: CpuRootTable;
  readonly #stage2: IoPgtable;
  readonly #slots = new Map<number, MemorySlot>();

  /** KVM_CREATE_VM; -ENOMEM without a frame for the stage-2 start table. */
  static create(vm: number, memory: PhysicalMemory, frames: Frames, mm: AddressSpace, roots: CpuRootTable): KvmVm | number {
    const stage2 = createStage2(memory, frames);
    return stage2 ? new KvmVm(vm, mm, roots, stage2) : -ENOMEM;
  }

  private constructor(vm: number, mm: AddressSpace, roots: CpuRootTable, stage2: IoPgtable) {
    this.#vm = vm;
    this.#mm = mm;
    this.#roots = roots;
    this.#stage2 = stage2;
    roots.set(vm, { ...roots.get(vm), vttbr: this.#stage2.root, vtcr: this.#stage2.vtcr });
  }

  ioctl(cmd: number, arg: Uint8Array): IoctlResult {
    return result(cmd === KVM_SET_USER_MEMORY_REGION ? this.#setUserMemoryRegion(arg) : -ENOTTY, arg);
  }

  /** 0; -EINVAL unaligned, or a change of a slot other than its deletion; -EEXIST overlap; -EFAULT memory that is not mapped; -ENOENT deletion of nothing. */
  #setUserMemoryRegion(arg: Uint8Array): number {
    if (arg.length < kvm_userspace_memory_region.sizeBytes) return -EFAULT;
    const region = kvm_userspace_memory_region.decode(arg.slice(0, kvm_userspace_memory_region.sizeBytes));
    const slot = Number(region.slot),
      gpa = Number(region.guest_phys_addr),
      size = Number(region.memory_size),
      hva = Number(region.userspace_addr);
    if (gpa % PAGE_SIZE || size % PAGE_SIZE || hva % PAGE_SIZE || gpa + size > 2 ** this.#stage2.inputBits) return -EINVAL;
    const old = this.#slots.get(slot);
    if (size === 0) {
      if (!old) return -ENOENT;
      this.#stage2.unmap(old.gpa, old.size);
      this.#slots.delete(slot);
      return 0;
    }
    if (old) return -EINVAL;
    for (const other of this.#slots.values()) if (gpa < other.gpa + other.size && other.gpa < gpa + size) return -EEXIST;
    for (let done = 0; done < size; done += PAGE_SIZE) {
      const page = this.#mm.table.lookup(hva + done);
      const ret = page ? this.#stage2.map(gpa + done, page.pa, PAGE_SIZE, { read: true, write: page.write }) : -EFAULT;
      if (ret < 0) {
        this.#stage2.unmap(gpa, done);
        return ret;
      }
    }
    this.#slots.set(slot, { gpa, size, hva });
    return 0;
  }

  /** No CPU of the VM runs any more: the roots go first, then the tables. */
  destroy(): void {
    this.#roots.set(this.#vm, { ...this.#roots.get(this.#vm), vttbr: 0, vtcr: 0 });
    this.#slots.clear();
    this.#stage2.free();
  }
}
