import { readFileSync } from "node:fs";
import type { RuleSource } from "../edge/load-rules.ts";
import type { FaultRule, LoadedRule } from "../lab/fault-rule.ts";
import type { PointTable } from "../lab/load-fault-rules.ts";
import type { Predecessor } from "../lab/trigger.ts";
import { ConfigError } from "./config.ts";

/** What the file of `--rules` holds besides a bare list of rules: those of a run that has begun, for a part that is started while it lasts. */
export interface StartRules {
  rules: readonly (RuleSource | FaultRule)[];
  seed: number;
  /** Whose they are: they end with its last trace stream. Empty: nobody's. */
  run: string;
  before: Predecessor | null;
}

/** The rules of a `--rules` file. Rejects with `ConfigError`, naming rule and field. */
export async function readStartRules(file: string, table: PointTable): Promise<Omit<StartRules, "rules"> & { rules: LoadedRule[] }> {
  const { loadRules } = await import("../edge/load-rules.ts"); // CEL is loaded by the first rule
  try {
    const given = JSON.parse(readFileSync(file, "utf8")) as RuleSource[] | StartRules;
    const start: StartRules = Array.isArray(given) ? { rules: given, seed: 0, run: "", before: null } : given;
    return { ...start, rules: loadRules(start.rules, table) };
  } catch (error) {
    throw new ConfigError(`--rules ${file}: ${(error as Error).message}`);
  }
}
