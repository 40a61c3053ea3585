import type { Scenario } from "./load-scenario.ts";

/** Ways in which a scenario runs: modes of its own, or a machine that somebody else started. */
export type Way = "sim" | "processes" | "containers" | "connected";

/** Why parts cannot be touched at all; elsewhere everything can be done to them, by one implementation of the words. */
const NOT_OURS = "the parts of this machine were started by somebody else; run it without --connect";

/** What of a scenario this way of running cannot do, by name, before anything is started; null: it can do everything. */
export function refusalOf({ partFaults, simOnly }: Pick<Scenario, "partFaults"> & Partial<Pick<Scenario, "simOnly">>, way: Way): string | null {
  if (simOnly && way !== "sim") return `runs in --mode sim only: ${simOnly}`;
  const [first] = way === "connected" ? partFaults : [];
  if (first) return `${first.id} (${first.do} ${first.part}): ${NOT_OURS}`;
  return null;
}

/** The modes that can do everything that a scenario says. */
export const modesOf = (scenario: Pick<Scenario, "partFaults" | "simOnly">): Way[] =>
  (["sim", "processes", "containers"] as const).filter((way) => refusalOf(scenario, way) === null);
