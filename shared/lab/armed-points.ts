import { type HardwareDo, isHardware, isPoint, type LoadedRule, type PointDo, type RuleCount } from "./fault-rule.ts";
import { hardwarePiece } from "./hardware-fields.ts";
import { Kept } from "./kept.ts";
import { Gates, type Predecessor, type RuleProgress, type Trigger, triggerOf } from "./trigger.ts";

/** What rules at points need of where they run. */
export interface PointPorts {
  now(): number;
  timer(ns: number, expired: () => void): void;
  /** A rule did something: for the trace. */
  told(rule: string, what: { action: string }, at: string, fields: Readonly<Record<string, unknown>>): void;
  /** Something that was held may go on: whoever asks for it looks again. */
  resumed(): void;
}

interface Armed {
  rule: LoadedRule;
  do: PointDo | HardwareDo;
  trigger: Trigger;
}

/** Points that pieces of hardware are held at. */
const HELD_AT: Record<string, { hardware: string; action: HardwareDo["action"] }> = {
  "smmu.command-queue.before-command": { hardware: "smmu:cmdq", action: "stuck" },
  "smmu.endpoint.before-page-request": { hardware: "endpoint:", action: "stuck" },
  "smmu.endpoint.before-invalidate-completion": { hardware: "endpoint:", action: "never-complete" },
};

/** Rules at the named points of one service's core: tasks and steps of the hardware are held there or counted. */
export class ArmedPoints {
  readonly #ports: PointPorts;
  readonly #kept = new Kept();
  #rules = new Map<string, Armed[]>();
  #counting: Armed[] = [];
  #releasing: Armed[] = [];
  readonly #gates = new Gates();
  #reached = new Map<string, number>();
  /** Steps of the hardware that are held, by rule, point and fields: asked for again and again, they are one match. */
  #steps = new Set<string>();
  /** Those that were let go and are not done yet: no match again. */
  readonly #passing = new Set<string>();
  armed = false;

  constructor(ports: PointPorts) {
    this.#ports = ports;
  }

  awaits(kind: string): boolean {
    return this.#kept.awaited.has(kind) || this.#gates.awaits(kind);
  }

  arm(rules: readonly LoadedRule[], seed: number, before: Predecessor | null = null): void {
    this.#rules = new Map();
    this.#counting = [];
    this.#releasing = [];
    this.#reached = new Map();
    for (const rule of rules) {
      const armed = { rule, do: rule.do as Armed["do"], trigger: triggerOf(rule, seed, this.#ports.now(), before) };
      if (rule.do.action === "count") this.#counting.push(armed);
      else if (rule.do.action === "release") this.#releasing.push(armed);
      else for (const point of pointsOf(rule)) this.#rules.set(point, [...(this.#rules.get(point) ?? []), armed]);
    }
    this.#gates.set(this.#all.map(({ trigger }) => trigger));
    this.armed = this.#rules.size > 0 || this.#counting.length > 0 || this.#releasing.length > 0;
    this.#kept.rearm(new Set(rules.map(({ id }) => id)), before);
    this.#passing.clear();
  }

  /** How often each point was reached since rules were armed; those that were never reached are not in it. */
  reached(): ReadonlyMap<string, number> {
    return this.#reached;
  }

  get #all(): Armed[] {
    return [...new Set([...this.#counting, ...this.#releasing, ...[...this.#rules.values()].flat()])];
  }

  fired(): RuleCount[] {
    return this.#all.map(({ rule, trigger }) => ({ id: rule.id, matches: trigger.matches, fired: trigger.fired }));
  }

  progress(): RuleProgress[] {
    return this.#all.map(({ rule: { id }, trigger }) => ({ id, spent: this.#kept.isSpent(id), ...trigger.progress }));
  }

  release(id: string): void {
    this.#kept.release(id);
  }
  heard(kind: string): void {
    this.#kept.heard(kind);
    this.#gates.heard(kind);
  }

  /** A task is at the point: undefined lets it go on at once. */
  reach(point: string, fields: Readonly<Record<string, unknown>>): Promise<void> | undefined {
    this.#count(point, fields);
    for (const { rule, do: what, trigger } of this.#rules.get(point) ?? []) {
      if (this.#kept.isSpent(rule.id) || (rule.condition && !rule.condition(fields)) || !trigger.due(1, this.#ports.now())) continue;
      this.#ports.told(rule.id, what, point, fields);
      if (what.action === "delay") return new Promise((resolve) => this.#later(rule.id, undefined, resolve, what.ns));
      return new Promise((resolve) => this.#later(rule.id, "until" in what ? what.until : undefined, resolve));
    }
    return undefined;
  }

  /** A step of the hardware is due: true while it is held. */
  holds(point: string, fields: Readonly<Record<string, unknown>>): boolean {
    const rules = this.#rules.get(point);
    const key = rules ? `${point} ${JSON.stringify(fields)}` : "";
    for (const { rule, do: what, trigger } of rules ?? []) {
      const step = `${rule.id} ${key}`;
      if (this.#steps.has(step)) return true;
      if (this.#passing.delete(step)) continue;
      if (!ofPiece(rule, fields) || this.#kept.isSpent(rule.id) || (rule.condition && !rule.condition(fields)) || !trigger.due(1, this.#ports.now())) continue;
      this.#ports.told(rule.id, what, point, fields);
      this.#steps.add(step);
      const resume = () => {
        this.#steps.delete(step);
        this.#passing.add(step);
        this.#ports.resumed();
      };
      this.#later(rule.id, "until" in what ? what.until : undefined, resume, what.action === "delay" ? what.ns : undefined);
      return true;
    }
    this.#count(point, fields);
    return false;
  }

  #count(point: string, fields: Readonly<Record<string, unknown>>): void {
    this.#reached.set(point, (this.#reached.get(point) ?? 0) + 1);
    for (const { rule, trigger } of this.#counting) {
      const { where } = rule;
      if (!isPoint(where) || !(where.point === point || (where.point.endsWith("*") && point.startsWith(where.point.slice(0, -1))))) continue;
      if (!rule.condition || rule.condition(fields)) trigger.due(1, this.#ports.now());
    }
    for (const { rule, do: what, trigger } of this.#releasing) {
      if (what.action !== "release" || !isPoint(rule.where) || rule.where.point !== point || (rule.condition && !rule.condition(fields))) continue;
      if (trigger.due(1, this.#ports.now())) this.#ports.told(rule.id, what, point, { releases: what.rule, ...fields });
    }
  }

  #later(rule: string, until: string | undefined, go: () => void, ns?: number): void {
    this.#kept.keepOnce(rule, until, go, ns, (after, expired) => this.#ports.timer(after, expired));
  }
}

/** The points that a rule holds at. */
function pointsOf({ where, do: what }: LoadedRule): string[] {
  if (isPoint(where)) return [where.point];
  if (!isHardware(where)) return [];
  const piece = hardwarePiece(where.hardware)?.piece;
  return Object.entries(HELD_AT)
    .filter(([, held]) => held.hardware === piece && held.action === what.action)
    .map(([point]) => point);
}

/** Whether the step is one of the endpoint that the rule names; rules on other things name no endpoint. */
function ofPiece({ where }: LoadedRule, fields: Readonly<Record<string, unknown>>): boolean {
  const sid = isHardware(where) ? (hardwarePiece(where.hardware)?.sid ?? null) : null;
  return sid === null || Number(fields.sid) === sid;
}
