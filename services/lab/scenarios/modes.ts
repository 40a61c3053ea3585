import type { Scenario } from "./load-scenario.ts";
import { PART_ACTIONS, type PartAction } from "./part-fault.ts";

/** Ways in which a scenario runs: modes of its own, or a machine that somebody else started. */
export type Way = "sim" | "processes" | "containers" | "connected";

/** What each way can do to a part of the machine, and why not the rest. Rules are the same in all of them. */
const parts: Record<Way, { can: readonly PartAction[]; cannot: string; oneWay: boolean }> = {
  sim: { can: PART_ACTIONS, cannot: "", oneWay: true },
  processes: {
    can: ["kill", "pause", "resume", "restart"],
    cannot: "--mode processes has Unix sockets, with no network between them that could be cut; --mode sim and --mode containers can",
    oneWay: false,
  },
  containers: { can: PART_ACTIONS, cannot: "", oneWay: false },
  connected: { can: [], cannot: "the parts of this machine were started by somebody else; run it without --connect", oneWay: false },
};

/** What of a scenario this way of running cannot do, by name, before anything is started; null: it can do everything. */
export function refusalOf({ partFaults, simOnly }: Pick<Scenario, "partFaults"> & Partial<Pick<Scenario, "simOnly">>, way: Way): string | null {
  if (simOnly && way !== "sim") return `runs in --mode sim only: ${simOnly}`;
  for (const { id, part, do: action, ways } of partFaults) {
    const undoing: readonly PartAction[] = action === "partition" ? [action, "join"] : [action];
    if (!undoing.every((one) => parts[way].can.includes(one))) return `${id} (${action} ${part}): ${parts[way].cannot}`;
    if (ways !== "both" && !parts[way].oneWay) return `${id} (${action} ${ways} ${part}): --mode ${way} cuts both ways only; --mode sim cuts one`;
  }
  return null;
}

/** The modes that can do everything that a scenario says. */
export const modesOf = (scenario: Pick<Scenario, "partFaults" | "simOnly">): Way[] =>
  (["sim", "processes", "containers"] as const).filter((way) => refusalOf(scenario, way) === null);
