import type { Machine } from "../machine/machine.ts";

/** Index of the VM that a peer belongs to: 0 for "vmm0" or "guest0"; null when the machine has no such part. */
export function vmOf(kind: "vmm" | "guest", name: string, machine: Machine): number | null {
  const vm = /^\d{1,3}$/.test(name.slice(kind.length)) ? Number(name.slice(kind.length)) : -1;
  return name === `${kind}${vm}` && vm < machine.vms.length ? vm : null;
}
