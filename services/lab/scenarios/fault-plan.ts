import { type PartAction, type PartFault, undoneBy, type Ways } from "./part-fault.ts";

/** When faults of parts happen, and when they all end. */
export interface PlannedFaults {
  faults: readonly PartFault[];
  /** null: with the workload, or never. */
  heal: { at: { ns: number } | { event: string }; withinNs: number } | null;
}

/** What a plan acts on. Nothing of it happens inside `seen`. */
export interface PlanPorts {
  /** After so much time of the machine's. */
  later(ns: number, action: () => void): void;
  act(part: string, action: PartAction, ways: Ways, rule: string): void;
  heal(withinNs: number): void;
}

/** Faults of parts, as they become due by time and by the events of the trace. */
export class FaultPlan {
  readonly #ports: PlanPorts;
  readonly #waiting: { kind: string; left: number; action: () => void }[] = [];
  #over = false;

  constructor(planned: PlannedFaults, ports: PlanPorts) {
    this.#ports = ports;
    for (const fault of planned.faults) {
      const { at, after, nth } = fault.when;
      const happen = () => this.#happen(fault);
      if (after !== undefined) this.#wait(after, nth, happen);
      else ports.later(at ?? 0, happen);
    }
    const { heal } = planned;
    if (!heal) return;
    const end = () => this.#over || ports.heal(heal.withinNs);
    if ("ns" in heal.at) ports.later(heal.at.ns, end);
    else this.#wait(heal.at.event, 1, end);
  }

  /** Heal has begun: what did not happen until now never will. */
  end(): void {
    this.#over = true;
    this.#waiting.length = 0;
  }

  /** An event was seen. */
  seen(kind: string): void {
    if (this.#over || this.#waiting.length === 0) return;
    for (const waiting of [...this.#waiting]) {
      if (waiting.kind !== kind || --waiting.left > 0) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#ports.later(0, waiting.action);
    }
  }

  #wait(kind: string, nth: number, action: () => void): void {
    this.#waiting.push({ kind, left: nth, action });
  }

  #happen(fault: PartFault): void {
    if (this.#over) return;
    this.#ports.act(fault.part, fault.do, fault.ways, fault.id);
    const undo = undoneBy[fault.do];
    if (!undo) return;
    const takeBack = () => this.#over || this.#ports.act(fault.part, undo, fault.ways, fault.id);
    if (fault.forNs !== undefined) this.#ports.later(fault.forNs, takeBack);
    else if (fault.until !== undefined) this.#wait(fault.until, 1, takeBack);
  }
}
