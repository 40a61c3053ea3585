import { type Client, credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import type { EdgeRule } from "../edge/rules.ts";
import type { LabClient as Stub } from "../gen/types/lab/v1/Lab.ts";
import type { PointCount__Output } from "../gen/types/lab/v1/PointCount.ts";
import type { RunWorkloadReply__Output } from "../gen/types/lab/v1/RunWorkloadReply.ts";
import type { TraceBatch__Output } from "../gen/types/lab/v1/TraceBatch.ts";
import type { FaultRule, RuleCount } from "../lab/fault-rule.ts";
import type { RuleProgress } from "../lab/trigger.ts";
import type { Workload, WorkloadResult } from "../linux/workload.ts";
import type { labEvents } from "../trace/events/lab.ts";
import type { TraceEvent, TraceFields } from "../trace/tracer.ts";
import { channelOptions, DIAL_MS } from "./grpc-edge.ts";
import { joined, pieces, resultFromWire, workloadToWire } from "./lab-messages.ts";
import { protoService } from "./protos.ts";
import { ruleToWire } from "./rule-messages.ts";

/** Call it to end the subscription. */
export interface TraceSubscription {
  (): void;
  /** Resolves when the service sends: what it emits from now on arrives. */
  readonly active: Promise<void>;
  /** Resolves when the stream is over: with null after the service's own stop, else with what happened to it. */
  readonly ended: Promise<string | null>;
}

const Constructor = makeGenericClientConstructor(protoService("lab"), "Lab");

/** lab/v1 of one service, for the lab. Rejections are `Error`s with the service's own sentence. */
export class LabClient {
  readonly address: string;
  readonly #stub: Client & Stub;
  readonly #markers = new Map<number, () => void>();
  #traces = 0;
  #marker = 0;

  constructor(address: string) {
    this.address = address;
    this.#stub = new Constructor(address, credentials.createInsecure(), channelOptions(address)) as unknown as Client & Stub;
  }

  /** Waits up to `timeoutMs` for the service to serve and then to be ready: hello with the edge below done, its core booted. */
  async ready(timeoutMs = DIAL_MS): Promise<{ service: string; pid: number }> {
    const deadline = Date.now() + timeoutMs;
    await new Promise<void>((resolve, reject) => {
      this.#stub.waitForReady(deadline, (error) => (error ? reject(new Error(`nobody serves ${this.address} within ${timeoutMs / 1000} s`)) : resolve()));
    });
    return new Promise((resolve, reject) => this.#stub.Ready({}, { deadline }, (error, reply) => (error || !reply ? reject(failure(error)) : resolve(reply))));
  }

  /** Events of the service from now on, in its order; `kinds` empty: all. Rules that are armed for `run` end with it. */
  trace(onEvent: (event: TraceEvent) => void, kinds: readonly string[] = [], run = ""): TraceSubscription {
    const call = this.#stub.Trace({ kinds: [...kinds], run });
    let started = () => {};
    const active = new Promise<void>((resolve) => (started = resolve));
    this.#traces++;
    call.on("data", ({ events, marker }: TraceBatch__Output) => {
      started();
      for (const line of events) onEvent(JSON.parse(line) as TraceEvent);
      if (marker) this.#reached(marker);
    });
    const ended = new Promise<string | null>((resolve) => {
      call.on("error", (error: ServiceError) => resolve(error.details || error.message));
      call.on("end", () => resolve(null));
    });
    void ended.then(() => {
      this.#traces--;
      started();
      for (const marker of [...this.#markers.keys()]) this.#reached(marker);
    });
    return Object.assign(() => call.cancel(), { active, ended });
  }

  /** Resolves when every event that the service emitted before this call has been handed to `onEvent`, or its trace has ended. */
  async flush(): Promise<void> {
    if (this.#traces === 0) return;
    const marker = ++this.#marker;
    const reached = new Promise<void>((resolve) => this.#markers.set(marker, resolve));
    await this.#unary((done) => this.#stub.Flush({ marker }, done));
    await reached;
  }

  /**
   * Replaces the rules armed in the service; each draws from its own stream of `seed`. With `run` they end with the last trace of that run. Rejects, naming rule and field, when one of them is
   * wrong.
   */
  async arm(rules: readonly (FaultRule | EdgeRule)[], seed = 0, run = ""): Promise<void> {
    await this.#unary((done) => this.#stub.Arm({ rules: rules.map(ruleToWire), seed, run }, done));
  }

  /** The points of the service, and how often each was reached since rules were armed (counted while some rule is on a point). */
  points(): Promise<PointCount__Output[]> {
    return new Promise((resolve, reject) => this.#stub.Points({}, (error, reply) => (error || !reply ? reject(failure(error)) : resolve(reply.points))));
  }

  /** How often each armed rule matched and fired in the service. */
  fired(): Promise<RuleCount[]> {
    return new Promise((resolve, reject) => this.#stub.Fired({}, (error, reply) => (error || !reply ? reject(failure(error)) : resolve(reply.rules))));
  }

  /** How far every rule has come in the service, for the one that is started in its place. */
  progress(): Promise<RuleProgress[]> {
    return new Promise((resolve, reject) => this.#stub.Fired({}, (error, reply) => (error || !reply ? reject(failure(error)) : resolve(JSON.parse(reply.progress)))));
  }

  /** Live state by the path of its admin route, like "/stream-table/0x8". Rejects with the service's sentence when there is none. */
  state(path: string): Promise<unknown> {
    return new Promise((resolve, reject) => this.#stub.State({ path }, (error, reply) => (error || !reply ? reject(failure(error)) : resolve(JSON.parse(reply.json)))));
  }

  /** Emits an event of the lab into this service's trace. */
  async mark(kind: keyof typeof labEvents, fields: TraceFields): Promise<void> {
    await this.#unary((done) => this.#stub.Mark({ kind, fields: JSON.stringify(fields) }, done));
  }

  /** Lets go what the rule keeps; it keeps nothing more. */
  async release(rule: string): Promise<void> {
    await this.#unary((done) => this.#stub.Release({ rule }, done));
  }

  /** From now on nothing arrives there from these peers, and everything from all others. Those whose edge died of a cut before. */
  cut(from: readonly string[]): Promise<string[]> {
    return new Promise((resolve, reject) => this.#stub.Cut({ from: [...from] }, (error, reply) => (error || !reply ? reject(failure(error)) : resolve(reply.broken))));
  }

  /** Tells the service of an event of another one: rules that wait for it let go. */
  async heard(kind: string): Promise<void> {
    await this.#unary((done) => this.#stub.Heard({ kind }, done));
  }

  /** Streams the files into the guest and runs the workload there. Rejects when the guest is lost, not when the job fails. */
  runWorkload(files: readonly { name: string; bytes: Uint8Array }[], workload: Workload, onProgress: (bytesDone: number) => void = () => {}): Promise<WorkloadResult> {
    return new Promise((resolve, reject) => {
      const call = this.#stub.RunWorkload();
      const output: Uint8Array[] = [];
      call.on("data", (reply: RunWorkloadReply__Output) => {
        if (reply.part === "progress" && reply.progress) onProgress(reply.progress.bytesDone);
        if (reply.part === "output" && reply.output) output.push(reply.output);
        if (reply.part === "result" && reply.result) resolve(resultFromWire(reply.result, joined(output)));
      });
      call.on("error", (error: ServiceError) => reject(failure(error)));
      call.on("end", () => reject(new Error(`${this.address} ended the stream without a result`)));
      for (const { name, bytes } of files) for (const piece of pieces(bytes)) call.write({ file: { name, bytes: piece } });
      call.write({ workload: workloadToWire(workload) });
      call.end();
    });
  }

  /** Asks the service to stop; resolves when it has taken the request. */
  async stop(): Promise<void> {
    await this.#unary((done) => this.#stub.Stop({}, done));
  }

  close(): void {
    this.#stub.close();
  }

  #unary(call: (done: (error: ServiceError | null) => void) => unknown): Promise<void> {
    return new Promise((resolve, reject) => call((error) => (error ? reject(failure(error)) : resolve())));
  }

  #reached(marker: number): void {
    this.#markers.get(marker)?.();
    this.#markers.delete(marker);
  }
}

const failure = (error: ServiceError | null): Error => new Error(error?.details || error?.message || "no answer", { cause: error });
