import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { liveRuns, runsFolder } from "../../services/lab/supervisor/run-folder.ts";
import { faultline, type JsonObject, startFaultline } from "../support/faultline.ts";
import { eventually } from "../support/stack.ts";

const RUN = `operation-${process.pid}`;
const ADMIN = 18_001;
const on = (...args: string[]) => faultline(...args, "--connect", RUN);
const pidOf = (part: string) =>
  liveRuns()
    .find(({ run }) => run === RUN)!
    .services.find(({ name }) => name === part)!.pid;

describe("a machine in the background, as a user operates it", () => {
  beforeAll(async () => {
    const up = await faultline("up", "--run", RUN, "--admin-port", String(ADMIN), "--json");
    expect(up.code, up.stderr + up.stdout).toBe(0);
    expect(up.json()).toMatchObject({ ok: true, run: RUN });
  }, 60_000);
  afterAll(async () => {
    await faultline("down", "--connect", RUN);
  }, 30_000);

  it("status names every part, its edges and its counts", async () => {
    const status = await on("status", "--json");
    expect(status.code).toBe(0);
    const { services } = status.json() as unknown as { services: { service: string; ready: boolean; edges: { open: boolean }[]; counts: object }[] };
    expect(services.map(({ service }) => service)).toEqual(["smmu", "host", "vmm0", "guest0"]);
    for (const { ready, edges, counts } of services) {
      expect(ready).toBe(true);
      expect(edges.every(({ open }) => open)).toBe(true);
      expect(counts).not.toEqual({});
    }
    const text = (await on("status")).stdout;
    expect(text).toMatch(/^host .*ready/m);
    expect(text).toContain("host->smmu");
  });

  it("up once more is no error, and does not pretend to be another machine (interfaces.md, section 11)", async () => {
    expect((await faultline("up", "--run", RUN, "--machine", "services/lab/machines/default.yaml", "--json")).code).toBe(0);
    for (const [flag, value] of [
      ["ram", "8MiB"],
      ["mutants", "M-no-job-timeout"],
    ]) {
      const other = await faultline("up", "--run", RUN, `--${flag}`, value, "--json");
      expect([other.code, (other.json().error as JsonObject).field]).toEqual([2, flag]);
    }
  });

  it("the demo drives it, and leaves it running", async () => {
    const demo = await on("demo", "--json");
    expect(demo.code, demo.stderr).toBe(0);
    expect(demo.json()).toMatchObject({ ok: true, criticalMessages: 6 });
    expect((await on("status", "--json")).code).toBe(0);
  });

  it.each(["smmu", "streams", "queues", "endpoints", "domains", "groups", "pending", "processes", "memory", "tlb", "config-cache", "cmdq", "eventq", "priq", "counts"])(
    "info %s is text, and one JSON object",
    async (what) => {
      const text = await on("info", what);
      expect(text.code, text.stderr).toBe(0);
      expect(text.stdout.split("\n").length).toBeGreaterThan(2);
      expect((await on("info", what, "--json")).json()).toMatchObject({ ok: true, what });
    },
  );

  it("info streams shows the nested STE of the assigned function alone", async () => {
    const { parts } = (await on("info", "streams", "--json")).json() as unknown as {
      parts: { smmu: { "/stream-table": { streams: { sid: string; config: string; check: string }[] } } };
    };
    expect(parts.smmu["/stream-table"].streams).toMatchObject([{ sid: "0x8", config: "stage 1 and 2", check: "ok" }]);
  });

  it("dump ste and dump cd name every field; what is missing is said by the option's name", async () => {
    const ste = (await on("dump", "ste", "--sid", "00:01.0", "--json")).json() as unknown as { parts: { smmu: Record<string, { fields: Record<string, unknown> }> } };
    expect(Object.values(ste.parts.smmu)[0].fields).toMatchObject({ V: 1, Config: 7, EATS: 1, S1ContextPtr: expect.stringMatching(/^0x8/) });
    const cd = await on("dump", "cd", "--sid", "8");
    expect([cd.code, cd.stderr]).toEqual([2, expect.stringContaining("--ssid")]);
    expect((await on("dump", "cd", "--sid", "8", "--ssid", "1", "--json")).code).toBe(0);
    expect((await on("dump", "cmd")).stdout).toMatch(/CMD_(CFGI|TLBI)/); // CMD_SYNC itself is overwritten: its MSI goes into its own slot
  });

  it.each([
    ["vm", ["info", "pending", "--vm", "7"]],
    ["sid", ["info", "streams", "--sid", "0x8"]],
    ["sid", ["dump", "ste", "--sid", "here"]],
    ["ssid", ["dump", "cd", "--sid", "8", "--ssid", "00:01.0"]],
    ["sid", ["walk", "--sid", "0x123456789", "--iova", "0"]],
  ])("what cannot be looked at is bad input that names --%s", async (field, args) => {
    const refused = await on(...args, "--json");
    expect([refused.code, (refused.json().error as JsonObject).field], refused.stdout).toEqual([2, field]);
  });

  it("walk shows every descriptor and the outcome: here C_BAD_CD, since no process is bound to PASID 77", async () => {
    const walk = (await on("walk", "--sid", "0x8", "--ssid", "77", "--iova", "0x7f0000001000", "--json")).json() as unknown as {
      steps: { structure: string }[];
      outcome: { result: string };
    };
    expect(walk.steps.map(({ structure }) => structure).slice(0, 2)).toEqual(["L1STD", "STE"]);
    expect(walk.steps.at(-1)!.structure).toBe("CD");
    expect(walk.outcome.result).toBe("C_BAD_CD");
    expect((await on("walk", "--sid", "8", "--iova", "here")).code).toBe(2);
    const asDocumented = (await on("walk", "--sid", "00:01.0", "--ssid", "1", "--iova", "0x7f0000007000", "--json")).json(); // README.md
    expect(asDocumented).toMatchObject({ ok: true, sid: "0x8", ssid: 1 });
  });

  it("trace reads the VFIO edge like strace, and the others one line a record", async () => {
    const traces = (["vfio", "virtio", "smmu"] as const).map((edge) => ({ edge, ...startFaultline("trace", "--edge", edge, "--count", "20", "--connect", RUN) }));
    await Promise.all(traces.map(({ child }) => new Promise((resolve) => child.stderr!.once("data", resolve)))); // each says when it listens
    expect((await on("demo", "--json")).code).toBe(0);
    const [vfio, virtio, smmu] = await Promise.all(traces.map(({ outcome }) => outcome));
    expect([vfio.code, virtio.code, smmu.code]).toEqual([0, 0, 0]);
    expect(vfio.stdout).toMatch(/^ioctl\(\d+, VFIO_IOMMU_CACHE_INVALIDATE, \{argsz=\d+, .*\}\) = 0$/m);
    expect(virtio.stdout).toMatch(/^guest0 virtio:invalidate-request: domain=\d+ pasid=1/m);
    expect(smmu.stdout).toMatch(/^host smmu:command: .*CMD_SYNC/m);
  });

  it("the admin routes are on the ports that up printed", async () => {
    for (const port of [ADMIN, ADMIN + 1, ADMIN + 2, ADMIN + 3]) expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  });

  it("an admin port in use: up says so, exits with 3, and leaves nothing", async () => {
    const second = await faultline("up", "--run", `${RUN}-b`, "--admin-port", String(ADMIN), "--json");
    expect(second.code).toBe(3);
    expect(second.json()).toMatchObject({ ok: false, error: { kind: "infrastructure", message: expect.stringMatching(/127\.0\.0\.1:1800\d/) } });
    expect(existsSync(join(runsFolder(), `${RUN}-b`))).toBe(false);
  });

  it("SIGTERM ends a service with code 0 and its counts in the log; up starts it again with those that hung on it", async () => {
    process.kill(pidOf("vmm0"), "SIGTERM");
    const ended = await eventually(
      () =>
        liveRuns()
          .find(({ run }) => run === RUN)!
          .services.find(({ name }) => name === "vmm0")!.ended,
    );
    expect(ended).toBe("exit code 0");
    const log = readFileSync(join(runsFolder(), RUN, "vmm0.log"), "utf8");
    const last = JSON.parse(log.trim().split("\n").at(-1)!);
    expect(last).toMatchObject({ msg: "counts at the end", code: 0, counts: { guests: 1, endpoints: 1 } });
    const lost = await on("status", "--json");
    expect([lost.code, lost.json()]).toEqual([3, expect.objectContaining({ ok: false, error: expect.objectContaining({ kind: "infrastructure", field: "vmm0" }) })]);
    expect((await faultline("up", "--run", RUN)).code).toBe(0);
    expect((await on("status")).code).toBe(0);
  });

  it("down leaves no process, socket or memory file", async () => {
    const pids = liveRuns()
      .find(({ run }) => run === RUN)!
      .services.map(({ pid }) => pid);
    expect((await faultline("down", "--connect", RUN, "--json")).json()).toEqual({ ok: true, run: RUN } as unknown as JsonObject);
    expect(existsSync(join(runsFolder(), RUN))).toBe(false);
    expect(readdirSync("/dev/shm").filter((name) => name.includes(RUN))).toEqual([]);
    for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false);
    const gone = await on("status");
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringContaining("faultline up")]);
  });
});

describe("faultline doctor", () => {
  it("says what is well and what is not, with a cure for each that is not", async () => {
    const { findings } = (await faultline("doctor", "--json")).json() as unknown as { findings: { check: string; ok: boolean; cure: string | null }[] };
    expect(findings.map(({ check }) => check)).toEqual(["Node", "koffi (mmap)", "/dev/shm", "memory", "container engine", "docker compose"]);
    for (const { ok, cure } of findings) expect(cure === null).toBe(ok);
  });
});
