import { bitStruct } from "../codec/bit-struct.ts";
import { at } from "./c-struct.ts";

/** ioctls of /dev/kvm and of a VM fd. include/uapi/linux/kvm.h. */
export const KVM_CREATE_VM = 0xae01;
export const KVM_SET_USER_MEMORY_REGION = 0x4020ae46;

/** Joins guest-physical memory to the VMM's memory; `memory_size` 0 deletes the slot. */
export const kvm_userspace_memory_region = bitStruct("kvm_userspace_memory_region", 32, {
  slot: at(0, 4),
  flags: at(4, 4),
  guest_phys_addr: at(8, 8),
  memory_size: at(16, 8),
  userspace_addr: at(24, 8),
});
