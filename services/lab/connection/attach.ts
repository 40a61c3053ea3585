import { randomUUID } from "node:crypto";
import { awaitedKinds, type FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import type { RuleProgress } from "@faultline/shared/lab/trigger.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { LabClient, TraceSubscription } from "@faultline/shared/shell/lab-client.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceFields } from "@faultline/shared/trace/tracer.ts";
import { infrastructureError } from "../cli/errors.ts";
import { stepKinds } from "../demo/first-fault.ts";
import type { FaultPlan } from "../scenarios/fault-plan.ts";
import { partsOfVm } from "../supervisor/parts.ts";
import { lostWorkload, type PartCounts, type RunningMachine, type WorkloadEnd } from "../supervisor/running-machine.ts";
import { untilSilence } from "../supervisor/silence.ts";
import { ofVm } from "./of-vm.ts";
import type { PartControl } from "./part-control.ts";
import { PartFaults } from "./part-faults.ts";
import { withSaid } from "./said-events.ts";

/** What the history of a run holds: less costs the services less. */
export type TraceSelection = "all" | "fault-path" | "round-trips";
const kindsOf: Record<TraceSelection, readonly TraceKind[]> = { all: [], "fault-path": stepKinds, "round-trips": ["endpoint.page-request", "endpoint.prg-response"] };
const LAB_KINDS: readonly TraceKind[] = ["lab.run-start", "lab.rules-armed", "lab.workload-start", "lab.workload-end", "lab.deadlock"];

/** Nothing happened for so long, and the workload has not ended: it never will. */
const LIVENESS_MS = 2_000;
/** So long a part may be paused, or take to see that it is cut off, before the silence is taken for the end. */
const FAULT_MS = 20_000;
/** Silence after which nothing is under way any more. */
const REST_MS = 500;
/** So long a machine may take to come to rest after its boot. */
const STEADY_MS = 2_000;
/** So long the parts that are left may take to hand over their events when the run broke off. */
const COLLECT_MS = 1_000;
const never = new Promise<never>(() => {});

export interface Attachment {
  /** By the names of the parts: all that take part in the run. */
  clients: ReadonlyMap<string, LabClient>;
  mode: "processes" | "containers" | "connected";
  seed?: number;
  switches: readonly string[];
  trace: TraceSelection;
  machine: Machine;
  vm: number;
  /** null: the parts belong to somebody else. */
  control: PartControl | null;
  /** Rejects, naming the part, when one is lost; `work` may fail only because of it. */
  orLost<T>(work: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A machine that runs, as the commands use it: events of every part from now on, workloads in the guest of one VM. */
export async function attach(attachment: Attachment): Promise<RunningMachine> {
  const machine = new AttachedMachine(attachment);
  await machine.begin();
  return machine;
}

class AttachedMachine implements RunningMachine {
  readonly #a: Attachment;
  /** Rules are this run's: a service ends them when this process is gone, however it went. */
  readonly #run = randomUUID();
  readonly #kinds: readonly TraceKind[];
  readonly #events: TraceEvent[] = [];
  /** What the lab said when nobody was left to say it, and behind which event. */
  readonly #said: { after: number; event: TraceEvent }[] = [];
  readonly #clients = new Map<string, LabClient>();
  readonly #subscriptions = new Map<string, TraceSubscription>();
  readonly #quiet = untilSilence(LIVENESS_MS);
  readonly #rest = untilSilence(REST_MS);
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #faults: PartFaults | null = null;
  #plan: FaultPlan | null = null;
  #work: Promise<WorkloadEnd> = never;
  #rules: readonly FaultRule[] = [];
  #armedAt = 0;
  /** How far the rules had come in parts when they stopped. */
  readonly #progress = new Map<string, RuleProgress[]>();
  /** Kinds of events that rules wait for, wherever they happen. */
  #awaited: ReadonlySet<string> = new Set();
  /** The hardware counts events in its memory: a new one begins again. */
  #base = 0;

  constructor(attachment: Attachment) {
    this.#a = attachment;
    this.#kinds = kindsOf[attachment.trace].length ? [...kindsOf[attachment.trace], ...LAB_KINDS] : [];
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => {}); // every operation races it
  }

  async begin(): Promise<void> {
    await this.#raced(Promise.all([...this.#a.clients].map(([name, client]) => this.#subscribe(name, client))));
    if (this.#a.trace === "all") await this.#raced(this.#steady());
    await this.#mark("lab.run-start", { mode: this.#a.mode, switches: [...this.#a.switches] });
  }

  /** The boot is over where its last answer came from, too: what is held from here on is held at rest. A machine that others use may never be. */
  async #steady(): Promise<void> {
    const deadline = performance.now() + STEADY_MS;
    for (let before = ""; performance.now() < deadline; ) {
      const now = await this.counts();
      const text = JSON.stringify(now);
      if (text === before && Object.values(now).every(({ locks = 0 }) => locks === 0)) return;
      before = text;
    }
  }

  /** `started`: the part is a new one, not an old one that is reached again. */
  async #subscribe(name: string, client: LabClient, started = true): Promise<void> {
    if (name === "smmu" && started) this.#base = this.#events.reduce((most, { n }) => Math.max(most, n), 0);
    const base = this.#base;
    const subscription = client.trace(
      (event) => {
        this.#events.push(base ? { ...event, n: event.n + base, cause: event.cause === null ? null : event.cause + base } : event);
        this.#quiet.heard();
        this.#rest.heard();
        this.#plan?.seen(event.kind);
        if (this.#awaited.has(event.kind)) this.#tell(name, (client) => client.heard(event.kind));
        if (event.kind.endsWith(".rule") && event.fields.releases) this.#tell(name, (client) => client.release(String(event.fields.releases)));
      },
      this.#kinds,
      this.#run,
    );
    this.#clients.set(name, client);
    this.#subscriptions.set(name, subscription);
    void subscription.ended.then((reason) => {
      if (this.#subscriptions.get(name) !== subscription || this.#a.mode === "processes" || this.#faults?.expected(name)) return;
      this.#fail(
        infrastructureError(`lost ${name}: its lab/v1 stream ended (${reason ?? "it stopped"}); edges of ${partsOfVm(this.#a.vm).join(", ")} break with it`, name),
      );
    });
    await subscription.active;
  }

  /** The other parts, of what happened in one: what is kept there until this event goes on. */
  #tell(from: string, what: (client: LabClient) => Promise<void>): void {
    for (const [name, client] of this.#live()) if (name !== from) what(client).catch((error) => this.#faults?.expected(name) || this.#fail(error));
  }

  #raced<T>(work: Promise<T>): Promise<T> {
    return this.#a.orLost(Promise.race([work, this.#failed]));
  }

