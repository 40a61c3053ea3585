import { createHash } from "node:crypto";
import { withEndpoints } from "@faultline/lab/demo/with-endpoints.ts";
import { defaultMachine, type EndpointOptions, type Machine } from "@faultline/shared/machine/machine.ts";
import { beforeAll, describe, expect, it } from "vitest";
import { type SimulatedRun, simulate } from "../support/program-run.ts";
import { countsLeft } from "../support/teardown-order.ts";

const bytes = Uint8Array.from({ length: 60_000 }, (_, i) => (i * 31 + (i >> 7)) & 0xff);
const digest = createHash("sha256").update(bytes).digest("hex");
const hexOf = (output: Uint8Array): string => Buffer.from(output).toString("hex");

describe("eight endpoints with four queues each, a process and a PASID for every queue, over one file (issue 5)", () => {
  let run: SimulatedRun;
  beforeAll(async () => {
    run = await simulate({ endpoints: 8, queues: 4 }, { machine: withEndpoints(defaultMachine, 8)!, file: bytes });
  });

  it("every queue has the same, right digest", () => {
    expect(run.result?.error).toBeUndefined();
    expect(run.result?.queues.map(({ output }) => hexOf(output))).toEqual(Array(32).fill(digest));
    expect(hexOf(run.result!.output)).toBe(digest);
  });
  it("each has its own PASID, on four queues of each of eight functions", () => {
    const { queues } = run.result!;
    expect(new Set(queues.map(({ pasid }) => pasid)).size).toBe(32);
    expect(new Set(queues.map(({ endpoint, queue }) => `${endpoint}/${queue}`)).size).toBe(32);
    expect(new Set(queues.map(({ endpoint }) => endpoint))).toEqual(new Set([8, 16, 24, 32, 40, 48, 56, 64]));
  });
  it("jobs and faults are those of the queues together", () => {
    const { queues, jobs, faultsHandled } = run.result!;
    expect(jobs).toBe(32);
    expect(queues.every((queue) => queue.faultsHandled >= 15)).toBe(true); // the file's pages
    expect(faultsHandled).toBe(queues.reduce((sum, queue) => sum + queue.faultsHandled, 0));
  });
  it("device fds are far beyond 31, and the VMM finds the ring of each", () => {
    const fds = new Set(run.history.filter(({ kind }) => kind === "host.fault-reported").map(({ ids }) => ids.fd!));
    expect(fds.size).toBe(8);
    expect(Math.max(...fds)).toBeGreaterThan(31);
  });
  it("its eight domains, one for each container, are known to be of one VM", () => {
    const attached = run.history.filter(({ kind }) => kind === "host.domain-attach");
    expect(new Set(attached.map(({ ids }) => ids.vmid)).size).toBe(8);
    expect(new Set(attached.map(({ ids }) => ids.vm))).toEqual(new Set(["0"]));
  });
  it("nothing is left in the guest", () => expect(countsLeft(run.history)).toEqual({}));

  it("copies have the file's bytes, through chunks that fit into RAM together", async () => {
    const { result } = await simulate({ operation: "copy", endpoints: 8, queues: 4 }, { machine: withEndpoints(defaultMachine, 8)!, file: bytes });
    expect(result?.error).toBeUndefined();
    expect(Buffer.from(result!.output).equals(bytes)).toBe(true);
    expect(new Set(result!.queues.map(({ output }) => output)).size).toBe(1);
  });
  it("more functions than there are, and queues than a function has, are refused by name", async () => {
    expect((await simulate({ endpoints: 2 }, { file: bytes })).result?.error).toBe("2 accelerators from endpoint 0x8 on are wanted, 1 are assigned to this guest");
    const { result } = await simulate({ queues: 9 }, { file: bytes });
    expect(result).toMatchObject({ ok: false, error: "no queue of endpoint 0x8 is free" });
    expect(result?.queues.filter(({ ok }) => ok)).toHaveLength(8);
  });
});

const twoFunctions = (endpoint: Partial<EndpointOptions>, smmu: Partial<Machine["smmu"]> = {}): Machine =>
  withEndpoints({ ...defaultMachine, smmu: { ...defaultMachine.smmu, ...smmu }, endpoints: [{ ...defaultMachine.endpoints[0], ...endpoint }] }, 2)!;

describe("small parts end in right digests or named failures, never in a hang (issue 5)", () => {
  for (const atc of [0, 1]) {
    it(`an ATC of ${atc} entries`, async () => {
      const { result } = await simulate({ endpoints: 2, queues: 2 }, { machine: twoFunctions({ atc }), file: bytes });
      expect(result?.error).toBeUndefined();
      expect(result?.queues.map(({ output }) => hexOf(output))).toEqual(Array(4).fill(digest));
    });
  }
  for (const [entries, priqLog2] of [
    [2, 1],
    [8, 3],
  ]) {
    it(`a PRI queue of ${entries} entries overflows and recovers: with one page in a group every digest is right, and nothing is left`, async () => {
      const { result, history } = await simulate({ endpoints: 2, queues: 2, pagesPerGroup: 1 }, { machine: twoFunctions({}, { priqLog2 }), file: bytes });
      expect(history.some(({ kind }) => kind === "pri-queue.auto-response")).toBe(true);
      expect(history.some(({ kind, fields }) => kind === "host.queue-overflow" && fields.queue === "PRIQ")).toBe(true);
      expect(result?.queues.map(({ ok, output, error }) => (ok ? hexOf(output) : error))).toEqual(Array(4).fill(digest));
      expect(countsLeft(history)).toEqual({});
    });
  }
  it("with eight pages in a group, more than the queue can hold, a retry limit of 1 is reached and named; nothing is left", async () => {
    const { result, history } = await simulate({ endpoints: 2, queues: 2, pagesPerGroup: 8, retryLimit: 1 }, { machine: twoFunctions({}, { priqLog2: 1 }), file: bytes });
    expect(result?.error).toMatch(/^job failed: endpoint 0x8, PASID \d, queue 0: retry limit reached at 0x7f/);
    expect(countsLeft(history)).toEqual({});
  });
});
