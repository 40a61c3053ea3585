import type { Ways } from "../scenarios/part-fault.ts";
import type { Part } from "../supervisor/parts.ts";

/** Parts that share an edge with it. */
const neighboursOf = ({ kind, vm }: Part, parts: readonly Part[]): string[] => {
  const beside: Record<Part["kind"], (other: Part) => boolean> = {
    smmu: (other) => other.kind === "host",
    host: (other) => other.kind === "smmu" || other.kind === "vmm",
    vmm: (other) => other.kind === "host" || (other.kind === "guest" && other.vm === vm),
    guest: (other) => other.kind === "vmm" && other.vm === vm,
  };
  return parts.filter(beside[kind]).map(({ name }) => name);
};

/** By part, those whose messages do not arrive at it while these parts are cut off: `from` are messages that they send, `to` those that they should get. */
export function unheard(parts: readonly Part[], cuts: ReadonlyMap<string, Ways>): Map<string, Set<string>> {
  const found = new Map(parts.map(({ name }) => [name, new Set<string>()]));
  for (const part of parts) {
    const ways = cuts.get(part.name);
    for (const neighbour of ways ? neighboursOf(part, parts) : []) {
      if (ways !== "to") found.get(neighbour)!.add(part.name);
      if (ways !== "from") found.get(part.name)!.add(neighbour);
    }
  }
  return found;
}
