import type { EdgeRecord } from "./records.ts";

/** A message as rules see it. */
export interface RuleSubject { edge: string; direction: string; kind: string; records: readonly EdgeRecord[] }

/** Where, when and what (design.md, section 6), checked and compiled by the lab. */
export interface EdgeRule {
  id: string;
  /** "vmm->host". */
  direction: string;
  /** A record kind or a message kind. */
  what: string;
  /** 1-based: fires on the nth match only; absent: on every match within `times`. */
  nth?: number;
  every?: number;
  times?: number;
  /** Condition over the decoded fields `m` of the record. */
  condition?: (m: Record<string, unknown>) => boolean;
  do: "drop" | "duplicate" | "delay" | "hold";
  /** `delay`: nanoseconds. */
  ns?: number;
}

export type RuleVerdict =
  | "pass"
  | { rule: string; do: "drop" | "duplicate" }
  | { rule: string; do: "delay" | "hold"; later(send: () => void): void };

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

  arm(rules: readonly EdgeRule[]): void {
    this.#rules = rules.map((rule) => ({ rule, matches: 0, fired: 0 }));
  }

  /** Lets the messages go that the rule holds. */
  release(id: string): void {
    const held = this.#held.get(id) ?? [];
    this.#held.delete(id);
    for (const send of held) send();
  }

  decide(subject: RuleSubject): RuleVerdict {
    for (const armed of this.#rules) {
      const { rule } = armed;
      if (rule.direction !== subject.direction) continue;
      const record = subject.records.find((candidate) => candidate.record === rule.what);
      if (!record && subject.kind !== rule.what) continue;
      if (rule.condition && !rule.condition({ ...record?.ids, ...record?.fields })) continue;
      armed.matches++;
      if (rule.nth !== undefined && armed.matches !== rule.nth) continue;
      if (rule.every !== undefined && armed.matches % rule.every !== 0) continue;
      if (rule.times !== undefined && armed.fired >= rule.times) continue;
      armed.fired++;
      if (rule.do === "drop" || rule.do === "duplicate") return { rule: rule.id, do: rule.do };
      if (rule.do === "delay") return { rule: rule.id, do: "delay", later: (send) => this.#timer(rule.ns ?? 0, send) };
      return { rule: rule.id, do: "hold", later: (send) => void this.#held.set(rule.id, [...(this.#held.get(rule.id) ?? []), send]) };
    }
    return "pass";
  }
}
