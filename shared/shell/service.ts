import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { type EndOptions, lowerEnd, upperEnd } from "../edge/connect.ts";
import type { EdgeDefinition } from "../edge/definitions.ts";
import type { Edge, EdgeStatistics } from "../edge/edge.ts";
import type { Hello } from "../edge/envelope.ts";
import type { Mismatch } from "../edge/hello.ts";
import { ArmedFaults } from "../lab/armed-faults.ts";
import type { Point } from "../lab/fault-rule.ts";
import type { Machine } from "../machine/machine.ts";
import { type MappedMemory, MemoryFileError, openMappedMemory } from "../physical-memory/mapped.ts";
import { readState, type Structure } from "../state/structure.ts";
import { ConfigError, machineDigest, type ServiceConfig, type ServiceKind, serviceConfig } from "./config.ts";
import { EdgeCuts } from "./edge-cuts.ts";
import { channelOptions, dialEdge, serveEdge } from "./grpc-edge.ts";
import { InfrastructureError } from "./infrastructure-error.ts";
import { type RunWorkload, serveLab } from "./lab-server.ts";
import { createLogger, type Logger } from "./logger.ts";
import { serviceName } from "./protos.ts";
import { RealExecution } from "./real-execution.ts";
import { serveReflection } from "./reflection.ts";
import { serviceStructures } from "./service-structures.ts";
import { exitAfter, onStopRequest } from "./shutdown.ts";
import { readStartRules } from "./start-rules.ts";
import { ProcessTracer } from "./tracer.ts";

type Body = { kind: string };
type EdgeNames = Pick<EdgeDefinition<never, never>, "protocol" | "lower">;
/** A broken edge waits so long for the supervisor's own word before it is called a loss. */
const SUPERVISOR_MS = 30;

export const EXIT = { stopped: 0, input: 2, infrastructure: 3, bug: 70 } as const;

/** What a core does at its end of an edge. */
export interface CoreEnd<In> {
  applyWrite(address: number, data: Uint8Array): void;
  applyOwnWrite?(address: number, data: Uint8Array): void;
  deliver(seq: number, body: In): void;
}

/** One process of the machine: its configuration, clock, trace, rules, gRPC server and end. */
export class Service {
  readonly config: ServiceConfig;
  readonly machine: Machine;
  readonly log: Logger;
  readonly execution: RealExecution;
  readonly lamport = { value: 0 };
  readonly tracer: ProcessTracer;
  /** What the lab has armed in this process. */
  readonly faults: ArmedFaults;
  /** The core's points.ts: what rules can name here. */
  points: readonly Point[] = [];
  runWorkload: RunWorkload | null = null;
  /** The live state of the core, once it is there. */
  structures: readonly Structure[] = [];
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #digest: string;
  readonly #lab: ReturnType<typeof serveLab>;
  readonly #booted: Promise<void>;
  readonly #ready: Promise<void>;
  readonly #onExit: (() => void)[] = [];
  readonly #served: ("smmu" | "vfio" | "virtio" | "lab")[] = ["lab"];
  /** Full names of further services of lab/v1. */
  readonly #beside: string[] = [];
  readonly #edges = new Set<Edge<never, never>>();
  readonly #cuts: EdgeCuts;
  #setBooted: () => void = () => {};
  #setReady: () => void = () => {};
  #isReady = false;
  #stopping = false;
  /** What it ran on is gone, and it is about to end: it cleans up after nobody any more. */
  #groundless = false;
  #admin: { close(): Promise<unknown> } | null = null;

  constructor(config: ServiceConfig) {
    this.config = config;
    this.machine = config.machine;
    this.log = createLogger(config.name, config.logLevel);
    this.tracer = new ProcessTracer(config.name, this.lamport);
    const timer = (ns: number, expired: () => void) => void this.execution.timer(ns, expired);
    this.#cuts = new EdgeCuts(timer);
    this.faults = new ArmedFaults({ now: () => this.execution.now(), timer, tracer: this.tracer });
    this.execution = new RealExecution(this.faults.points);
    this.tracer.listener = this.faults;
    this.#digest = machineDigest(config.machine);
    this.#booted = new Promise((resolve) => (this.#setBooted = resolve));
    this.#ready = new Promise((resolve) => (this.#setReady = resolve));
    this.#server = new Server(channelOptions(config.listen));
    this.#health = new HealthImplementation({ "": "NOT_SERVING" });
    this.#health.addToServer(this.#server);
    this.#lab = serveLab(this.#server, {
      name: config.name,
      tracer: this.tracer,
      faults: this.faults,
      cut: (from) => this.#cuts.set(from),
      points: () => ({ points: this.points, service: config.kind }),
      ready: this.#ready,
      runWorkload: () => this.runWorkload,
      state: (path) => readState([...this.#own, ...this.structures], path),
      stop: (why) => void this.stop(why),
    });
    onStopRequest((why) => void this.stop(why));
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Binds the server; every edge that is served has been given to `serve` before. */
  async listen(): Promise<void> {
    if (this.config.rules) await this.#armFrom(this.config.rules);
    serveReflection(this.#server, this.#served, [...this.#served.map(serviceName), ...this.#beside]);
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(this.config.listen, ServerCredentials.createInsecure(), (error) =>
        error ? reject(new InfrastructureError(`cannot serve ${this.config.listen}: ${error.message}`)) : resolve(),
      );
    });
    this.log.info({ listen: this.config.listen }, "listening");
  }

