import type { TraceIds, Tracer } from "../trace/tracer.ts";
import type { Answer } from "./answers.ts";
import { Credits } from "./credits.ts";
import { Decoded } from "./decoded.ts";
import type { ControlBody, EdgePort, Envelope, Hello, PostedWrite, SendResult } from "./envelope.ts";
import { type Mismatch, mismatch } from "./hello.ts";
import { Interference, type Sender } from "./interference.ts";
import type { Lanes } from "./lanes.ts";
import type { EdgeRecord } from "./records.ts";
import type { EdgeRules } from "./rules.ts";
import { StoreBuffer } from "./store-buffer.ts";
import type { Transport } from "./transport.ts";

const NO_TRACE = new Uint8Array(0);
/** The first message of each end. */
const HELLO = 1;
const NO_WRITES: readonly PostedWrite[] = [];
const NO_IDS: TraceIds = {};

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
  validate(body: In, replyTo: number): Mismatch | null;
  /** The kind that answers a request of this end; without it any reply does. */
  expects?(request: Out): string | null;
  /** Makes posted bytes visible before the core sees the message. */
  applyWrite(address: number, data: Uint8Array): void;
  /** Bytes that this end posted and never sent, when the edge breaks: they go to memory (design.md, section 2). */
  applyOwnWrite?(address: number, data: Uint8Array): void;
  /** The message and its bytes are in place: the core's turn. */
  deliver(seq: number, body: In): void;
  /** Refuses a peer whose hello fits but whom this end does not want (a VM that runs already). */
  accept?(peer: Hello): Mismatch | null;
  onReady?(peer: Hello): void;
  onBreak(reason: string): void;
  /** The peer refused one of our messages: a bug of one of the two. Without it an assertion. */
  onRejected?(seq: number, why: Mismatch): void;
  /** What a request that the lab lost is answered with; without it a lost store succeeds and everything else breaks. */
  lost?(request: Out): In;
  /** What the lab answers a message with in place of the peer; null: nobody answers it like this. */
  answer?(request: Out, how: Answer): In | null;
  /** An interrupt without its event: null when nothing is left to send; undefined: it is none. */
  withoutInterrupt?(body: Out): Out | null | undefined;
  /** Whether a message of this end is one: what the lab corrupted may not be. */
  fits?(body: Out): boolean;
  lamport: { value: number };
  tracer: Tracer;
  /** The records a message carries, for the trace and for rules. */
  decode(body: Out | In, writes: readonly PostedWrite[]): EdgeRecord[];
  /** What stays in order although the lab keeps messages back; without it nothing does. */
  lanes?(body: Out, writes: readonly PostedWrite[]): Lanes;
  rules?: EdgeRules;
}

/** What one end of an edge has done: messages sent and received, refusals for want of a credit (`full`), envelopes of the peer that did not validate (`rejected`). */
export interface EdgeStatistics {
  direction: string;
  peer: string | null;
  open: boolean;
  sent: number;
  received: number;
  full: number;
  rejected: number;
  credits: number;
  unanswered: number;
}

/** One end of an edge: hello, credits, posted bytes, replies, break. The same state machine on every transport (interfaces.md, section 1). */
export class Edge<Out extends { kind: string }, In extends { kind: string }> implements EdgePort<Out, In> {
  readonly #o: EdgeOptions<Out, In>;
  readonly #transport: Transport<Out, In>;
  readonly #credits: Credits;
  readonly #storeBuffer = new StoreBuffer();
  readonly #requests = new Map<number, { request: Out; resolve(body: In | "broken"): void }>();
  /** What rules of the lab do to messages of this end. */
  readonly #lab: Interference<Out, In> | null;
  #open = false;
  #broken = false;
  #seq = 0;
  #received = 0;
  #full = 0;
  #refused = 0;
  #peer: Hello | null = null;
  /** "smmu->host" of what arrives where "host->smmu" leaves. */
  readonly #arriving: string;

  constructor(transport: Transport<Out, In>, options: EdgeOptions<Out, In>) {
    this.#o = options;
    this.#arriving = options.direction.split("->").reverse().join("->");
    this.#transport = transport;
    this.#credits = new Credits(options.credits);
    this.#lab = options.rules ? new Interference(options.rules, options, this.#sender()) : null;
    transport.onMessage = (envelope) => this.#receive(envelope);
    transport.onClose = (reason) => this.#break(reason);
    this.#control({ kind: "hello", ...options.hello }, 0);
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** Hello is done both ways. */
  get open(): boolean {
    return this.#open && !this.#broken;
  }

  /** Hello is done, and no rule of the lab lets the window look full. */
  get #roomy(): boolean {
    return this.#open && !this.#lab?.closed;
  }

