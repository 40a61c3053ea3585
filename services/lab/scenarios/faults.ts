import type { Do, FaultRule, When } from "@faultline/shared/lab/fault-rule.ts";
import { loadFaultRules } from "@faultline/shared/lab/load-fault-rules.ts";
import { RuleError } from "@faultline/shared/lab/rule-error.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { traceEvents } from "@faultline/shared/trace/trace-events.ts";
import { partsOf } from "../supervisor/parts.ts";
import { durationNs } from "./duration.ts";
import { PART_ACTIONS, type PartAction, type PartFault } from "./part-fault.ts";
import { pointTable } from "./point-table.ts";
import type { FaultEntry, Refuse } from "./scenario-file.ts";
import { parseWhere } from "./where.ts";

const PART_WHEN = ["at", "after", "nth"];

/** The faults of a scenario file: rules, which services and the simulation arm, and faults of parts. Their ids are fault-0, fault-1, .. */
export function parseFaults(entries: readonly FaultEntry[], machine: Machine, refuse: Refuse): { rules: FaultRule[]; partFaults: PartFault[] } {
  const rules: FaultRule[] = [];
  const partFaults: PartFault[] = [];
  for (const [i, entry] of entries.entries()) {
    const id = `fault-${i}`;
    const wrong: Refuse = (field, reason) => refuse(["faults", i, ...field], reason);
    const where = parseWhere(entry.where);
    if (typeof where === "string") throw wrong(["where"], where);
    for (const [path, kind] of [
      [["until"], entry.until],
      [["when", "after"], entry.when?.after],
    ] as const)
      if (typeof kind === "string" && !(kind in traceEvents)) throw wrong(path, `${kind} is no kind of event`);
    if ("part" in where) partFaults.push(partFault(id, where.part, entry, machine, wrong));
    else rules.push(checked({ id, where, ...whenOf(entry, wrong), do: doOf(entry, wrong) }, wrong));
  }
  return { rules, partFaults };
}

/** The rule, once whoever arms it would take it (shared/lab/load-fault-rules.ts). */
function checked(rule: FaultRule, wrong: Refuse): FaultRule {
  try {
    loadFaultRules([rule], { points: pointTable });
    return rule;
  } catch (error) {
    if (error instanceof RuleError) throw wrong(error.field.split("."), error.message.replace(`rule ${rule.id}: ${error.field} `, ""));
    throw error;
  }
}

function partFault(id: string, part: string, entry: FaultEntry, machine: Machine, wrong: Refuse): PartFault {
  const parts = partsOf(machine.vms.length).map(({ name }) => name);
  if (!parts.includes(part)) throw wrong(["where"], `${part} is no part of the machine: ${parts.join(", ")}`);
  const action = PART_ACTIONS.find((one) => one === entry.do);
  if (!action) throw wrong(["do"], `${actionOf(entry)} is nothing that can be done to a part: ${PART_ACTIONS.join(", ")}`);
  const { when = {} } = entry;
  const other = Object.keys(when).find((field) => !PART_WHEN.includes(field));
  if (other) throw wrong(["when", other], `is for rules; a part has ${PART_WHEN.join(", ")}`);
  if (typeof when.after === "number") throw wrong(["when", "after"], "of a part is the kind of an event");
  if (entry.ways && action !== "partition") throw wrong(["ways"], "is for partition");
  return {
    id,
    part,
    do: action satisfies PartAction,
    ways: entry.ways ?? "both",
    when: { nth: when.nth ?? 1, ...(when.at ? { at: durationNs(when.at) } : {}), ...(when.after ? { after: when.after } : {}) },
    ...(entry.for ? { forNs: durationNs(entry.for) } : {}),
    ...(entry.until ? { until: entry.until } : {}),
  };
}

const actionOf = ({ do: what }: FaultEntry): string => (typeof what === "string" ? what : what.action);

function whenOf({ when }: FaultEntry, wrong: Refuse): { when?: When } {
  if (!when) return {};
  const { at, after, atLeast, ...rest } = when;
  if (typeof after === "string") throw wrong(["when", "after"], "of a rule is a number of matches that pass");
  return { when: { ...rest, ...(at ? { at: durationNs(at) } : {}), ...(after === undefined ? {} : { after }), ...(atLeast ? { intervalNs: durationNs(atLeast) } : {}) } };
}

/** `for` and `until` beside `do` belong to the action; what an action lacks or knows not, the rule's own check says. */
function doOf(entry: FaultEntry, wrong: Refuse): Do {
  const { for: forTime, until } = entry;
  if (entry.ways) throw wrong(["ways"], "is for partition");
  const given: { action: string; ns?: unknown } = typeof entry.do === "string" ? { action: entry.do } : entry.do;
  if (given.action === "delay" && !forTime && given.ns === undefined) throw wrong(["for"], "is missing: how long to delay");
  return { ...given, ...(forTime ? { ns: durationNs(forTime) } : {}), ...(until ? { until } : {}) } as Do;
}