  /** Before the core boots: what a part does first is as much a part's as what it does later. */
  async #armFrom(file: string): Promise<void> {
    const { rules, seed, run, before } = await readStartRules(file, { points: this.points, service: this.config.kind });
    this.faults.arm(rules, seed, before);
    this.#lab.armedBy(run);
    if (run) this.tracer.keep();
  }

  /** The core has booted: edges above may come at once. The service calls itself ready when its admin routes, if any, are served too: their libraries load meanwhile. */
  async becomeReady(): Promise<void> {
    this.#setBooted();
    if (this.config.admin) await this.#serveAdmin();
    this.#isReady = true;
    this.#setReady();
    this.#health.setStatus("", "SERVING");
    for (const name of this.#served) this.#health.setStatus(serviceName(name), "SERVING");
    this.log.info("ready");
    process.stdout.write('{"ready":true}\n');
  }

  async #serveAdmin(): Promise<void> {
    const { serveAdmin } = await import("./admin-server.ts");
    this.#admin = await serveAdmin(this.config.admin, {
      service: this.config.name,
      structures: [...this.#own, ...this.structures],
      edges: () => this.#statistics(),
      counts: () => (readState(this.structures, "/counts") as Record<string, number>) ?? {},
      events: () => this.tracer.emitted,
      ready: () => this.#isReady,
    });
    this.log.info({ admin: this.config.admin }, "admin routes served");
  }

  get #own(): Structure[] {
    return serviceStructures({ name: this.config.name, machine: this.machine, ready: () => this.#isReady, edges: () => this.#statistics() });
  }

  #statistics(): EdgeStatistics[] {
    return [...this.#edges].map((edge) => edge.statistics());
  }

  /** Maps the memory file and starts the run's event counter. */
  map(open: () => MappedMemory = () => openMappedMemory(this.config.memory, this.machine.dram)): MappedMemory {
    const memory = open();
    this.tracer.count(() => memory.nextEvent());
    return memory;
  }

  /** Dials the edge below and waits for its hello. When it breaks later this process ends: what it ran on is gone. */
  async dial<Upper extends Body, Lower extends Body>(definition: EdgeDefinition<Upper, Lower>, end: (edge: Edge<Upper, Lower>) => CoreEnd<Lower>): Promise<void> {
    if (this.config.admin) void import("fastify"); // while the lower layer starts
    const { transport, named } = this.#cuts.over(await dialEdge(this.config.lower, definition));
    let core: CoreEnd<Lower> | null = null;
    await new Promise<void>((resolve, reject) => {
      const edge: Edge<Upper, Lower> = upperEnd(definition, transport, {
        ...this.#common(definition),
        onReady: (peer) => {
          named(peer.name);
          try {
            core = end(edge);
            this.#edges.add(edge as unknown as Edge<never, never>);
            resolve();
          } catch (error) {
            reject(error);
          }
        },
        applyWrite: (address, data) => core?.applyWrite(address, data),
        applyOwnWrite: (address, data) => core?.applyOwnWrite?.(address, data),
        deliver: (seq, body) => {
          core?.deliver(seq, body);
          this.execution.wake();
        },
        onBreak: (reason) => {
          this.#groundless = true;
          void this.#lost(definition, reason);
        },
        onRejected: (seq, why) => edge.close(`our message ${seq} was rejected: ${why.field}: ${why.reason}`),
      });
    });
  }

  /** Serves an edge: `accept` may refuse a peer by its hello, `join` gives the core's end of a new one, `closed` hears of its break. */
  serve<Upper extends Body, Lower extends Body>(
    definition: EdgeDefinition<Upper, Lower>,
    core: { accept(peer: Hello): Mismatch | null; join(peer: Hello, edge: Edge<Lower, Upper>): CoreEnd<Upper>; closed(peer: Hello): void },
  ): void {
    this.#served.push(definition.edge);
    serveEdge(this.#server, definition, (wire) => {
      const { transport, named } = this.#cuts.over(wire);
      void this.#booted.then(() => {
        let joined: { peer: Hello; end: CoreEnd<Upper> } | null = null;
        const edge: Edge<Lower, Upper> = lowerEnd(definition, transport, {
          ...this.#common(definition),
          accept: (peer) => core.accept(peer),
          onReady: (peer) => {
            named(peer.name);
            joined = { peer, end: core.join(peer, edge) };
            this.#edges.add(edge as unknown as Edge<never, never>);
            this.log.info({ edge: definition.protocol, peer: peer.name }, "edge up");
          },
          applyWrite: (address, data) => joined?.end.applyWrite(address, data),
          applyOwnWrite: (address, data) => joined?.end.applyOwnWrite?.(address, data),
          deliver: (seq, body) => {
            joined?.end.deliver(seq, body);
            this.execution.wake();
          },
          onBreak: (reason) => {
            this.#edges.delete(edge as unknown as Edge<never, never>);
            this.log.info({ edge: definition.protocol, peer: joined?.peer.name, reason }, "edge broke");
            if (joined && !this.#stopping && !this.#groundless) core.closed(joined.peer);
            this.execution.wake();
          },
          onRejected: (seq, why) => edge.close(`our message ${seq} was rejected: ${why.field}: ${why.reason}`),
        });
      });
    });
  }

  /** Serves a further service of lab/v1 on the same server; called before `listen`. */
  serveBeside(name: string, add: (server: Server) => void): void {
    this.#beside.push(name);
    add(this.#server);
  }

  /** Runs before the process ends. */
  onExit(step: () => void): void {
    this.#onExit.push(step);
  }

  async stop(why: string): Promise<void> {
    if (this.#stopping) return;
    this.log.info({ why }, "stopping");
    await this.#end(EXIT.stopped);
  }

  /** Ends the process with one line that says why. */
  async fail(code: number, message: string): Promise<void> {
    if (this.#stopping) return;
    process.stderr.write(`${this.config.name}: ${message}\n`);
    await this.#end(code);
  }

  async #lost(definition: EdgeNames, reason: string): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SUPERVISOR_MS));
    await this.fail(EXIT.infrastructure, `edge ${definition.protocol} to ${definition.lower} broke: ${reason}`);
  }

  async #end(code: number): Promise<void> {
    this.#stopping = true;
    if (this.structures.length > 0) this.log.info({ code, counts: readState(this.structures, "/counts"), edges: this.#statistics() }, "counts at the end");
    await exitAfter(code, [
      () => this.#admin?.close().then(() => {}),
      () => this.#lab.endTraces(),
      () => new Promise<void>((resolve) => setTimeout(resolve, 20)), // the last batches leave
      () => {
        for (const step of this.#onExit) step();
      },
      () => this.#server.forceShutdown(),
    ]);
  }

  #common(definition: EdgeNames): Pick<EndOptions<never>, "hello" | "credits" | "lamport" | "tracer" | "rules"> {
    const hello: Hello = {
      protocol: definition.protocol,
      name: this.config.name,
      machineDigest: this.#digest,
      abi: this.machine.abi,
      memory: { backing: "mapped", path: this.config.memory, bytes: this.machine.dram.size },
    };
    return { hello, credits: this.machine.edgeCredits, lamport: this.lamport, tracer: this.tracer, rules: this.faults.edges };
  }
}

/** Runs one service: `start` builds its core and resolves when it has booted. What goes wrong ends the process with one line and the right code. */
export async function runService(kind: ServiceKind, start: (service: Service) => Promise<void>): Promise<void> {
  let config: ServiceConfig;
  try {
    config = await serviceConfig(kind, process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${kind}: ${error.message}\n`);
    process.exit(EXIT.input);
  }
  process.on("uncaughtException", (error) => {
    process.stderr.write(`${error.stack}\n${config.name}: a bug of ours: ${error.message}\n`);
    process.exit(EXIT.bug);
  });
  const service = new Service(config);
  try {
    await start(service);
    await service.becomeReady();
  } catch (error) {
    if (error instanceof ConfigError) return service.fail(EXIT.input, error.message);
    if (!(error instanceof InfrastructureError || error instanceof MemoryFileError)) throw error;
    return service.fail(EXIT.infrastructure, error.message);
  }
}