  /** Messages so far, and what is open now, for live state. */
  statistics(): EdgeStatistics {
    return {
      direction: this.#o.direction,
      peer: this.#peer?.name ?? null,
      open: this.open,
      sent: this.#seq,
      received: this.#received,
      full: this.#full,
      rejected: this.#refused,
      credits: this.#credits.left,
      unanswered: this.#requests.size,
    };
  }

  send(body: Out): SendResult {
    if (this.#broken) return "broken";
    if (this.#open) this.#lab?.close(body);
    if (!this.#roomy || !this.#credits.take()) {
      this.#full++;
      return "full";
    }
    this.#emit(body, 0);
    return "sent";
  }

  request(body: Out): Promise<In | "broken"> {
    if (this.#open) this.#lab?.close(body);
    return !this.#broken && this.#roomy && this.#credits.take() ? this.#ask(body) : this.#askLater(body);
  }

  async #askLater(body: Out): Promise<In | "broken"> {
    while (!this.#broken && !(this.#roomy && this.#credits.take())) await this.#credits.wait();
    return this.#broken ? "broken" : this.#ask(body);
  }

  /** With its credit taken. */
  #ask(body: Out): Promise<In | "broken"> {
    return new Promise((resolve) => {
      this.#requests.set(this.#seq + 1, { request: body, resolve });
      this.#emit(body, 0);
    });
  }

  reply(seq: number, body: Out): void {
    if (!this.#broken) this.#emit(body, seq);
  }

  post(address: number, data: Uint8Array): void {
    if (this.#broken) this.#o.applyOwnWrite?.(address, data);
    else this.#storeBuffer.post(address, data);
  }

  async writable(): Promise<void> {
    if (!this.#broken && !(this.#roomy && this.#credits.left > 0)) await this.#credits.wait();
  }

  /** Ends the edge from this side. */
  close(reason: string): void {
    if (this.#broken) return;
    this.#transport.close(reason);
    this.#break(reason);
  }

  #emit(body: Out, replyTo: number): void {
    const { tracer } = this.#o;
    const seq = ++this.#seq;
    const writes = this.#storeBuffer.take();
    const lamport = ++this.#o.lamport.value;
    const traced = tracer.wants("edge.send", body.kind);
    const isConcerned = this.#lab?.isConcerned ?? false;
    const decoded = traced || isConcerned ? this.#decode(body, writes) : undefined;
    const envelope: Envelope<Out> = { seq, replyTo, lamport, trace: NO_TRACE, writes, body, decoded };
    if (decoded) {
      if (traced) this.#trace("edge.send", this.#o.direction, body, seq, replyTo, decoded);
      if (isConcerned && this.#lab?.takes(envelope, body, decoded.records)) return;
    }
    if (this.#lab?.keeps) this.#lab.leave(envelope);
    else this.#transport.send(envelope);
  }

  #control(body: ControlBody, replyTo: number): void {
    this.#transport.send({ seq: ++this.#seq, replyTo, lamport: ++this.#o.lamport.value, trace: NO_TRACE, writes: NO_WRITES, body });
  }

  /** What the lab may do at this end. */
  #sender(): Sender<Out, In> {
    return {
      credits: this.#credits,
      storeBuffer: this.#storeBuffer,
      send: (envelope) => this.#transport.send(envelope),
      nextSeq: () => ++this.#seq,
      broken: () => this.#broken,
      toMemory: (writes) => this.#toMemory(writes),
      takeRequest: (seq) => {
        const waiting = this.#requests.get(seq);
        this.#requests.delete(seq);
        return waiting?.resolve ?? null;
      },
    };
  }

  #receive(envelope: Envelope<In>): void {
    if (this.#broken) return;
    this.#received++;
    this.#o.lamport.value = Math.max(this.#o.lamport.value, envelope.lamport) + 1;
    if (!this.#open) return this.#greet(envelope.body as ControlBody, envelope.seq);
    const control = envelope.body as ControlBody;
    if (control.kind === "ack") return this.#credits.grant(control.n);
    if (control.kind === "rejected") return this.#rejected(envelope.replyTo, { field: control.field, reason: control.reason });
    const body = envelope.body as In;
    const invalid = this.#o.validate(body, envelope.replyTo) ?? this.#unfit(envelope, body);
    if (invalid) {
      this.#refused++;
      return this.#control({ kind: "rejected", ...invalid }, envelope.seq);
    }
    for (const write of envelope.writes) this.#o.applyWrite(write.address, write.data);
    if (this.#o.tracer.wants("edge.deliver", body.kind)) {
      const { decoded, writes } = envelope;
      const known = decoded?.body === body && decoded.writes === writes ? decoded : this.#decode(body, writes);
      this.#trace("edge.deliver", this.#arriving, body, envelope.seq, envelope.replyTo, known);
    }
    if (envelope.replyTo) return this.#answer(envelope.replyTo, body);
    if (!this.#o.answers(body)) {
      const n = this.#credits.owe();
      if (n) this.#control({ kind: "ack", n }, 0);
    }
    this.#o.deliver(envelope.seq, body);
  }

  /** What only this end's state tells about a message: whether its addresses are addresses and its request exists. */
  #unfit({ writes, replyTo }: Envelope<In>, body: In): Mismatch | null {
    for (const { address } of writes) if (!Number.isSafeInteger(address)) return { field: "writes.address", reason: "must be 8 little-endian bytes below 2^53" };
    if (!replyTo) return null;
    if (replyTo > this.#seq) return { field: "replyTo", reason: `there is no message ${replyTo}` };
    const waiting = this.#requests.get(replyTo);
    const due = waiting && this.#o.expects?.(waiting.request);
    return due && due !== body.kind ? { field: "body", reason: `message ${replyTo} is answered by ${due}, got ${body.kind}` } : null;
  }

  /** A second answer to one request (a duplicate of the lab) is an unexpected completion: dropped. */
  #answer(replyTo: number, body: In): void {
    const waiting = this.#requests.get(replyTo);
    if (!waiting) return;
    this.#requests.delete(replyTo);
    this.#credits.grant(1);
    waiting.resolve(body);
  }

  #greet(body: ControlBody, seq: number): void {
    if (body.kind === "rejected") return this.close(`rejected: ${body.field}: ${body.reason}`);
    const why = mismatch(this.#o.hello, body) ?? this.#o.accept?.(body as Hello);
    if (why) {
      this.#control({ kind: "rejected", ...why }, seq);
      return this.close(`hello does not match: ${why.field}: ${why.reason}`);
    }
    this.#open = true;
    this.#peer = body as Hello;
    this.#o.onReady?.(body as Hello);
    this.#credits.wake();
  }

  #rejected(seq: number, why: Mismatch): void {
    if (seq === HELLO) return this.close(`rejected: ${why.field}: ${why.reason}`);
    if (!this.#o.onRejected) throw new Error(`${this.#o.direction}: our message ${seq} was rejected: ${why.field}: ${why.reason}`);
    const waiting = this.#requests.get(seq);
    this.#requests.delete(seq);
    this.#credits.grant(1);
    waiting?.resolve("broken");
    this.#o.onRejected(seq, why);
  }

  #trace(kind: "edge.send" | "edge.deliver", direction: string, body: { kind: string }, seq: number, replyTo: number, { records, texts }: Decoded): void {
    this.#o.tracer.emit(kind, records.length > 0 ? records[0].ids : NO_IDS, {
      edge: this.#o.edge,
      direction,
      peer: this.#peer?.name,
      kind: body.kind,
      seq,
      replyTo,
      records: texts,
    });
  }

  #decode(body: In | Out, writes: readonly PostedWrite[]): Decoded {
    return new Decoded(body, writes, this.#o.decode(body, writes));
  }

  #toMemory(writes: readonly PostedWrite[]): void {
    for (const write of writes) this.#o.applyOwnWrite?.(write.address, write.data);
  }

  #break(reason: string): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#lab?.breaks();
    this.#toMemory(this.#storeBuffer.take());
    this.#o.tracer.emit("edge.break", {}, { edge: this.#o.edge, direction: this.#o.direction, reason });
    const waiting = [...this.#requests.values()];
    this.#requests.clear();
    for (const { resolve } of waiting) resolve("broken");
    this.#credits.wake();
    this.#o.onBreak(reason);
  }
}
