import type { EdgeDo } from "../lab/fault-rule.ts";
import type { Credits } from "./credits.ts";
import { corrupted } from "./decode/corrupt.ts";
import type { EdgeOptions } from "./edge.ts";
import type { Envelope, PostedWrite } from "./envelope.ts";
import { KeptMessages } from "./kept-messages.ts";
import type { Lanes } from "./lanes.ts";
import type { EdgeRecord } from "./records.ts";
import type { EdgeRules, MessageAbilities, RuleSubject, RuleVerdict } from "./rules.ts";
import type { StoreBuffer } from "./store-buffer.ts";

const NO_WRITES: readonly PostedWrite[] = [];

/** The end of an edge as the lab needs it. */
export interface Sender<Out, In> {
  credits: Credits;
  storeBuffer: StoreBuffer;
  /** Straight to the transport. */
  send(envelope: Envelope<Out>): void;
  nextSeq(): number;
  broken(): boolean;
  toMemory(writes: readonly PostedWrite[]): void;
  /** What resolves the request with that number, which then waits no more; null: nobody waits for an answer. */
  takeRequest(seq: number): ((body: In) => void) | null;
}

/** What rules of the lab do to the messages that leave one end of an edge (design.md, section 6). */
export class Interference<Out extends { kind: string }, In extends { kind: string }> {
  readonly #rules: EdgeRules;
  readonly #o: EdgeOptions<Out, In>;
  readonly #end: Sender<Out, In>;
  /** Messages that leave behind the next one. */
  #behind: (() => void)[] = [];
  /** Messages that an armed replay rule may need again, the youngest last. */
  readonly #past = new WeakMap<object, Envelope<Out>[]>();
  /** Rules that let the window look full. */
  #closed = 0;
  readonly #kept = new KeptMessages();

  constructor(rules: EdgeRules, options: EdgeOptions<Out, In>, end: Sender<Out, In>) {
    this.#rules = rules;
    this.#o = options;
    this.#end = end;
  }

  get closed(): boolean {
    return this.#closed > 0;
  }

  /** Something waits to leave: behind it others may have to. */
  get keeps(): boolean {
    return this.#kept.any || this.#behind.length > 0;
  }

