import { afterAll, describe, expect, it } from "vitest";
import { faultline, type JsonObject } from "../support/faultline.ts";
import { inputFile } from "../support/own-tools.ts";

describe("faultline sim demo: the whole path in one process and virtual time", () => {
  const input = inputFile(200_000);
  afterAll(() => input.remove());

  for (const operation of ["sha256", "copy"]) {
    it(`${operation}: the digest equals the machine's own`, async () => {
      const run = await faultline("sim", "demo", "--op", operation, "--file", input.path, "--json");
      expect(run.stderr).toBe("");
      expect(run.code).toBe(0);
      expect(run.json()).toMatchObject({ ok: true, operation, inputBytes: 200_000, digest: input.sha256, criticalMessages: 6 });
    });
  }

  it("gzip and crc32c end well", async () => {
    for (const operation of ["gzip", "crc32c"]) {
      const run = await faultline("sim", "demo", "--op", operation, "--file", input.path, "--json");
      expect(run.code, run.stderr).toBe(0);
    }
  });

  it("every page is requested, every group answered once, and the first fault takes the steps a to h", async () => {
    const result = (await faultline("sim", "demo", "--file", input.path, "--json")).json() as JsonObject;
    expect(result.responses).toBe(result.groups);
    expect(result.pageRequests).toBeGreaterThanOrEqual(Math.ceil(200_000 / 4096));
    expect((result.firstFault as JsonObject[]).map((step) => step.step)).toEqual(["a", "b", "c", "d", "e", "f", "g", "h"]);
  });

  it("one page in a group makes as many groups as page requests", async () => {
    const result = (await faultline("sim", "demo", "--file", input.path, "--pages-per-group", "1", "--json")).json() as JsonObject;
    expect(result.groups).toBe(result.pageRequests);
  });
});

describe("the first experiment: a page response is dropped", () => {
  it("the driver's time-out resets the function: the group is closed, the verdict is pass", async () => {
    const run = await faultline("run", "drop-page-response", "--mode", "sim", "--seed", "1", "--json");
    expect(run.code, run.stderr + run.stdout).toBe(0);
    expect(run.json()).toMatchObject({ verdict: "pass", violations: [], seed: 1 });
  });

  it("without the time-out INV-1 is violated, naming endpoint, PASID and group", async () => {
    const run = await faultline("run", "drop-page-response", "--mode", "sim", "--seed", "1", "--mutants", "M-no-job-timeout", "--json");
    expect(run.code).toBe(1);
    const result = run.json() as JsonObject;
    expect(result.verdict).toBe("violation");
    const [violation] = result.violations as JsonObject[];
    expect(violation.invariant).toBe("INV-1");
    expect(violation.message).toMatch(/0x8.*PASID.*group/i);
    expect((violation.events as number[]).length).toBeGreaterThan(0);
  });

  it("two runs with one seed give byte-identical histories, another seed its own", async () => {
    const digest = async (seed: string) => (await faultline("run", "drop-page-response", "--mode", "sim", "--seed", seed, "--json")).json().digest;
    const [first, second] = [await digest("7"), await digest("7")];
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(second).toBe(first);
  });
});
