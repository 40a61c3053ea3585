import type { FaultRule, LoadedRule } from "../lab/fault-rule.ts";
import { loadFaultRules, type PointTable } from "../lab/load-fault-rules.ts";
import { faultOf, type RuleSource } from "./rules.ts";

export { RuleError } from "../lab/rule-error.ts";
export type { RuleSource } from "./rules.ts";

/** `loadFaultRules`, of rules in their short form too. Throws `RuleError`. */
export const loadRules = (sources: readonly (RuleSource | FaultRule)[], table?: PointTable): LoadedRule[] => loadFaultRules(sources.map(faultOf), table);
