import type { EndpointOptions, Machine } from "@faultline/shared/machine/machine.ts";

/** Endpoints that a machine is made for (issue 5). */
export const MAX_ENDPOINTS = 64;
/** Devices 1 to 31 of buses 0 to 3, function 0: where no endpoint is yet. */
const PLACES = Array.from({ length: 4 * 31 }, (_, i) => (Math.floor(i / 31) << 8) | (((i % 31) + 1) << 3));

/** The accelerators that are assigned to `vm`. */
export const acceleratorsOf = (machine: Machine, vm: number): EndpointOptions[] =>
  machine.endpoints.filter(({ bdf, kind }) => kind === "accelerator" && machine.vms[vm].endpoints.includes(bdf));

/** The machine, with functions added to `vm` that are like its first accelerator until it has `count` of them. null: there is no accelerator to copy, or no room for so many. */
export function withEndpoints(machine: Machine, count: number, vm = 0): Machine | null {
  const given = machine.vms[vm].endpoints;
  const accelerators = acceleratorsOf(machine, vm);
  if (accelerators.length === 0) return null;
  const free = PLACES.filter((bdf) => bdf < 2 ** machine.smmu.sidBits && !machine.endpoints.some((endpoint) => endpoint.bdf === bdf));
  const missing = Math.max(0, count - accelerators.length);
  if (free.length < missing || machine.endpoints.length + missing > Math.max(MAX_ENDPOINTS, machine.endpoints.length)) return null;
  const added: EndpointOptions[] = free.slice(0, missing).map((bdf) => ({ ...accelerators[0], bdf }));
  const vms = machine.vms.map((other, index) => (index === vm ? { ...other, endpoints: [...given, ...added.map(({ bdf }) => bdf)] } : other));
  return { ...machine, endpoints: [...machine.endpoints, ...added], vms };
}
