import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from "testcontainers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noEngine } from "../support/engine.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const services = ["smmu", "host", "vmm", "guest"] as const;
const address = (service: (typeof services)[number]): string => `127.0.0.1:${5001 + services.indexOf(service)}`;

describe.skipIf(noEngine !== null)(`docker compose up: the four services in containers over TCP${noEngine ? `: skipped, ${noEngine}` : ""}`, () => {
  let stack: StartedDockerComposeEnvironment | undefined;

  beforeAll(async () => {
    const compose = new DockerComposeEnvironment(root, "docker-compose.yml").withProjectName("faultline-test").withBuild();
    for (const service of services) compose.withWaitStrategy(`${service}-1`, Wait.forHealthCheck());
    stack = await compose.up();
  }, 300_000);
  afterAll(async () => {
    await stack?.down({ removeVolumes: true });
  }, 60_000);

  it("every service is healthy: it listens, and hello with the edge below is done", async () => {
    for (const service of services) {
      const client = new LabClient(address(service));
      try {
        expect((await client.ready()).service).toBe(service === "vmm" || service === "guest" ? `${service}0` : service);
      } finally {
        client.close();
      }
    }
  });

  it("a job faults its pages in through all four, and its digest is right", async () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 0xff);
    const clients = Object.fromEntries(services.map((service) => [service, new LabClient(address(service))]));
    const events: TraceEvent[] = [];
    try {
      await clients.smmu.trace((event) => events.push(event), ["endpoint.page-request", "endpoint.prg-response"]).active;
      const result = await clients.guest.runWorkload([{ name: "input", bytes }], { operation: "sha256", file: "input", pagesPerGroup: 8, jobTimeoutNs: 60e9 }, () => {});
      await clients.smmu.flush();
      expect(result.ok, result.error).toBe(true);
      expect(Buffer.from(result.output).toString("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
      const answered = events.filter((event) => event.kind === "endpoint.prg-response").length;
      expect(events.filter((event) => event.kind === "endpoint.page-request" && event.fields.last).length).toBe(answered);
      expect(answered).toBeGreaterThan(0);
    } finally {
      for (const client of Object.values(clients)) client.close();
    }
  });
});
