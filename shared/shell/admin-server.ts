import type { FastifyInstance, FastifyReply } from "fastify";
import { flag, list, record, text } from "../state/schema.ts";
import { isRefusal, pathParameters, readStructure, type Structure } from "../state/structure.ts";
import { InfrastructureError } from "./infrastructure-error.ts";
import { createMetrics, type MetricSources } from "./metrics.ts";
import { type Problem, problem, problemOf, problemSchema } from "./problem.ts";

export interface AdminPorts extends MetricSources {
  structures: readonly Structure[];
}

const PROBLEM = "application/problem+json";
const refusals = { "4XX": { description: "what is wrong, and with which field", content: { [PROBLEM]: { schema: problemSchema } } } } as const;
const answer = (reply: FastifyReply, given: Problem) => reply.code(given.status).type(PROBLEM).send(JSON.stringify(given));

/** Serves the admin routes on HOST:PORT: health, metrics, OpenAPI and one route for each structure of the live state. Rejects with `InfrastructureError` when the port is taken. */
export async function serveAdmin(address: string, ports: AdminPorts): Promise<FastifyInstance> {
  const { fastify } = await import("fastify");
  const app = bare(fastify({ logger: false, forceCloseConnections: true }));
  app.setErrorHandler((error: Error & { statusCode?: number }, _, reply) => {
    const status = error.statusCode ?? 500;
    return answer(reply, problem(status, status < 500 ? "Bad Request" : "Internal Server Error", error.message));
  });
  app.setNotFoundHandler((request, reply) => answer(reply, problem(404, "Not Found", `no route ${request.method} ${request.url}: /openapi.json lists them`)));
  routes(app, ports);
  let document: Promise<object> | null = null;
  app.get("/openapi.json", { schema: { hide: true } }, async () => (document ??= openApi(bare(fastify({ logger: false })), ports)));

  const at = address.lastIndexOf(":");
  try {
    await app.listen({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
  } catch (error) {
    throw new InfrastructureError(`cannot serve the admin routes on ${address}: ${(error as Error).message}: give another --admin HOST:PORT, or end what listens there`);
  }
  return app;
}

/** The schemas describe: readStructure checks what is asked for, the contract tests what is answered. Compiling a validator for each route would double the start. */
function bare(app: FastifyInstance): FastifyInstance {
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  return app;
}

/** The document is made by the first who asks, from routes of an instance that never listens: no service starts later for what only people ask. */
async function openApi(app: FastifyInstance, ports: AdminPorts): Promise<object> {
  const { default: swagger } = await import("@fastify/swagger");
  await app.register(swagger, {
    openapi: { openapi: "3.1.0", info: { title: `Faultline ${ports.service}`, description: "Live state of one service. 64-bit values are hex strings.", version: "1" } },
  });
  routes(app, ports);
  await app.ready();
  return app.swagger();
}

function routes(app: FastifyInstance, ports: AdminPorts): void {
  health(app, ports);
  let metrics: ReturnType<typeof createMetrics> | null = null;
  app.get("/metrics", { schema: { summary: "Prometheus metrics.", tags: ["operation"] } }, async (_, reply) => {
    const { contentType, text: all } = await (metrics ??= createMetrics(ports));
    return reply.type(contentType).send(await all());
  });
  for (const structure of ports.structures) route(app, structure);
  const whole = ports.structures.filter(
    ({ parameters, path }) => pathParameters({ path } as Structure).length === 0 && Object.values(parameters).every(({ fallback }) => fallback !== undefined),
  );
  app.get(
    "/state",
    { schema: { summary: "Every structure that needs no parameter, by its path.", tags: ["state"], response: { 200: { type: "object", additionalProperties: true } } } },
    async () => Object.fromEntries(whole.map((structure) => [structure.path, readStructure(structure, { get: () => null })])),
  );
}

function health(app: FastifyInstance, ports: AdminPorts): void {
  app.get("/healthz", { schema: { summary: "The process lives.", tags: ["operation"], response: { 200: record({ service: text(), alive: flag() }) } } }, async () => ({
    service: ports.service,
    alive: true,
  }));
  const body = record({ service: text(), ready: flag(), edges: list(record({ direction: text(), open: flag() })) });
  app.get(
    "/readyz",
    { schema: { summary: "200: hello with the edge below is done and the core has booted; 503: not yet.", tags: ["operation"], response: { 200: body, 503: body } } },
    async (_, reply) => {
      const ready = ports.ready();
      return reply.code(ready ? 200 : 503).send({ service: ports.service, ready, edges: ports.edges().map(({ direction, open }) => ({ direction, open })) });
    },
  );
}

function route(app: FastifyInstance, structure: Structure): void {
  const inPath = pathParameters(structure);
  const describe = (names: string[]) => ({
    type: "object",
    properties: Object.fromEntries(
      names.map((name) => {
        const { sentence, fallback } = structure.parameters[name];
        return [name, { type: "string", description: sentence, ...(fallback === undefined ? {} : { default: fallback }) }];
      }),
    ),
  });
  const inQuery = Object.keys(structure.parameters).filter((name) => !inPath.includes(name));
  app.get(
    structure.path.replace(/\{(\w+)\}/g, ":$1"),
    {
      schema: {
        summary: structure.sentence,
        tags: ["state"],
        ...(inPath.length ? { params: { ...describe(inPath), required: inPath } } : {}),
        ...(inQuery.length ? { querystring: describe(inQuery) } : {}),
        response: { 200: structure.schema, ...refusals },
      },
    },
    async (request, reply) => {
      const given = { ...(request.query as Record<string, string>), ...(request.params as Record<string, string>) };
      const found = readStructure(structure, { get: (name) => given[name] ?? null });
      return isRefusal(found) ? answer(reply, problemOf(found)) : reply.send(found);
    },
  );
}
