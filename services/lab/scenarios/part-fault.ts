/** What the lab does to a part of the machine as a whole. */
export const PART_ACTIONS = ["kill", "pause", "resume", "restart", "partition", "join"] as const;
export type PartAction = (typeof PART_ACTIONS)[number];

/** Which messages of a part that is cut off are lost to the others: those it sends (`from`), those it should get (`to`), or both. */
export type Ways = "both" | "from" | "to";

/** A fault of a part: a process, a container, or the cores that stand for it in the simulation. */
export interface PartFault {
  id: string;
  /** smmu, host, vmm0, guest0, .. */
  part: string;
  do: PartAction;
  ways: Ways;
  /** `at`: so many nanoseconds after the faults were armed. `after`: when the nth event of that kind is seen. Neither: at once. */
  when: { at?: number; after?: string; nth: number };
  /** What takes it back: so much later, or the first event of that kind after it. A kill is taken back by a restart. Neither: heal does. */
  forNs?: number;
  until?: string;
}

/** What undoes an action; null: nothing has to. */
export const undoneBy: Record<PartAction, PartAction | null> = { kill: "restart", pause: "resume", partition: "join", resume: null, restart: null, join: null };
