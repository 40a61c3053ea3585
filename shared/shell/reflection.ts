import { EventEmitter } from "node:events";
import type { MethodDefinition, Server, ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { loadOptions } from "./protos.ts";

const versions = ["v1", "v1alpha"].map((version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
const bytes = (message: Buffer): Buffer => message;

type Handler = (call: EventEmitter) => void;
interface Loaded {
  method: MethodDefinition<object, object>;
  handler: Handler;
}

/** Serves gRPC reflection over the protos of `packages`. Loaded by the first call: no service starts later for what only tools ask. */
export function serveReflection(server: Server, packages: readonly string[], services: readonly string[]): void {
  let loaded: Promise<ReadonlyMap<string, Loaded>> | null = null;
  for (const path of versions) {
    const ServerReflectionInfo = async (call: ServerDuplexStream<Buffer, Buffer>) => {
      const before: Buffer[] = [];
      const keep = (message: Buffer) => void before.push(message);
      call.on("data", keep);
      loaded ??= load(packages, services);
      const { method, handler } = (await loaded).get(path)!;
      const typed = Object.assign(new EventEmitter(), { write: (message: object) => call.write(method.responseSerialize(message)), end: () => call.end() });
      handler(typed);
      const take = (message: Buffer) => void typed.emit("data", method.requestDeserialize(message));
      before.forEach(take);
      call
        .off("data", keep)
        .on("data", take)
        .on("end", () => typed.emit("end"));
      if (call.readableEnded) typed.emit("end");
    };
    const definition: ServiceDefinition = {
      ServerReflectionInfo: {
        path,
        requestStream: true,
        responseStream: true,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    };
    server.addService(definition, { ServerReflectionInfo } as unknown as UntypedServiceImplementation);
  }
}

/** The reflection service's handlers by path; field names as the protos spell them. */
async function load(packages: readonly string[], services: readonly string[]): Promise<ReadonlyMap<string, Loaded>> {
  const { ReflectionService } = await import("@grpc/reflection");
  const definitions = loadSync(
    packages.map((name) => `${name}/v1/${name}.proto`),
    { ...loadOptions, keepCase: true },
  );
  const handlers = new Map<string, Loaded>();
  const addService = (definition: ServiceDefinition, implementation: UntypedServiceImplementation) => {
    for (const [name, method] of Object.entries(definition)) {
      handlers.set(method.path, { method, handler: (implementation[name] ?? implementation[method.originalName ?? ""]) as unknown as Handler });
    }
  };
  new ReflectionService(definitions, { services: [...services] }).addToServer({ addService } as Pick<Server, "addService">);
  return handlers;
}
