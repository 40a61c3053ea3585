import { type HardwareDo, type HardwarePiece, isHardware, type LoadedRule, type RuleCount } from "./fault-rule.ts";
import { hardwarePiece, isByItself } from "./hardware-fields.ts";
import { Kept } from "./kept.ts";
import { Gates, type Predecessor, type RuleProgress, type Trigger, triggerOf } from "./trigger.ts";

/** What the hardware asks at each of its accesses that can fail (services/smmu/core). */
export interface HardwareFaults {
  /** False: nothing is armed, and nothing need be asked. */
  readonly armed: boolean;
  /** Whether this access fails in this way. */
  fails(piece: Exclude<HardwarePiece, "dram">, action: HardwareDo["action"], fields: Readonly<Record<string, unknown>>): boolean;
  /** The bits of the descriptor to invert before this fetch reads it. */
  flips(fields: Readonly<Record<string, unknown>>): readonly number[];
}

/** What the lab can do to the hardware by itself. A handle that is missing is one that this machine does not have. */
export interface HardwareHandles {
  /** Inverts one bit of RAM. False: not RAM. */
  flip(address: number, bit: number): boolean;
  /** The function reads (or writes) 64 bytes at an address with AT = Translated that it was never given. */
  rogue?(sid: number, address: bigint, write: boolean): void;
  /** The link below the root port. False: no such function. */
  link?(sid: number, up: boolean): boolean;
  /** Empties a cache. False: this machine has none of them. */
  evict?(cache: "tlb" | "config" | { sid: number }): boolean;
}

export interface HardwarePorts {
  now(): number;
  timer(ns: number, expired: () => void): void;
  told(rule: string, what: { action: string }, at: string, fields: Readonly<Record<string, unknown>>): void;
  resumed(): void;
}

interface Armed {
  rule: LoadedRule;
  piece: HardwarePiece;
  sid: number | null;
  do: HardwareDo;
  trigger: Trigger;
}
const PAGE = 4096n;

const happensAlone = ({ piece, do: what }: Armed): boolean => isByItself(piece, what);
const isHeld = ({ action }: HardwareDo): boolean => action === "stuck" || action === "never-complete";

/** Rules on pieces of hardware: accesses that fail, and what happens by itself at its moment. What is held there is ArmedPoints' matter. */
export class ArmedHardware implements HardwareFaults {
  readonly #ports: HardwarePorts;
  readonly #kept = new Kept();
  readonly #gates = new Gates();
  #rules: Armed[] = [];
  /** What happens by itself at the nth event of a kind. */
  #events: { kind: string; trigger: Trigger; happen: () => void }[] = [];
  #arming = 0;
  /** How long before they came here the rules were armed. */
  #age = 0;
  #handles: HardwareHandles | null = null;
  armed = false;

  constructor(ports: HardwarePorts) {
    this.#ports = ports;
  }

  awaits(kind: string): boolean {
    return this.#kept.awaited.has(kind) || this.#gates.awaits(kind) || this.#events.some((event) => event.kind === kind);
  }

  /** Of the service with the hardware. What is armed already and happens by itself is due from here on. */
  set handles(handles: HardwareHandles) {
    this.#handles = handles;
    this.#begin();
  }

