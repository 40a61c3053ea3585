import type { Tracer } from "../trace/tracer.ts";
import type { ControlBody, EdgePort, Envelope, Hello, PostedWrite, SendResult } from "./envelope.ts";
import { type EdgeRecord, recordText } from "./records.ts";
import type { EdgeRules } from "./rules.ts";
import type { Transport } from "./transport.ts";

const NO_TRACE = new Uint8Array(0);
const NO_WRITES: readonly PostedWrite[] = [];
/** Messages without a reply are acknowledged when a quarter of the window is owed. */
const ACK_SHARE = 4;

export interface EdgeOptions<Out, In> {
  /** "smmu", "vfio" or "virtio". */
  edge: string;
  /** "host->smmu": what this end sends. */
  direction: string;
  hello: Hello;
  /** The window of each direction, in messages. */
  credits: number;
  /** Whether this end answers the message: then its reply returns the credit, and no ack does. */
  answers(body: In): boolean;
  validate(body: In): { field: string; reason: string } | null;
  /** Makes posted bytes visible before the core sees the message. */
  applyWrite(address: number, data: Uint8Array): void;
  /** Bytes that this end posted and never sent, when the edge breaks: they go to memory (design.md, section 2). */
  applyOwnWrite?(address: number, data: Uint8Array): void;
  /** The message and its bytes are in place: the core's turn. */
  deliver(seq: number, body: In): void;
  onReady?(peer: Hello): void;
  onBreak(reason: string): void;
  lamport: { value: number };
  tracer: Tracer;
  /** The records a message carries, for the trace and for rules. */
  decode(body: Out, writes: readonly PostedWrite[]): EdgeRecord[];
  rules?: EdgeRules;
}

/** One end of an edge: hello, credits, posted bytes, replies, break. The same state machine on every transport (interfaces.md, section 1). */
export class Edge<Out extends { kind: string }, In extends { kind: string }> implements EdgePort<Out, In> {
  readonly #o: EdgeOptions<Out, In>;
  readonly #transport: Transport<Out, In>;
  #open = false;
  #broken = false;
  #seq = 0;
  #credits: number;
  #owed = 0;
  #posted: PostedWrite[] = [];
  readonly #requests = new Map<number, (body: In | "broken") => void>();
  #writers: (() => void)[] = [];

  constructor(transport: Transport<Out, In>, options: EdgeOptions<Out, In>) {
    this.#o = options;
    this.#transport = transport;
    this.#credits = options.credits;
    transport.onMessage = (envelope) => this.#receive(envelope);
    transport.onClose = (reason) => this.#break(reason);
    this.#transmit({ kind: "hello", ...options.hello }, 0, NO_WRITES);
  }

  get broken(): boolean {
    return this.#broken;
  }

