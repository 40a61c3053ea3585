import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { memoryPrefix, runsFolder } from "../../services/lab/supervisor/run-folder.ts";
import { faultline, type JsonObject, startFaultline } from "../support/faultline.ts";
import { inputFile } from "../support/own-tools.ts";

/** Folders and memory files of the runs of this file. */
const leftOvers = (): string[] => {
  const runs = runsFolder();
  return [...(existsSync(runs) ? readdirSync(runs) : []), ...readdirSync("/dev/shm").filter((name) => name.startsWith(memoryPrefix(runs)))];
};
/** PIDs of the services that commands of this file started: another machine may run beside the tests. */
const serviceProcesses = (service = "[a-z]+"): number[] =>
  execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => new RegExp(`services/${service}/shell/main\\.ts`).test(line))
    .map((line) => Number.parseInt(line, 10))
    .filter(isOurs);
function isOurs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`FAULTLINE_RUN_DIR=${runsFolder()}/`);
  } catch {
    return false; // it has ended
  }
}

/** Resolves once `condition` holds. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe("faultline demo: four processes", () => {
  const input = inputFile(1_000_000);
  afterAll(() => input.remove());

  it("sha256 through real page faults equals sha256sum, and nothing is left behind", async () => {
    const run = await faultline("demo", "--file", input.path, "--json");
    expect(run.code, run.stderr).toBe(0);
    const result = run.json() as JsonObject;
    const [digest] = execFileSync("sha256sum", [input.path], { encoding: "utf8" }).split(" ");
    expect(result).toMatchObject({ ok: true, operation: "sha256", inputBytes: 1_000_000, digest, criticalMessages: 6 });
    expect(result.responses).toBe(result.groups);
    expect(leftOvers()).toEqual([]);
    expect(serviceProcesses()).toEqual([]);
  });

  it("prints at most 25 lines, the first fault as the steps a to h", async () => {
    const run = await faultline("demo", "--op", "copy", "--file", input.path);
    expect(run.code, run.stderr).toBe(0);
    const lines = run.stdout.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(25);
    for (const step of "abcdefgh") expect(lines.some((line) => line.trimStart().startsWith(`${step} `) || line.trimStart().startsWith(`${step}) `))).toBe(true);
  });

  it("Ctrl-C leaves no process, socket or memory file behind and exits 130", async () => {
    const { child, outcome } = startFaultline("demo", "--file", input.path, "--pages-per-group", "1");
    await eventually(() => serviceProcesses("guest").length > 0);
    child.kill("SIGINT");
    expect((await outcome).code).toBe(130);
    expect(leftOvers()).toEqual([]);
    expect(serviceProcesses()).toEqual([]);
  });

  for (const service of ["smmu", "host", "vmm", "guest"]) {
    it(`a killed ${service} ends the command with code 3, naming what broke`, async () => {
      const { outcome } = startFaultline("demo", "--file", input.path, "--pages-per-group", "1");
      await eventually(() => serviceProcesses("guest").length > 0);
      for (const pid of serviceProcesses(service)) process.kill(pid, "SIGKILL");
      const { code, stderr } = await outcome;
      expect(code).toBe(3);
      expect(stderr).toContain(service);
      expect(serviceProcesses()).toEqual([]);
    });
  }
});

describe("bad input is one line on stderr and exit 2", () => {
  const cases: [string, string[], RegExp][] = [
    ["a missing file", ["demo", "--file", "/nonexistent/x"], /nonexistent/],
    ["an unknown operation", ["demo", "--op", "frobnicate"], /frobnicate/],
    ["a bad number", ["demo", "--pages-per-group", "many"], /pages-per-group/],
    ["an unknown scenario", ["run", "no-such-scenario"], /no-such-scenario/],
  ];
  for (const [what, args, message] of cases) {
    it(what, async () => {
      const run = await faultline(...args);
      expect(run.code).toBe(2);
      expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(run.stderr).toMatch(message);
      const json = await faultline(...args, "--json");
      expect(json.code).toBe(2);
      expect(json.json()).toMatchObject({ ok: false, error: { kind: "input" } });
    });
  }

  it("a file larger than the machine's RAM names the flag that makes room", async () => {
    const large = inputFile(40 * 2 ** 20);
    try {
      const run = await faultline("demo", "--file", large.path);
      expect(run.code).toBe(2);
      expect(run.stderr).toMatch(/--ram/);
    } finally {
      large.remove();
    }
  });
});

describe("the first experiment between four processes", () => {
  it("passes with the driver's time-out, and violates INV-1 without it", async () => {
    const clean = await faultline("run", "drop-page-response", "--mode", "processes", "--json");
    expect(clean.code, clean.stderr + clean.stdout).toBe(0);
    expect(clean.json()).toMatchObject({ verdict: "pass", violations: [] });
    const mutant = await faultline("run", "drop-page-response", "--mode", "processes", "--mutants", "M-no-job-timeout", "--json");
    expect(mutant.code).toBe(1);
    expect((mutant.json().violations as unknown as JsonObject[])[0].invariant).toBe("INV-1");
  });
});