  /** Parts that take calls, the lowest first. */
  #live(): [string, LabClient][] {
    return [...this.#clients].filter(([name]) => this.#faults?.answers(name) ?? true);
  }

  /** Into the trace of the lowest part that answers and is not about to be hit itself. */
  async #mark(kind: Parameters<LabClient["mark"]>[0], fields: TraceFields, not?: string): Promise<void> {
    const [first] = this.#live().filter(([name]) => name !== not);
    if (!first) return this.#say(kind, fields);
    const [name, client] = first;
    const marked = await this.#ofExpected(
      name,
      client.mark(kind, fields).then(() => true),
    );
    if (!marked) return this.#say(kind, fields);
    if (not) await this.#ofExpected(name, client.flush()); // it may go down with the other
  }

  /** What a part answers; undefined when it is lost meanwhile, as it should be. */
  async #ofExpected<T>(name: string, answer: Promise<T>): Promise<T | undefined> {
    try {
      return await this.#raced(answer);
    } catch (error) {
      if (!this.#faults?.expected(name)) throw error;
      return undefined;
    }
  }

  /** The answers of all parts that take calls, by their names. */
  async #ask<T>(what: (client: LabClient) => Promise<T>): Promise<[name: string, answer: T][]> {
    const asked = this.#live().map(async ([name, client]) => [name, await this.#ofExpected(name, what(client))] as [string, T | undefined]);
    return (await Promise.all(asked)).filter((pair): pair is [string, T] => pair[1] !== undefined);
  }

  /** Nobody is left whose trace could hold it: it comes behind everything that was heard. */
  #say(kind: string, fields: TraceFields): void {
    const after = this.#events.reduce((most, event) => Math.max(most, event.n), 0);
    this.#said.push({ after, event: { n: 0, t: this.#events.at(-1)?.t ?? 0, lamport: 0, who: "lab", kind, ids: {}, fields, cause: null } });
  }

  async #arm(rules: Parameters<RunningMachine["arm"]>[0]): Promise<void> {
    await this.#ask((client) => client.arm(rules, this.#a.seed ?? 0, this.#run));
    this.#rules = rules;
    this.#armedAt = performance.now();
    this.#progress.clear();
    this.#awaited = awaitedKinds(rules);
  }

  async #remember(names: readonly string[]): Promise<void> {
    if (this.#rules.length === 0) return;
    for (const [name, progress] of await this.#ask((client) => client.progress())) if (names.includes(name)) this.#progress.set(name, progress);
  }

  async arm(rules: Parameters<RunningMachine["arm"]>[0]): Promise<void> {
    await this.#arm(rules);
    await this.#mark("lab.rules-armed", { rules: rules.map(({ id }) => id) });
  }

  plan(planned: Parameters<RunningMachine["plan"]>[0]): void {
    this.#faults = new PartFaults(this.#a.mode, this.#a.control, {
      machine: this.#a.machine,
      mark: (kind, fields, not) => this.#mark(kind, fields, not),
      joined: (name, client, started) => this.#subscribe(name, client, started),
      left: (name) => {
        this.#clients.delete(name);
        this.#subscriptions.delete(name);
      },
      counts: async (name) => (await this.#clients.get(name)?.state("/counts")) as Record<string, number>,
      cut: (name, from) => this.#clients.get(name)!.cut(from),
      remember: (names) => this.#remember(names),
      heard: async (names) => void (await Promise.all(names.map((name) => this.#ofExpected(name, this.#clients.get(name)?.flush() ?? Promise.resolve())))),
      rulesOf: (name) => ({
        rules: this.#rules,
        seed: this.#a.seed ?? 0,
        run: this.#run,
        before: { ageNs: Math.round((performance.now() - this.#armedAt) * 1e6), rules: this.#progress.get(name) ?? [] },
      }),
      fail: (error) => this.#fail(error),
    });
    this.#plan = this.#faults.plan(planned, (withinNs) => this.heal(withinNs));
  }

  async heal(withinNs: number): Promise<void> {
    this.#plan?.end();
    if (this.#faults && !this.#faults.beginHeal()) return this.#faults.healed;
    const healing = (async () => {
      await this.#faults?.resumeAll();
      await this.arm([]);
      await this.#faults?.start();
      await this.#mark("lab.heal", { withinNs });
    })();
    if (this.#faults) this.#faults.healed = healing;
    await this.#raced(healing);
  }

  async runWorkload(...[files, workload]: Parameters<RunningMachine["runWorkload"]>): Promise<WorkloadEnd> {
    await this.#mark("lab.workload-start", {
      operation: workload.operation,
      file: workload.file,
      bytes: files[0]?.bytes.length ?? 0,
      pagesPerGroup: workload.pagesPerGroup,
    });
    const name = `guest${this.#a.vm}`;
    const lost = (error: unknown): WorkloadEnd => {
      if (!this.#faults?.expected(name)) throw error;
      return { ended: true, result: lostWorkload(name, workload.operation) };
    };
    const guest = this.#clients.get(name);
    this.#work = guest ? guest.runWorkload(files, workload).then((result): WorkloadEnd => ({ ended: true, result }), lost) : Promise.resolve(lost(null));
    return this.awaitWorkload();
  }

  async awaitWorkload(): Promise<WorkloadEnd> {
    const silent = this.#a.trace === "all" ? this.#silence() : never;
    const end = await this.#raced(Promise.race([this.#work, silent]));
    this.#quiet.stop();
    if (end.ended) await this.#mark("lab.workload-end", { ok: end.result.ok, error: end.result.error, jobs: end.result.jobs });
    else await this.#mark("lab.deadlock", { reason: end.reason });
    return end;
  }

  /** Nothing happens any more: but for parts that are paused or about to be lost, of which something is still to come. */
  async #silence(): Promise<WorkloadEnd> {
    const deadline = performance.now() + FAULT_MS;
    do await this.#quiet.over();
    while (this.#faults?.pending && performance.now() < deadline);
    return { ended: false, reason: `nothing happened for ${LIVENESS_MS / 1000} s` };
  }

  async rest(): Promise<void> {
    await this.#raced(this.#faults?.done() ?? Promise.resolve());
    await this.#raced(this.#rest.over());
    this.#rest.stop();
  }

  async counts(): Promise<PartCounts> {
    return Object.fromEntries(await this.#ask((client) => client.state("/counts") as Promise<Record<string, number>>));
  }

  async history(): Promise<readonly TraceEvent[]> {
    await this.#ask((client) => client.flush());
    return this.#inOrder();
  }

  /** Who is lost hands over nothing more, and who hangs is not waited for. */
  async collected(): Promise<readonly TraceEvent[]> {
    const flushed = Promise.allSettled(this.#live().map(([, client]) => client.flush()));
    await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, COLLECT_MS))]);
    return this.#inOrder();
  }

  #inOrder(): TraceEvent[] {
    return withSaid(this.#events, this.#said).filter(ofVm(this.#a.machine, this.#a.vm));
  }

  async close(): Promise<void> {
    this.#plan?.end();
    this.#faults?.close();
    if (this.#rules.length > 0) await Promise.allSettled(this.#live().map(([, client]) => client.arm([]))); // rules die with the run
    for (const end of this.#subscriptions.values()) end();
    await this.#a.close();
  }
}