  /** On the way to the peer, and behind it what waited for that; behind what is kept of its lanes. */
  leave(envelope: Envelope<Out>): void {
    if (this.#kept.any && this.#kept.waits(this.#lanes(envelope), () => this.#send(envelope))) return;
    this.#send(envelope);
  }

  /** The edge broke: what has not left goes to memory as far as it was posted. */
  breaks(): void {
    for (const leave of this.#kept.clear()) leave();
  }

  #lanes({ body, writes }: Envelope<Out>): Lanes {
    return this.#o.lanes?.(body as Out, writes) ?? [];
  }

  #send(envelope: Envelope<Out>): void {
    if (this.#end.broken()) return this.#end.toMemory(envelope.writes);
    this.#end.send(envelope);
    if (this.#behind.length === 0) return;
    const behind = this.#behind;
    this.#behind = [];
    for (const go of behind) go();
  }

  #subject(body: Out, records: readonly EdgeRecord[], writes: readonly PostedWrite[]): RuleSubject {
    const size = () => {
      const posted = writes.reduce((sum, { data }) => sum + data.length, 0);
      return Object.values(body as Record<string, unknown>).reduce((sum: number, value) => sum + (value instanceof Uint8Array ? value.length : 0), posted);
    };
    return { edge: this.#o.edge, direction: this.#o.direction, kind: body.kind, records, body, writes, size };
  }

  /** A rule that makes the window look full from here on counts the message that wants to leave. */
  close(body: Out): void {
    const rules = this.#rules;
    if (!rules.closes || this.#closed > 0 || !this.isConcerned) return;
    const writes = this.#end.storeBuffer.peek();
    const records = this.#o.decode(body, writes);
    const verdict = rules.close(this.#subject(body, records, writes));
    if (verdict === "pass") return;
    this.#told(verdict, records, body, 0);
    this.#closed++;
    verdict.later(() => {
      this.#closed--;
      this.#end.credits.wake();
    });
  }

  /** Some rule is about messages of this end. */
  get isConcerned(): boolean {
    return this.#rules.isAbout(this.#o.edge, this.#o.direction);
  }

  /** Whether a rule of the lab took the message. */
  takes(envelope: Envelope<Out>, body: Out, records: readonly EdgeRecord[]): boolean {
    const remembered: [rule: object, back: number][] = [];
    const abilities: MessageAbilities = {
      can: (what, rule, record) => this.#can(what, rule, record, envelope, body),
      remember: (rule, back) => void remembered.push([rule, back]),
    };
    const subject = this.#subject(body, records, envelope.writes);
    for (const { rule, record, releases } of this.#rules.releases(subject)) {
      const { direction } = this.#o;
      this.#o.tracer.emit("edge.rule", (record ?? records[0])?.ids ?? {}, { rule, do: "release", releases, direction, kind: body.kind, seq: envelope.seq });
    }
    const verdict = this.#rules.decide(subject, abilities);
    if (verdict !== "pass") {
      this.#told(verdict, records, body, envelope.seq);
      this.#obey(verdict, envelope, body);
    }
    for (const [rule, back] of remembered) this.#past.set(rule, [...(this.#past.get(rule) ?? []), envelope].slice(-back));
    return verdict !== "pass";
  }

  #told({ rule, do: what, record }: RuleVerdict, records: readonly EdgeRecord[], body: Out, seq: number): void {
    const field = what.action === "corrupt" ? { field: what.field } : {};
    this.#o.tracer.emit("edge.rule", (record ?? records[0])?.ids ?? {}, { rule, do: what.action, direction: this.#o.direction, kind: body.kind, seq, ...field });
  }

  #can(what: EdgeDo, rule: object, record: EdgeRecord | null, { replyTo, writes }: Envelope<Out>, body: Out): boolean {
    switch (what.action) {
      case "answer":
        return replyTo === 0 && (this.#o.answer?.(body, what) ?? null) !== null;
      case "corrupt": {
        const payload = corrupted({ body, writes }, record, what);
        return payload !== null && (this.#o.fits?.(payload.body) ?? true);
      }
      case "lose-interrupt":
        return this.#o.withoutInterrupt?.(body) !== undefined;
      case "reorder":
        return this.#behind.length === 0; // else it is itself the next one
      case "replay":
        return (this.#past.get(rule)?.length ?? 0) >= (what.back ?? 1);
      default:
        return true;
    }
  }

  /** Does what a rule of the lab says with a message that is about to leave. */
  #obey({ do: what, by, record, later, soon, armed }: RuleVerdict, envelope: Envelope<Out>, body: Out): void {
    switch (what.action) {
      case "drop":
        return this.#drop(envelope, by);
      case "duplicate":
        this.leave(envelope);
        this.leave({ ...envelope, seq: this.#end.nextSeq() });
        return;
      case "replay": {
        const [old] = this.#past.get(armed)!;
        this.leave(envelope);
        this.leave({ ...old, seq: this.#end.nextSeq(), lamport: ++this.#o.lamport.value });
        return;
      }
      case "corrupt":
        return this.leave({ ...envelope, ...corrupted({ body, writes: envelope.writes }, record, what)! });
      case "answer":
        return this.#answered(envelope.seq, this.#o.answer!(body, what)!, soon);
      case "lose-interrupt": {
        const left = this.#o.withoutInterrupt!(body);
        if (left) return this.leave({ ...envelope, body: left });
        this.#end.storeBuffer.putBack(envelope.writes);
        this.#end.credits.grant(1);
        return;
      }
      case "reorder": {
        const go = this.#keep(envelope, []);
        let gone = false;
        const once = () => {
          if (gone) return;
          gone = true;
          forget();
          go();
        };
        const forget = later(once);
        this.#behind.push(once);
        return;
      }
      default:
        later(this.#keep(envelope, this.#lanes(envelope)));
    }
  }

  /** Keeps a message back: what lets it go. Meanwhile its credit is free, so that a peer that waits for one answer blocks nobody else. */
  #keep(envelope: Envelope<Out>, lanes: Lanes): () => void {
    const takesCredit = envelope.replyTo === 0;
    if (takesCredit) this.#end.credits.grant(1);
    return this.#kept.keep(lanes, () => {
      if (takesCredit && !this.#end.broken()) this.#end.credits.take(); // none left: it is one over the window until its credit comes back
      this.#send({ ...envelope, lamport: ++this.#o.lamport.value });
    });
  }

  /** The lab answers in place of the peer, which never sees the message nor the bytes that it published. */
  #answered(seq: number, answer: In, soon: (run: () => void) => void): void {
    const resolve = this.#end.takeRequest(seq);
    this.#end.credits.grant(1);
    if (resolve) return resolve(answer);
    soon(() => {
      if (!this.#end.broken()) this.#o.deliver(0, answer);
    });
  }

  /**
   * Event and bytes are lost, and the credit comes back as if the message had been taken in. A reply that pushed a lost record ahead of itself still
   * arrives; a lost request is answered here, with what its sender sees when nobody answers.
   */
  #drop(envelope: Envelope<Out>, by: "record" | "kind"): void {
    if (envelope.replyTo) {
      if (by === "record") this.leave({ ...envelope, writes: NO_WRITES });
      return;
    }
    const body = envelope.body as Out;
    const resolve = this.#end.takeRequest(envelope.seq);
    this.#end.credits.grant(1);
    resolve?.(this.#o.lost?.(body) ?? ((body.kind === "pwrite" ? { kind: "pwriteResult", ret: 4 } : "broken") as never));
  }
}