  send(body: Out): SendResult {
    if (this.#broken) return "broken";
    if (!this.#open || this.#credits === 0) return "full";
    this.#credits--;
    this.#emit(body, 0);
    return "sent";
  }

  async request(body: Out): Promise<In | "broken"> {
    while (!this.#broken && (!this.#open || this.#credits === 0)) await this.writable();
    if (this.#broken) return "broken";
    this.#credits--;
    return new Promise((resolve) => {
      this.#requests.set(this.#seq + 1, resolve);
      this.#emit(body, 0);
    });
  }

  reply(seq: number, body: Out): void {
    if (!this.#broken) this.#emit(body, seq);
  }

  post(address: number, data: Uint8Array): void {
    this.#posted.push({ address, data });
  }

  writable(): Promise<void> {
    if (this.#broken || (this.#open && this.#credits > 0)) return Promise.resolve();
    return new Promise((resolve) => this.#writers.push(resolve));
  }

  /** Ends the edge from this side. */
  close(reason: string): void {
    if (this.#broken) return;
    this.#transport.close(reason);
    this.#break(reason);
  }

  #emit(body: Out, replyTo: number): void {
    const writes = this.#posted.length ? this.#posted : NO_WRITES;
    if (this.#posted.length) this.#posted = [];
    const { tracer, rules } = this.#o;
    const seq = this.#seq + 1;
    if (rules?.armed || tracer.wants("edge.send")) {
      const records = this.#o.decode(body, writes);
      if (tracer.wants("edge.send")) {
        tracer.emit("edge.send", records[0]?.ids ?? {}, { edge: this.#o.edge, direction: this.#o.direction, kind: body.kind, seq, replyTo, records: records.map(recordText) });
      }
      if (rules?.armed) {
        const verdict = rules.decide({ edge: this.#o.edge, direction: this.#o.direction, kind: body.kind, records });
        if (verdict !== "pass") {
          tracer.emit("edge.rule", records[0]?.ids ?? {}, { rule: verdict.rule, do: verdict.do, direction: this.#o.direction, kind: body.kind, seq });
          if (verdict.do === "drop") return this.#drop(body);
          if (verdict.do === "duplicate") this.#transmit(body, replyTo, writes);
          if (verdict.do === "hold" || verdict.do === "delay") {
            this.#seq++;
            verdict.later(() => {
              if (!this.#broken) this.#transport.send(this.#envelope(seq, body, replyTo, writes));
            });
            return;
          }
        }
      }
    }
    this.#transmit(body, replyTo, writes);
  }

  /** A lost message: event and bytes are gone, and its credit comes back as if it had been taken in. A lost request of a store (pwrite) looks completed to its sender. */
  #drop(body: Out): void {
    this.#seq++;
    const waiting = this.#requests.get(this.#seq);
    this.#requests.delete(this.#seq);
    this.#grant(1);
    waiting?.((body.kind === "pwrite" ? { kind: "pwriteResult", ret: 4 } : "broken") as never);
  }

  #envelope(seq: number, body: Out | ControlBody, replyTo: number, writes: readonly PostedWrite[]): Envelope<Out> {
    this.#o.lamport.value++;
    return { seq, replyTo, lamport: this.#o.lamport.value, trace: NO_TRACE, writes, body };
  }

  #transmit(body: Out | ControlBody, replyTo: number, writes: readonly PostedWrite[]): void {
    this.#seq++;
    this.#transport.send(this.#envelope(this.#seq, body, replyTo, writes));
  }

  #receive(envelope: Envelope<In>): void {
    if (this.#broken) return;
    this.#o.lamport.value = Math.max(this.#o.lamport.value, envelope.lamport) + 1;
    const body = envelope.body as In | ControlBody;
    if (!this.#open) return this.#greet(body as ControlBody, envelope.seq);
    if (body.kind === "ack") return this.#grant((body as { n: number }).n);
    if (body.kind === "rejected") return this.#rejected(body as ControlBody & { kind: "rejected" }, envelope.replyTo);
    const invalid = this.#o.validate(body as In);
    if (invalid) return this.#transmit({ kind: "rejected", ...invalid }, envelope.seq, NO_WRITES);
    for (const write of envelope.writes) this.#o.applyWrite(write.address, write.data);
    if (envelope.replyTo) {
      const waiting = this.#requests.get(envelope.replyTo);
      this.#requests.delete(envelope.replyTo);
      this.#grant(1);
      waiting?.(body as In);
      return;
    }
    if (this.#o.tracer.wants("edge.deliver")) this.#o.tracer.emit("edge.deliver", {}, { edge: this.#o.edge, kind: body.kind, seq: envelope.seq });
    if (!this.#o.answers(body as In)) this.#acknowledge();
    this.#o.deliver(envelope.seq, body as In);
  }

  #greet(body: ControlBody, seq: number): void {
    if (body.kind === "rejected") return this.close(`rejected: ${body.field}: ${body.reason}`);
    const own = this.#o.hello;
    const mismatch = body.kind !== "hello" ? "kind" : (["protocol", "machineDigest", "abi"] as const).find((field) => body[field] !== own[field]);
    if (mismatch) {
      const reason = mismatch === "kind" ? `expected hello, got ${body.kind}` : `this end has ${own[mismatch as "abi"]}`;
      this.#transmit({ kind: "rejected", field: mismatch, reason }, seq, NO_WRITES);
      return this.close(`hello does not match: ${mismatch}`);
    }
    this.#open = true;
    this.#o.onReady?.(body as Hello);
    this.#wakeWriters();
  }

  #rejected(body: { field: string; reason: string }, replyTo: number): void {
    const waiting = this.#requests.get(replyTo);
    this.#requests.delete(replyTo);
    this.#grant(1);
    if (waiting) waiting("broken");
    throw new Error(`${this.#o.direction}: our message ${replyTo} was rejected: ${body.field}: ${body.reason}`);
  }

  #acknowledge(): void {
    if (++this.#owed * ACK_SHARE < this.#o.credits) return;
    const n = this.#owed;
    this.#owed = 0;
    this.#transmit({ kind: "ack", n }, 0, NO_WRITES);
  }

  #grant(n: number): void {
    this.#credits = Math.min(this.#credits + n, this.#o.credits);
    this.#wakeWriters();
  }

  #wakeWriters(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const resume of writers) resume();
  }

  #break(reason: string): void {
    if (this.#broken) return;
    this.#broken = true;
    for (const write of this.#posted) this.#o.applyOwnWrite?.(write.address, write.data);
    this.#posted = [];
    this.#o.tracer.emit("edge.break", {}, { edge: this.#o.edge, direction: this.#o.direction, reason });
    const waiting = [...this.#requests.values()];
    this.#requests.clear();
    for (const resolve of waiting) resolve("broken");
    this.#wakeWriters();
    this.#o.onBreak(reason);
  }
}
