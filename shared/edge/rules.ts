import { type EdgeDo, type EdgeWhere, type FaultRule, isEdge, type LoadedRule, type RuleCount } from "../lab/fault-rule.ts";
import { Kept } from "../lab/kept.ts";
import { Gates, type Predecessor, type RuleProgress, type Trigger, triggerOf } from "../lab/trigger.ts";
import { allFields } from "./decode/layouts.ts";
import type { PostedWrite } from "./envelope.ts";
import type { EdgeRecord } from "./records.ts";

/** A message as rules see it. */
export interface RuleSubject {
  edge: string;
  direction: string;
  kind: string;
  records: readonly EdgeRecord[];
  body?: { kind: string };
  writes?: readonly PostedWrite[];
  /** Bytes of its body and of what it publishes. */
  size?(): number;
}

/** The short form of a rule on an edge: where, when and what in one row. `FaultRule` says more. */
export interface EdgeRule {
  id: string;
  /** Absent: the direction alone names the edge. */
  edge?: string;
  /** "vmm->host". */
  direction: string;
  /** A record kind or a message kind. */
  what: string;
  nth?: number;
  every?: number;
  times?: number;
  after?: number;
  /** Condition over the decoded fields `m` of the record, or of the message when `what` is a message kind. */
  condition?: (m: Record<string, unknown>) => boolean;
  /** The CEL text that `condition` is compiled from: what travels to another process. */
  conditionText?: string;
  do: "drop" | "duplicate" | "delay" | "hold";
  /** `delay`: nanoseconds. */
  ns?: number;
}
/** The short form as data. */
export type RuleSource = Omit<EdgeRule, "condition">;

/** A rule as where, when and what, whichever form it had. */
export function faultOf<Rule extends FaultRule>(rule: RuleSource | Rule): Rule | FaultRule {
  if ("where" in rule) return rule;
  const { id, edge, direction, what, nth, every, times, after, conditionText, ns } = rule;
  const given = <T extends object>(members: T): T => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
  const action = rule.do === "delay" ? given({ action: rule.do, ns }) : { action: rule.do };
  return { id, where: given({ edge, direction, what }), when: given({ nth, every, times, after, condition: conditionText }), do: action as EdgeDo };
}
function loadedOf(rule: EdgeRule | LoadedRule): LoadedRule {
  return "where" in rule ? rule : { ...faultOf(rule), condition: rule.condition ?? null };
}

/** A message that became a fault. `by`: whether the rule named a record of the message or the message itself. */
export interface RuleVerdict {
  rule: string;
  /** The rule as it was armed: another one after each `arm`. */
  armed: object;
  by: "record" | "kind";
  record: EdgeRecord | null;
  do: EdgeDo;
  /** Keeps what `go` lets go on, for the rule's time or until its event, its release or its end. Returns what forgets it. */
  later(go: () => void): () => void;
  /** Does something on its own, as soon as the message is dealt with. */
  soon(run: () => void): void;
}

/** A rule that lets another one go, and the message at which it does. */
export type ReleaseVerdict = Pick<RuleVerdict, "rule" | "record"> & { releases: string };

/** What the sender's end knows of a message. */
export interface MessageAbilities {
  /** Whether the action can be done to it: only then it is a match. */
  can(what: EdgeDo, armed: object, record: EdgeRecord | null): boolean;
  /** The replay rule may need the message again. */
  remember(armed: object, back: number): void;
}
const ANY: MessageAbilities = { can: () => true, remember: () => {} };

interface Armed {
  rule: LoadedRule;
  where: EdgeWhere;
  do: EdgeDo;
  trigger: Trigger;
}

/** The rules armed on the edges of one process, with their counts. A rule that never matches changes nothing. */
export class EdgeRules {
  #rules: Armed[] = [];
  #closing: Armed[] = [];
  #releasing: Armed[] = [];
  /** All of them. */
  #all: readonly Armed[] = [];
  readonly #kept = new Kept();
  readonly #gates = new Gates();
  readonly #timer: (ns: number, expired: () => void) => void;
  readonly #now: () => number;

  /** `now`: nanoseconds; needed by `at` and `intervalNs`. */
  constructor(timer: (ns: number, expired: () => void) => void, now: () => number = () => 0) {
    this.#timer = timer;
    this.#now = now;
  }

  /** Some rule is about messages of this direction: those of no other direction need be decoded. */
  isAbout(edge: string, direction: string): boolean {
    return this.#all.some(({ where }) => isOn(where, edge, direction));
  }
  /** Some rule may find the window full: asked before a message takes a credit. */
  get closes(): boolean {
    return this.#closing.length > 0;
  }
  /** Whether something kept, or a rule, waits for events of this kind. */
  awaits(kind: string): boolean {
    return this.#kept.awaited.has(kind) || this.#gates.awaits(kind);
  }

