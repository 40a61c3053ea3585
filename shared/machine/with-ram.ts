import type { Machine } from "./machine.ts";

/** What the host needs beside the guest's RAM. */
const HOST_BYTES = 32 * 2 ** 20;

/** The machine with `ram` bytes in its first VM (in that VM's first slot), and DRAM enough for it. */
export function withRam(machine: Machine, ram: number): Machine {
  const [first, ...others] = machine.vms;
  const vm = { ...first, ram, slots: [{ gpa: first.slots[0].gpa, size: ram }] };
  const needed = others.reduce((sum, other) => sum + other.ram, ram) + HOST_BYTES;
  return { ...machine, vms: [vm, ...others], dram: { ...machine.dram, size: Math.max(machine.dram.size, needed) } };
}
