import { createServer } from "node:net";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServiceProcesses } from "../support/service-process.ts";

interface Operation {
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean }[];
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
type OpenApi = { openapi: string; paths: Record<string, { get: Operation }> };

const kinds = ["smmu", "host", "vmm", "guest"] as const;
/** What the routes that need a parameter are asked for on the default machine. */
const asked: Record<string, string> = { sid: "0x8", ssid: "0", bdf: "8", name: "CR0", group: "0", iova: "0x80000000" };
const ajv = new Ajv({ strict: false, allErrors: true });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("the admin routes of every service", () => {
  const processes = new ServiceProcesses();
  const base: Record<string, string> = {};
  const api: Record<string, OpenApi> = {};
  const get = (service: string, path: string) => fetch(`http://${base[service]}${path}`);

  beforeAll(async () => {
    for (const kind of kinds) base[kind] = `127.0.0.1:${await freePort()}`;
    const started = kinds.map((kind) => processes.start(kind, "--admin", base[kind]));
    await Promise.all(started.map((service) => processes.ready(service)));
    for (const kind of kinds) api[kind] = (await (await get(kind, "/openapi.json")).json()) as OpenApi;
  }, 30_000);
  afterAll(() => processes.close());

  describe.each(kinds)("%s", (kind) => {
    it("is alive and ready, and says which edges it has", async () => {
      expect((await get(kind, "/healthz")).status).toBe(200);
      const ready = await get(kind, "/readyz");
      expect(ready.status).toBe(200);
      const { edges } = (await ready.json()) as { edges: { open: boolean }[] };
      expect(edges.length).toBe(kind === "host" || kind === "vmm" ? 2 : 1);
      expect(edges.every(({ open }) => open)).toBe(true);
    });

    it("every route of its OpenAPI answers 200 and as its schema says, with a sentence about it", async () => {
      const routes = Object.entries(api[kind].paths);
      expect(routes.length).toBeGreaterThan(8);
      for (const [path, { get: operation }] of routes) {
        expect(operation.summary, path).toMatch(/\.$/);
        const query = (operation.parameters ?? []).filter(({ in: where, name }) => where === "query" && name in asked).map(({ name }) => `${name}=${asked[name]}`);
        const answer = await get(kind, `${path.replace(/\{(\w+)\}/g, (_, name: string) => asked[name])}${query.length ? `?${query.join("&")}` : ""}`);
        expect([path, answer.status]).toEqual([path, 200]);
        const schema = operation.responses["200"]?.content?.["application/json"]?.schema;
        if (path === "/metrics" || !schema) continue;
        const validate = ajv.compile(schema);
        expect(validate(await answer.json()), `${path}: ${JSON.stringify(validate.errors)}`).toBe(true);
      }
    });

    it("its metrics are faultline_*, count with _total, and label nothing with an address", async () => {
      const text = await (await get(kind, "/metrics")).text();
      const samples = text.split("\n").filter((line) => line && !line.startsWith("#"));
      expect(samples.length).toBeGreaterThan(20);
      for (const sample of samples) {
        expect(sample).toMatch(/^faultline_[a-z0-9_]+/);
        expect(sample.slice(0, sample.lastIndexOf(" "))).not.toMatch(/0x[0-9a-f]{4,}/);
      }
      for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) if (type === "counter") expect(name).toMatch(/_total$/);
      expect(text).toMatch(/^faultline_ready\{service="\w+"\} 1$/m);
    });
  });

  it("has a route for each structure under the field's name", () => {
    const has: [(typeof kinds)[number], string[]][] = [
      [
        "smmu",
        [
          "/registers",
          "/registers/{name}",
          "/stream-table/{sid}",
          "/context-descriptor/{sid}/{ssid}",
          "/command-queue",
          "/event-queue",
          "/pri-queue",
          "/tlb",
          "/endpoints",
          "/atc/{bdf}",
          "/walk/{sid}",
        ],
      ],
      ["host", ["/groups", "/domains", "/pending-faults", "/processes", "/memory"]],
      ["vmm", ["/endpoints", "/domains", "/pending-faults", "/memory-slots", "/virtio-iommu"]],
      ["guest", ["/processes", "/pasids", "/endpoints", "/pending-faults", "/memory"]],
    ];
    for (const [kind, paths] of has) expect(Object.keys(api[kind].paths)).toEqual(expect.arrayContaining([...paths, "/state", "/counts", "/machine", "/service"]));
  });

  it.each([
    ["smmu", "/stream-table/zzz", 400, "sid"],
    ["smmu", "/stream-table/0x100000", 404, "sid"],
    ["smmu", "/registers/CR9", 404, "name"],
    ["smmu", "/walk/8", 400, "iova"],
    ["smmu", "/atc/0x999", 404, "bdf"],
    ["host", "/groups/99", 404, "group"],
    ["guest", "/nothing", 404, undefined],
  ] as const)("%s %s is problem+json %i, naming the field", async (kind, path, status, field) => {
    const answer = await get(kind, path);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, expect.stringContaining("application/problem+json")]);
    const problem = (await answer.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
    expect(problem.field).toBe(field);
  });

  it("64-bit values are hex strings", async () => {
    const walk = (await (await get("smmu", "/walk/8?iova=0xffffffffffffffff")).json()) as { iova: string; outcome: { result: string } };
    expect(walk.iova).toBe("0xffffffffffffffff");
    expect(walk.outcome.result).toMatch(/^[CF]_/);
  });

  it("a port in use is named with what to do, and exit code 3", async () => {
    const other = new ServiceProcesses();
    try {
      const second = other.start("smmu", "--admin", base.smmu);
      expect(await second.code).toBe(3);
      expect(second.stderr()).toMatch(new RegExp(`^smmu: cannot serve the admin routes on ${base.smmu}: .*--admin HOST:PORT`, "m"));
    } finally {
      await other.close();
    }
  });
});