  arm(rules: readonly LoadedRule[], seed: number, before: Predecessor | null = null): void {
    this.#kept.rearm(new Set(), before);
    this.#arming++;
    this.#age = before?.ageNs ?? 0;
    this.#rules = rules.flatMap((rule): Armed[] => {
      const found = isHardware(rule.where) ? hardwarePiece(rule.where.hardware) : null;
      return found ? [{ ...found, rule, do: rule.do as HardwareDo, trigger: triggerOf(rule, seed, this.#ports.now(), before) }] : [];
    });
    const others = this.#rules.filter((armed) => !happensAlone(armed));
    this.armed = others.length > 0;
    this.#gates.set(others.map(({ trigger }) => trigger));
    this.#begin();
  }

  /** What happens by itself, once: in the service that has the hardware, if it has not happened in the part before. */
  #begin(): void {
    this.#events = [];
    if (!this.#handles) return;
    const arming = this.#arming;
    for (const armed of this.#rules.filter(happensAlone)) {
      const { trigger } = armed;
      if (trigger.matches > 0) continue;
      const happen = () => {
        if (this.#arming === arming) this.#happen(armed);
      };
      const { at = 0, afterEvent } = armed.rule.when ?? {};
      if (afterEvent !== undefined) this.#events.push({ kind: afterEvent, trigger, happen });
      else if (at <= this.#age) happen();
      else this.#ports.timer(at - this.#age, happen);
    }
  }

  fails(piece: HardwarePiece, action: HardwareDo["action"], fields: Readonly<Record<string, unknown>>): boolean {
    return this.#rules.some((armed) => this.#hits(armed, piece, action, fields));
  }

  flips(fields: Readonly<Record<string, unknown>>): readonly number[] {
    return this.#rules.flatMap((armed) => (armed.do.action === "flip" && this.#hits(armed, "smmu:fetch", "flip", fields) ? [armed.do.bit] : []));
  }

  #hits(armed: Armed, piece: HardwarePiece, action: HardwareDo["action"], fields: Readonly<Record<string, unknown>>): boolean {
    if (armed.piece !== piece || armed.do.action !== action || (armed.sid !== null && Number(fields.sid) !== armed.sid)) return false;
    if ((armed.rule.condition && !armed.rule.condition(fields)) || !armed.trigger.due(1, this.#ports.now())) return false;
    this.#ports.told(armed.rule.id, armed.do, isHardware(armed.rule.where) ? armed.rule.where.hardware : piece, fields);
    return true;
  }

  /** Those that are held at points are counted there. */
  fired(): RuleCount[] {
    return this.#rules.filter(({ do: what }) => !isHeld(what)).map(({ rule, trigger }) => ({ id: rule.id, matches: trigger.matches, fired: trigger.fired }));
  }

  progress(): RuleProgress[] {
    return this.#rules.filter(({ do: what }) => !isHeld(what)).map(({ rule: { id }, trigger }) => ({ id, spent: this.#kept.isSpent(id), ...trigger.progress }));
  }

  release(id: string): void {
    this.#kept.release(id);
  }
  heard(kind: string): void {
    this.#kept.heard(kind);
    this.#gates.heard(kind);
    const due = this.#events.filter((event) => event.kind === kind && event.trigger.arrives());
    if (due.length === 0) return;
    this.#events = this.#events.filter((event) => !due.includes(event));
    for (const { happen } of due) this.#ports.timer(0, happen); // never inside the event
  }

  #happen({ rule, do: what, piece, sid, trigger }: Armed): void {
    const handles = this.#handles;
    if (!handles) return;
    const happened = (done: boolean, fields: Readonly<Record<string, unknown>>) => {
      trigger.matches++;
      if (!done) return;
      trigger.fired++;
      this.#ports.told(rule.id, what, isHardware(rule.where) ? rule.where.hardware : "", fields);
    };
    if (what.action === "flip") happened(handles.flip(Number(what.address), what.bit), { address: Number(what.address), bit: what.bit });
    if (what.action === "evict" && handles.evict) {
      const cache = sid !== null ? { sid } : piece === "smmu:config" ? "config" : "tlb";
      happened(handles.evict(cache), {});
    }
    if (what.action === "rogue" && handles.rogue) {
      const first = BigInt(what.address);
      happened(true, { address: `0x${first.toString(16)}`, count: what.count ?? 1 });
      for (let n = 0; n < (what.count ?? 1); n++) handles.rogue(sid!, first + BigInt(n) * PAGE, what.write ?? false);
    }
    if (what.action === "link-down" && handles.link) {
      const down = handles.link(sid!, false);
      happened(down, {});
      if (down) this.#kept.keep(rule.id, what.until, () => void handles.link?.(sid!, true));
    }
    this.#ports.resumed();
  }
}
