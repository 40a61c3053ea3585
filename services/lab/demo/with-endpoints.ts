import type { EndpointOptions, Machine } from "@faultline/shared/machine/machine.ts";

/** Devices 1 to 31 of buses 0 and 1, function 0: where no endpoint is yet. */
const PLACES = Array.from({ length: 62 }, (_, i) => (Math.floor(i / 31) << 8) | (((i % 31) + 1) << 3));

/** The machine, with functions added to `vm` that are like its first accelerator until it has `count` of them. null: there is no accelerator to copy, or no room for so many. */
export function withEndpoints(machine: Machine, count: number, vm = 0): Machine | null {
  const given = machine.vms[vm].endpoints;
  const accelerators = machine.endpoints.filter(({ bdf, kind }) => kind === "accelerator" && given.includes(bdf));
  if (accelerators.length === 0) return null;
  const free = PLACES.filter((bdf) => bdf < 2 ** machine.smmu.sidBits && !machine.endpoints.some((endpoint) => endpoint.bdf === bdf));
  const missing = Math.max(0, count - accelerators.length);
  if (free.length < missing) return null;
  const added: EndpointOptions[] = free.slice(0, missing).map((bdf) => ({ ...accelerators[0], bdf }));
  const vms = machine.vms.map((other, index) => (index === vm ? { ...other, endpoints: [...given, ...added.map(({ bdf }) => bdf)] } : other));
  return { ...machine, endpoints: [...machine.endpoints, ...added], vms };
}
