import { KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION, kvm_userspace_memory_region } from "@faultline/shared/linux-uapi/kvm.ts";
import type { VmOptions } from "@faultline/shared/machine/machine.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { TranslatedMemory } from "@faultline/shared/physical-memory/translated.ts";
import type { SystemCalls } from "../vfio/system-calls.ts";

/** A bank of guest RAM and where the VMM has it mapped. */
export interface Memslot {
  gpa: number;
  size: number;
  hva: number;
}

/** Creates the VM and maps every RAM bank of the machine file into it. The slots, or -errno. */
export async function createMemslots(calls: SystemCalls, banks: VmOptions["slots"]): Promise<Memslot[] | number> {
  const kvm = await calls.open("/dev/kvm");
  if (kvm < 0) return kvm;
  const { ret: vm } = await calls.ioctl(kvm, KVM_CREATE_VM, new Uint8Array(4));
  if (vm < 0) return vm;
  const slots: Memslot[] = [];
  for (const [slot, { gpa, size }] of banks.entries()) {
    const hva = await calls.mmap(-1, 0, size);
    if (hva < 0) return hva;
    const region = kvm_userspace_memory_region.encode({ slot, guest_phys_addr: gpa, memory_size: size, userspace_addr: hva });
    const { ret } = await calls.ioctl(vm, KVM_SET_USER_MEMORY_REGION, region);
    if (ret < 0) return ret;
    slots.push({ gpa, size, hva });
  }
  return slots;
}

export function hvaOf(slots: readonly Memslot[], gpa: number): number | null {
  const slot = slots.find((candidate) => gpa >= candidate.gpa && gpa < candidate.gpa + candidate.size);
  return slot ? slot.hva + (gpa - slot.gpa) : null;
}

/** Guest RAM by GPA, through the VMM's mapping of it. `memory`: addresses are HVAs. */
export function guestRam(memory: PhysicalMemory, slots: readonly Memslot[]): PhysicalMemory {
  const base = Math.min(...slots.map(({ gpa }) => gpa));
  const end = Math.max(...slots.map(({ gpa, size }) => gpa + size));
  return new TranslatedMemory(memory, (gpa) => hvaOf(slots, gpa), base, end - base);
}