  /** Replaces the rules; those on other things than edges are none of these. What a rule that is gone keeps is let go, in order. */
  arm(rules: readonly (EdgeRule | LoadedRule)[], seed = 0, before: Predecessor | null = null): void {
    const armed = rules.map(loadedOf).flatMap((rule): Armed[] => {
      if (!isEdge(rule.where)) return [];
      return [{ rule, where: rule.where, do: rule.do as EdgeDo, trigger: triggerOf(rule, seed, this.#now(), before) }];
    });
    const doing = (...actions: string[]) => armed.filter((a) => actions.includes(a.do.action));
    this.#closing = doing("full");
    this.#releasing = doing("release");
    this.#rules = armed.filter((a) => a.do.action !== "full" && a.do.action !== "release");
    this.#all = [...this.#rules, ...this.#closing, ...this.#releasing];
    this.#gates.set(armed.map(({ trigger }) => trigger));
    this.#kept.rearm(new Set(armed.map(({ rule }) => rule.id)), before);
  }

  /** How often each rule fired, for the report: a fault that never happened proves nothing. */
  fired(): RuleCount[] {
    return this.#all.map(({ rule, trigger }) => ({ id: rule.id, matches: trigger.matches, fired: trigger.fired }));
  }

  progress(): RuleProgress[] {
    return this.#all.map(({ rule: { id }, trigger }) => ({ id, spent: this.#kept.isSpent(id), ...trigger.progress }));
  }

  /** Lets go what the rule keeps; it keeps nothing more. */
  release(id: string): void {
    this.#kept.release(id);
  }

  /** An event of the trace happened. */
  heard(kind: string): void {
    this.#kept.heard(kind);
    this.#gates.heard(kind);
  }

  /** What becomes of a message that is about to leave: the first rule that fires decides. */
  decide(subject: RuleSubject, abilities: MessageAbilities = ANY): RuleVerdict | "pass" {
    return this.#first(this.#rules, subject, abilities);
  }

  /** The rules that this message lets go. */
  releases(subject: RuleSubject): ReleaseVerdict[] {
    return this.#releasing.flatMap(({ rule, where, do: what, trigger }): ReleaseVerdict[] => {
      const match = isOn(where, subject.edge, subject.direction) ? matching(where.what, rule.condition, subject) : null;
      if (!match || what.action !== "release" || !trigger.due(sizeFor(rule, subject), this.#now())) return [];
      return [{ rule: rule.id, record: match.record, releases: what.rule }];
    });
  }

  /** Whether the sender finds the window full when it wants to send the message. */
  close(subject: RuleSubject): RuleVerdict | "pass" {
    return this.#first(this.#closing, subject, ANY);
  }

  #first(rules: readonly Armed[], subject: RuleSubject, abilities: MessageAbilities): RuleVerdict | "pass" {
    for (const armed of rules) {
      const { rule, trigger, where } = armed;
      if (!isOn(where, subject.edge, subject.direction)) continue;
      const match = matching(where.what, rule.condition, subject);
      if (!match || this.#kept.isSpent(rule.id)) continue;
      if (armed.do.action === "replay") abilities.remember(armed, armed.do.back ?? 1);
      if (!abilities.can(armed.do, armed, match.record)) {
        if (armed.do.action === "replay") trigger.matches++; // too early to have something to replay
        continue;
      }
      if (trigger.due(sizeFor(rule, subject), this.#now())) return this.#verdict(armed, match);
    }
    return "pass";
  }

  #verdict(armed: Armed, match: Pick<RuleVerdict, "by" | "record">): RuleVerdict {
    const { rule, do: what } = armed;
    return {
      ...match,
      rule: rule.id,
      armed,
      do: what,
      soon: (run) => this.#timer(0, run),
      later: (go) => this.#kept.keepOnce(rule.id, "until" in what ? what.until : undefined, go, "ns" in what ? what.ns : undefined, this.#timer),
    };
  }
}

const isOn = (where: EdgeWhere, edge: string, direction: string): boolean => where.direction === direction && (!where.edge || where.edge === edge);
/** What a match takes of the rule's space. */
const sizeFor = ({ when }: LoadedRule, subject: RuleSubject): number => (when?.space === undefined ? 0 : (subject.size?.() ?? 0));

/** The record that the rule is about, or the message; null: neither. */
function matching(what: string, condition: LoadedRule["condition"], subject: RuleSubject): Pick<RuleVerdict, "by" | "record"> | null {
  let named = false;
  for (const record of subject.records) {
    if (record.record !== what) continue;
    named = true;
    if (!condition || condition(allFields(record, subject.body ?? {}, subject.writes ?? [], condition.reads))) return { by: "record", record };
  }
  if (named) return null;
  if (subject.kind !== what) return null;
  return !condition || condition({ ...subject.body }) ? { by: "kind", record: null } : null;
}
