import type { EdgeRecord } from "./records.ts";

/** A message as rules see it. */
export interface RuleSubject {
  edge: string;
  direction: string;
  kind: string;
  records: readonly EdgeRecord[];
  body?: { kind: string };
}

/** Where, when and what (design.md, section 6), compiled by load-rules.ts. */
export interface EdgeRule {
  id: string;
  /** Absent: the direction alone names the edge. */
  edge?: string;
  /** "vmm->host". */
  direction: string;
  /** A record kind or a message kind. */
  what: string;
  /** 1-based: fires on the nth match only; absent: on every match within `times`. */
  nth?: number;
  every?: number;
  times?: number;
  /** The first so many matches pass. */
  after?: number;
  /** Condition over the decoded fields `m` of the record, or of the message when `what` is a message kind. */
  condition?: (m: Record<string, unknown>) => boolean;
  /** The CEL text that `condition` was compiled from (load-rules.ts): what travels to another process. */
  conditionText?: string;
  do: "drop" | "duplicate" | "delay" | "hold";
  /** `delay`: nanoseconds. */
  ns?: number;
}

/** `by`: whether the rule named a record of the message or the message itself. */
export type RuleVerdict =
  | "pass"
  | { rule: string; by: "record" | "kind"; do: "drop" | "duplicate" }
  | { rule: string; by: "record" | "kind"; do: "delay" | "hold"; later(send: () => void): void };

/** The rules armed on one process, with their counts. A rule that never matches changes nothing. */
export class EdgeRules {
  #rules: { rule: EdgeRule; matches: number; fired: number }[] = [];
  readonly #held = new Map<string, (() => void)[]>();
  readonly #timer: (ns: number, expired: () => void) => void;

  constructor(timer: (ns: number, expired: () => void) => void) {
    this.#timer = timer;
  }

  get armed(): boolean {
    return this.#rules.length > 0;
  }

  /** Replaces the rules. What a rule that is gone holds is let go, in order. */
  arm(rules: readonly EdgeRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, matches: 0, fired: 0 }));
    for (const id of [...this.#held.keys()]) if (!rules.some((rule) => rule.id === id && rule.do === "hold")) this.release(id);
  }

  /** How often each rule fired, for the report: a fault that never happened proves nothing. */
  fired(): { id: string; matches: number; fired: number }[] {
    return this.#rules.map(({ rule, matches, fired }) => ({ id: rule.id, matches, fired }));
  }

  /** Lets the messages go that the rule holds. */
  release(id: string): void {
    const held = this.#held.get(id) ?? [];
    this.#held.delete(id);
    for (const send of held) send();
  }

  decide(subject: RuleSubject): RuleVerdict {
    for (const armed of this.#rules) {
      const by = matches(armed.rule, subject);
      if (!by || !due(armed)) continue;
      const { id, do: action, ns } = armed.rule;
      if (action === "drop" || action === "duplicate") return { rule: id, by, do: action };
      if (action === "delay") return { rule: id, by, do: "delay", later: (send) => this.#timer(ns ?? 0, send) };
      return { rule: id, by, do: "hold", later: (send) => void this.#held.set(id, [...(this.#held.get(id) ?? []), send]) };
    }
    return "pass";
  }
}

function matches(rule: EdgeRule, subject: RuleSubject): "record" | "kind" | null {
  if (rule.direction !== subject.direction || (rule.edge && rule.edge !== subject.edge)) return null;
  const { condition } = rule;
  const records = subject.records.filter(({ record }) => record === rule.what);
  if (records.length) return !condition || records.some(({ ids, fields }) => condition({ ...ids, ...fields })) ? "record" : null;
  if (subject.kind !== rule.what) return null;
  return !condition || condition({ ...subject.body }) ? "kind" : null;
}

/** Counts a match and says whether the rule fires on it. */
function due(armed: { rule: EdgeRule; matches: number; fired: number }): boolean {
  const { nth, every, times, after } = armed.rule;
  armed.matches++;
  if (after !== undefined && armed.matches <= after) return false;
  if (nth !== undefined && armed.matches !== nth) return false;
  if (every !== undefined && armed.matches % every !== 0) return false;
  if (times !== undefined && armed.fired >= times) return false;
  armed.fired++;
  return true;
}
