import { EdgeRules } from "../edge/rules.ts";
import type { TraceFields, Tracer } from "../trace/tracer.ts";
import { ArmedHardware } from "./armed-hardware.ts";
import { ArmedPoints } from "./armed-points.ts";
import type { LoadedRule, RuleCount } from "./fault-rule.ts";
import type { Predecessor, RuleProgress } from "./trigger.ts";

export interface FaultPorts {
  /** Nanoseconds. */
  now(): number;
  timer(ns: number, expired: () => void): void;
  tracer: Tracer;
}

/**
 * Every fault that is armed in one service, whatever it is on: `edges` decides about messages, `points` about tasks and steps, `hardware` about accesses. All rules of a
 * run may be armed in every service: what is not there never matches. The rules end with `arm([])`; what they keep is let go then.
 */
export class ArmedFaults {
  readonly edges: EdgeRules;
  readonly points: ArmedPoints;
  readonly hardware: ArmedHardware;
  /** Held steps of the hardware may go on: whoever drives it sets this. */
  resumed: () => void = () => {};

  constructor({ now, timer, tracer }: FaultPorts) {
    const told = (rule: string, what: { action: string }, at: string, fields: Readonly<Record<string, unknown>>) =>
      void tracer.emit("lab.rule", {}, { rule, do: what.action, at, ...(fields as Record<string, string | number | boolean>) });
    const ports = { now, timer, told, resumed: () => this.resumed() };
    this.edges = new EdgeRules(timer, now);
    this.points = new ArmedPoints(ports);
    this.hardware = new ArmedHardware(ports);
  }

  /** Replaces the rules. `seed`: of the run; each rule draws from a stream of its own. `before`: they go on from where they were in a part that this one stands for. */
  arm(rules: readonly LoadedRule[], seed = 0, before: Predecessor | null = null): void {
    this.edges.arm(rules, seed, before);
    this.points.arm(rules, seed, before);
    this.hardware.arm(rules, seed, before);
  }

  /** How far every rule has come here, for the part that is started in this one's place. */
  progress(): RuleProgress[] {
    return [...this.edges.progress(), ...this.points.progress(), ...this.hardware.progress()];
  }

  /** Lets go what the rule keeps; it keeps nothing more. */
  release(id: string): void {
    this.edges.release(id);
    this.points.release(id);
    this.hardware.release(id);
  }

  /** Whether something kept waits for events of this kind. */
  awaits(kind: string): boolean {
    return this.edges.awaits(kind) || this.points.awaits(kind) || this.hardware.awaits(kind);
  }

  /** An event of the trace happened, here or in another service; `fields` of one that happened here say which rule it lets go. */
  heard(kind: string, fields?: TraceFields): void {
    if (fields?.releases !== undefined && (kind === "edge.rule" || kind === "lab.rule")) this.release(String(fields.releases));
    if (!this.awaits(kind)) return;
    this.edges.heard(kind);
    this.points.heard(kind);
    this.hardware.heard(kind);
  }

  /** How often each rule matched and fired here. */
  fired(): RuleCount[] {
    return [...this.edges.fired(), ...this.points.fired(), ...this.hardware.fired()];
  }
}
