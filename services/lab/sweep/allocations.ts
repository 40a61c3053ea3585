import type { SimulatedMachine } from "../simulation/machine.ts";

type Kernel = "guest" | "host";
/** The page allocators of both kernels: null is their word for no memory. */
interface Allocator {
  alloc(): number | null;
  allocContiguous(bytes: number, align?: number): number | null;
}

const allocatorOf = (machine: SimulatedMachine, kernel: Kernel): Allocator => {
  const { guests, host } = machine.parts;
  return (kernel === "guest" ? guests.get(0)!.core.frames : host!.core.frames) as Allocator;
};

/** Calls `asked` at every allocation from now on; true: there is no memory. Allocations inside another one are part of it. */
function atAllocation(allocator: Allocator, asked: () => boolean): void {
  let inside = false;
  const around =
    <A extends unknown[]>(real: (...args: A) => number | null) =>
    (...args: A): number | null => {
      if (inside) return real(...args);
      if (asked()) return null;
      inside = true;
      try {
        return real(...args);
      } finally {
        inside = false;
      }
    };
  allocator.alloc = around(allocator.alloc.bind(allocator));
  allocator.allocContiguous = around(allocator.allocContiguous.bind(allocator));
}

/** Counts the allocations of both kernels from now on. */
export function countAllocations(machine: SimulatedMachine): Record<Kernel, () => number> {
  const counters = { guest: 0, host: 0 };
  for (const kernel of ["guest", "host"] as const) {
    atAllocation(allocatorOf(machine, kernel), () => {
      counters[kernel]++;
      return false;
    });
  }
  return { guest: () => counters.guest, host: () => counters.host };
}

/** The nth allocation of a kernel from now on finds no memory. */
export function failAllocation(machine: SimulatedMachine, kernel: Kernel, nth: number, happened: () => void): void {
  let count = 0;
  atAllocation(allocatorOf(machine, kernel), () => {
    if (++count !== nth) return false;
    happened();
    machine.lab.emit("lab.rule", {}, { rule: "sweep", do: "no memory", at: kernel });
    return true;
  });
}
