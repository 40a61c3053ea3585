import {
  type Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { ArmRequest__Output } from "../gen/types/lab/v1/ArmRequest.ts";
import type { CutRequest__Output } from "../gen/types/lab/v1/CutRequest.ts";
import type { FlushRequest__Output } from "../gen/types/lab/v1/FlushRequest.ts";
import type { HeardRequest__Output } from "../gen/types/lab/v1/HeardRequest.ts";
import type { MarkRequest__Output } from "../gen/types/lab/v1/MarkRequest.ts";
import type { ReleaseRequest__Output } from "../gen/types/lab/v1/ReleaseRequest.ts";
import type { RunWorkloadReply } from "../gen/types/lab/v1/RunWorkloadReply.ts";
import type { RunWorkloadRequest__Output } from "../gen/types/lab/v1/RunWorkloadRequest.ts";
import type { StateRequest__Output } from "../gen/types/lab/v1/StateRequest.ts";
import type { TraceBatch } from "../gen/types/lab/v1/TraceBatch.ts";
import type { TraceRequest__Output } from "../gen/types/lab/v1/TraceRequest.ts";
import type { ArmedFaults } from "../lab/armed-faults.ts";
import type { PointTable } from "../lab/load-fault-rules.ts";
import type { Workload, WorkloadResult } from "../linux/workload.ts";
import { isRefusal } from "../state/structure.ts";
import { labEvents } from "../trace/events/lab.ts";
import type { TraceFields } from "../trace/tracer.ts";
import { joined, pieces, resultToWire, workloadFromWire } from "./lab-messages.ts";
import { protoService } from "./protos.ts";
import { ruleFromWire } from "./rule-messages.ts";
import type { ProcessTracer } from "./tracer.ts";

export type RunWorkload = (files: { name: string; bytes: Uint8Array }[], workload: Workload, progress: (bytesDone: number) => void) => Promise<WorkloadResult>;

export interface LabPorts {
  name: string;
  tracer: ProcessTracer;
  faults: ArmedFaults;
  /** What arrives from these peers is kept. Those whose edge died of that. */
  cut(from: readonly string[]): string[];
  /** The service's points, for rules to name. */
  points(): PointTable;
  /** Resolves once the service is ready. */
  ready: Promise<void>;
  /** The guest's; other services have none. */
  runWorkload(): RunWorkload | null;
  /** Live state by path (shared/state). */
  state(path: string): unknown;
  stop(why: string): void;
}

type Answer = sendUnaryData<object>;

/** Serves lab/v1. Returns what ends the trace streams, once everything emitted is on them, and what says whose the rules are that were armed at the start. */
export function serveLab(server: Server, ports: LabPorts): { endTraces(): Promise<void>; armedBy(run: string): void } {
  const traces = new Set<ServerWritableStream<TraceRequest__Output, TraceBatch>>();
  /** The run whose rules are armed; empty: nobody's. */
  let armedBy = "";
  /** A lab that is gone lets nothing be kept: its connection ends with it, however it dies. */
  const left = (run: string) => {
    if (run === "" || run !== armedBy || [...traces].some((call) => call.request.run === run)) return;
    armedBy = "";
    ports.cut([]);
    ports.faults.arm([]);
  };
  const implementation = {
    Ready: (_: unknown, answer: Answer) => void ports.ready.then(() => answer(null, { service: ports.name, pid: process.pid })),
    Trace(call: ServerWritableStream<TraceRequest__Output, TraceBatch>) {
      const end = ports.tracer.subscribe({ kinds: new Set(call.request.kinds), batch: (events, marker) => void call.write({ events, marker }) });
      traces.add(call);
      for (const gone of ["cancelled", "error", "close"]) {
        call.on(gone, () => {
          end();
          if (traces.delete(call)) left(call.request.run);
        });
      }
      call.write({ events: [], marker: 0 }); // the subscription stands
    },
    Flush(call: ServerUnaryCall<FlushRequest__Output, object>, answer: Answer) {
      ports.tracer.flush(call.request.marker);
      answer(null, {});
    },
    State(call: ServerUnaryCall<StateRequest__Output, object>, answer: Answer) {
      const found = ports.state(call.request.path);
      if (!isRefusal(found)) return answer(null, { json: JSON.stringify(found) });
      answer({ code: found.refused === "not-found" ? status.NOT_FOUND : status.INVALID_ARGUMENT, details: `${found.field}: ${found.reason}` });
    },
    Mark(call: ServerUnaryCall<MarkRequest__Output, object>, answer: Answer) {
      const { kind, fields } = call.request;
      if (!(kind in labEvents)) return answer({ code: status.INVALID_ARGUMENT, details: `kind: ${kind} is no event of the lab: ${Object.keys(labEvents).join(", ")}` });
      let parsed: TraceFields;
      try {
        parsed = JSON.parse(fields || "{}");
      } catch (error) {
        return answer({ code: status.INVALID_ARGUMENT, details: `fields: ${(error as Error).message}` });
      }
      ports.tracer.emitAs("lab", kind as keyof typeof labEvents, {}, parsed);
      answer(null, {});
    },
    async Arm(call: ServerUnaryCall<ArmRequest__Output, object>, answer: Answer) {
      const { loadRules, RuleError } = await import("../edge/load-rules.ts"); // CEL is loaded by the first rule
      try {
        const { rules, seed, run } = call.request;
        ports.faults.arm(loadRules(rules.map(ruleFromWire), ports.points()), seed);
        armedBy = run;
        answer(null, {});
      } catch (error) {
        answer({ code: error instanceof RuleError ? status.INVALID_ARGUMENT : status.INTERNAL, details: (error as Error).message });
      }
    },
    Release(call: ServerUnaryCall<ReleaseRequest__Output, object>, answer: Answer) {
      ports.faults.release(call.request.rule);
      answer(null, {});
    },
    Heard(call: ServerUnaryCall<HeardRequest__Output, object>, answer: Answer) {
      ports.faults.heard(call.request.kind);
      answer(null, {});
    },
    Cut: (call: ServerUnaryCall<CutRequest__Output, object>, answer: Answer) => answer(null, { broken: ports.cut(call.request.from) }),
    Points(_: unknown, answer: Answer) {
      const reached = ports.faults.points.reached();
      answer(null, { points: ports.points().points.map(({ id, sentence, kind }) => ({ id, sentence, kind, reached: reached.get(id) ?? 0 })) });
    },
    Fired: (_: unknown, answer: Answer) => answer(null, { rules: ports.faults.fired(), progress: JSON.stringify(ports.faults.progress()) }),
    RunWorkload: (call: ServerDuplexStream<RunWorkloadRequest__Output, RunWorkloadReply>) => serveWorkload(call, ports),
    Stop(_: unknown, answer: Answer) {
      answer(null, {});
      setImmediate(() => ports.stop("lab/v1 Stop"));
    },
  };
  server.addService(protoService("lab"), implementation as unknown as UntypedServiceImplementation);
  return {
    armedBy: (run) => void (armedBy = run),
    async endTraces() {
      ports.tracer.flush();
      for (const call of traces) call.end();
    },
  };
}

/** Collects the files, runs the workload when it arrives, and streams progress, output and result. */
function serveWorkload(call: ServerDuplexStream<RunWorkloadRequest__Output, RunWorkloadReply>, ports: LabPorts): void {
  const files = new Map<string, Uint8Array[]>();
  const refuse = (code: status, details: string) => call.emit("error", { code, details });
  call.on("error", () => {});
  call.on("data", (request: RunWorkloadRequest__Output) => {
    if (request.part === "file" && request.file) {
      const parts = files.get(request.file.name) ?? [];
      parts.push(request.file.bytes);
      files.set(request.file.name, parts);
    }
    if (request.part !== "workload" || !request.workload) return;
    const run = ports.runWorkload();
    if (!run) return void refuse(status.UNIMPLEMENTED, `${ports.name} runs no workloads: a guest does`);
    const workload = workloadFromWire(request.workload);
    if (!["copy", "crc32c", "sha256", "gzip"].includes(workload.operation))
      return void refuse(status.INVALID_ARGUMENT, `workload.operation: ${workload.operation} is no operation`);
    const input = [...files].map(([name, parts]) => ({ name, bytes: joined(parts) }));
    void ports.ready.then(async () => {
      const { result, outputs } = resultToWire(await run(input, workload, (bytesDone) => void call.write({ progress: { bytesDone } })));
      for (const output of outputs) for (const piece of pieces(output)) call.write({ output: piece });
      call.write({ result });
      call.end();
    });
  });
}
