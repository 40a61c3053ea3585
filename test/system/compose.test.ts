import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildImage, composeStack } from "../support/compose-stack.ts";
import { noEngine } from "../support/engine.ts";
import { faultline, type JsonObject } from "../support/faultline.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PROJECT = "faultline-test";
const MIB = 2 ** 20;
const docker = (...args: string[]): string => execFileSync("docker", args, { encoding: "utf8", cwd: root, stdio: ["ignore", "pipe", "pipe"] }).trim();

describe("docker-compose.yml", () => {
  const { services } = parse(readFileSync(`${root}/docker-compose.yml`, "utf8"), { merge: true }) as {
    services: Record<string, { ports?: string[]; restart?: string; profiles?: string[] }>;
  };
  it("publishes ports on 127.0.0.1 only, and restarts nothing", () => {
    for (const { ports = [] } of Object.values(services)) for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const name of ["smmu", "host", "vmm", "guest"]) expect(services[name].restart).toBe("no");
  });
  it("has the lab and the second VM in profiles, so that up leaves them out", () => {
    expect(Object.entries(services).flatMap(([name, { profiles }]) => (profiles ? [] : [name]))).toEqual(["smmu", "host", "vmm", "guest"]);
  });
});

describe.skipIf(noEngine !== null)(`docker compose up: the four services in containers over TCP${noEngine ? `: skipped, ${noEngine}` : ""}`, () => {
  const stack = composeStack(PROJECT);
  /** A command of the lab's container; its JSON. */
  const lab = async (...args: string[]): Promise<JsonObject> => JSON.parse(await stack.compose("run", "--rm", "lab", ...args, "--json")) as JsonObject;
  beforeAll(async () => {
    await buildImage();
    await stack.up();
  }, 300_000);
  afterAll(() => stack.down(), 60_000);

  it("the image runs as user node, is at most 250 MB above its base, and has no compiler", () => {
    const size = (image: string) => Number(docker("image", "inspect", "--format", "{{.Size}}", image));
    expect(docker("image", "inspect", "--format", "{{.Config.User}}", "faultline")).toBe("node");
    expect(size("faultline") - size("node:24-bookworm-slim")).toBeLessThan(250 * MIB);
    expect(docker("run", "--rm", "--entrypoint", "sh", "faultline", "-c", "command -v gcc cc tsc make || echo none")).toBe("none");
  });

  it("every service is healthy, and only then: /readyz says so on the published admin ports", async () => {
    for (const [i, name] of ["smmu", "host", "vmm0", "guest0"].entries()) {
      const ready = await fetch(`http://127.0.0.1:${8001 + i}/readyz`);
      expect([ready.status, ((await ready.json()) as { service: string }).service]).toEqual([200, name]);
    }
    expect((await stack.compose("ps", "--format", "{{.Health}}")).split("\n")).toEqual(["healthy", "healthy", "healthy", "healthy"]);
  });

  it("the lab's container drives the stack: demo, run, info and walk", async () => {
    expect(await lab("demo")).toMatchObject({ ok: true, operation: "sha256", criticalMessages: 6 });
    expect(await lab("run", "drop-page-response")).toMatchObject({ verdict: "pass" });
    expect(await lab("info", "groups")).toMatchObject({
      ok: true,
      parts: {
        host: {
          "/groups": [
            { sid: "0x8", owner: "vmm0" },
            { sid: "0x10", owner: null },
          ],
        },
      },
    });
    expect(await lab("walk", "--sid", "0x8", "--ssid", "1", "--iova", "0x1000")).toMatchObject({ ok: true, sid: "0x8" });
  });

  it("so does the command line outside, through the published ports; the second VM is not missed", async () => {
    const status = await faultline("status", "--connect", "127.0.0.1:5001", "--json");
    expect(status.code, status.stdout).toBe(0);
    const demo = await faultline("demo", "--op", "gzip", "--connect", "127.0.0.1:5001", "--json");
    expect(demo.json()).toMatchObject({ ok: true, operation: "gzip" });
  });

  it("logs are JSON lines: life-cycle at info, no line per fault", async () => {
    const lines = docker("logs", stack.container("host"))
      .split("\n")
      .concat(
        execFileSync("sh", ["-c", `docker logs ${stack.container("host")} 2>&1 >/dev/null`], { encoding: "utf8" })
          .trim()
          .split("\n"),
      )
      .filter(Boolean);
    const messages = lines.map((line) => JSON.parse(line) as { msg?: string; ready?: boolean });
    expect(messages.some(({ msg }) => msg === "ready")).toBe(true);
    expect(lines.length).toBeLessThan(30);
  });

  it("down -v leaves nothing", async () => {
    await stack.compose("down", "-v");
    expect(docker("ps", "-aq", "--filter", `label=com.docker.compose.project=${PROJECT}`)).toBe("");
    expect(docker("volume", "ls", "-q", "--filter", `label=com.docker.compose.project=${PROJECT}`)).toBe("");
    expect(docker("network", "ls", "-q", "--filter", `label=com.docker.compose.project=${PROJECT}`)).toBe("");
  });
});
