import { type Do, type FaultRule, isHardware, type When, type Where } from "@faultline/shared/lab/fault-rule.ts";
import { hardwarePiece } from "@faultline/shared/lab/hardware-fields.ts";
import { loadFaultRules } from "@faultline/shared/lab/load-fault-rules.ts";
import { RuleError } from "@faultline/shared/lab/rule-error.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { formatBdf } from "@faultline/shared/machine/units.ts";
import { traceEvents } from "@faultline/shared/trace/trace-events.ts";
import { partsOf } from "../supervisor/parts.ts";
import { durationNs } from "./duration.ts";
import { PART_ACTIONS, type PartAction, type PartFault, undoneBy } from "./part-fault.ts";
import { pointTable } from "./point-table.ts";
import type { FaultEntry, Refuse } from "./scenario-file.ts";
import { parseWhere, whereText } from "./where.ts";

const PART_WHEN = ["at", "after", "nth"];

/** The faults of a scenario file: rules, which services and the simulation arm, and faults of parts. Without an id of their own they are fault-0, fault-1, .. */
export function parseFaults(entries: readonly FaultEntry[], machine: Machine, refuse: Refuse): { rules: FaultRule[]; partFaults: PartFault[] } {
  const rules: FaultRule[] = [];
  const partFaults: PartFault[] = [];
  const places = new Map<string, number>();
  for (const [i, entry] of entries.entries()) {
    const id = entry.id ?? `fault-${i}`;
    const wrong: Refuse = (field, reason, at) => refuse(["faults", i, ...field], reason, at);
    if (places.has(id)) throw wrong(["id"], `${id} stands twice`);
    places.set(id, i);
    const where = parseWhere(entry.where);
    if (typeof where === "string") throw wrong(["where"], where);
    for (const [path, kind] of [
      [["until"], entry.until],
      [["when", "after"], entry.when?.after],
    ] as const)
      if (typeof kind === "string" && !Object.hasOwn(traceEvents, kind)) throw wrong(path, `${kind} is no kind of event`);
    if ("part" in where) partFaults.push(partFault(id, where.part, entry, machine, wrong));
    else {
      const what = doOf(entry, wrong);
      checkEndpoint(where, machine, wrong);
      if (what.action === "flip" && what.address !== undefined && !isRam(what.address, machine))
        throw wrong(["do", "address"], `${what.address} is not in DRAM: ${ramText(machine)}`);
      rules.push({ id, where, ...whenOf(entry), do: what });
    }
  }
  check(rules, (id, field, reason, at) => refuse(["faults", places.get(id)!, ...field], reason, at));
  return { rules, partFaults };
}

/** An endpoint that the machine does not have would never do anything. */
function checkEndpoint(where: Where, machine: Machine, wrong: Refuse): void {
  const sid = isHardware(where) ? hardwarePiece(where.hardware)?.sid : undefined;
  if (typeof sid === "number" && !machine.endpoints.some(({ bdf }) => bdf === sid))
    throw wrong(["where"], `${whereText(where)}: the machine has ${machine.endpoints.map(({ bdf }) => formatBdf(bdf)).join(", ")}`);
}

const isRam = (address: unknown, { dram }: Machine): boolean => !(Number(address) < dram.base || Number(address) >= dram.base + dram.size);
const ramText = ({ dram: { base, size } }: Machine): string => `0x${base.toString(16)} to 0x${(base + size - 1).toString(16)}`;

/** What rules call their members where the file has another word. */
const FILE_WORDS: Record<string, string[]> = { "do.ns": ["for"], "do.until": ["until"], "when.intervalNs": ["when", "atLeast"], "when.afterEvent": ["when", "after"] };

/** Whether whoever arms them would take them (shared/lab/load-fault-rules.ts). */
function check(rules: readonly FaultRule[], wrong: (id: string, ...refusal: Parameters<Refuse>) => Error): void {
  try {
    loadFaultRules(rules, { points: pointTable });
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    const { rule, field, reason, at } = error;
    throw wrong(rule, FILE_WORDS[field] ?? (field.startsWith("where.") ? ["where"] : field.split(".")), reason, at);
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
  if (when.at && when.after) throw wrong(["when", "at"], "cannot stand beside after");
  if (when.nth && !when.after) throw wrong(["when", "nth"], "needs after: the kind of event that it counts");
  if (entry.ways && action !== "partition") throw wrong(["ways"], "is for partition");
  for (const field of ["for", "until"] as const) if (entry[field] && undoneBy[action] === null) throw wrong([field], `${action} is not taken back`);
  if (entry.for && entry.until) throw wrong(["until"], "cannot stand beside for");
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

function whenOf({ when }: FaultEntry): { when?: When } {
  if (!when) return {};
  const { at, after, atLeast, ...rest } = when;
  return {
    when: {
      ...rest,
      ...(at ? { at: durationNs(at) } : {}),
      ...(typeof after === "string" ? { afterEvent: after } : after === undefined ? {} : { after }),
      ...(atLeast ? { intervalNs: durationNs(atLeast) } : {}),
    },
  };
}

/** `for` and `until` beside `do` belong to the action; what an action lacks or knows not, the rule's own check says. */
function doOf(entry: FaultEntry, wrong: Refuse): Do {
  const { for: forTime, until } = entry;
  if (forTime && until) throw wrong(["until"], "cannot stand beside for");
  if (entry.ways) throw wrong(["ways"], "is for partition");
  const given: { action: string; ns?: unknown } = typeof entry.do === "string" ? { action: entry.do } : entry.do;
  if (given.action === "delay" && !forTime && given.ns === undefined) throw wrong(["for"], "is missing: how long to delay");
  return { ...given, ...(forTime ? { ns: durationNs(forTime) } : {}), ...(until ? { until } : {}) } as Do;
}
