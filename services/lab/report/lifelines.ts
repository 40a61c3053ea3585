/** The five parts that a fault passes, top to bottom of the stack, and the lab beside them. */
export const lifelines = ["guest", "vmm", "host", "smmu", "endpoint", "lab"] as const;
export type Lifeline = (typeof lifelines)[number];
/** Those that are part of the machine: the columns of a sequence diagram. */
export const machineLifelines = lifelines.slice(0, 5);

/** Where an event happened: endpoints live in the smmu service and are a part of their own. */
export function lifelineOf(who: string, kind: string): Lifeline {
  if (kind.startsWith("endpoint.")) return "endpoint";
  const service = who.replace(/\d+$/, "");
  return lifelines.find((lifeline) => lifeline === service) ?? "lab";
}
