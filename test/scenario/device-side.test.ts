import { createHash } from "node:crypto";
import { withEndpoints } from "@faultline/lab/demo/with-endpoints.ts";
import { defaultMachine, type EndpointOptions, type Machine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { Hardware } from "@faultline/smmu/core/hardware.ts";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { faultline } from "../support/faultline.ts";
import { inputFile } from "../support/own-tools.ts";
import { type SimulatedRun, simulate } from "../support/program-run.ts";
import { countsLeft } from "../support/teardown-order.ts";

const bytes = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 29 + (i >> 6)) & 0xff);
const digest = createHash("sha256").update(bytes).digest("hex");
const of = (history: readonly TraceEvent[], kind: string) => history.filter((event) => event.kind === kind);
const machine = (count: number, endpoint: Partial<EndpointOptions> = {}, smmu: Partial<Machine["smmu"]> = {}): Machine =>
  withEndpoints({ ...defaultMachine, smmu: { ...defaultMachine.smmu, ...smmu }, endpoints: [{ ...defaultMachine.endpoints[0], ...endpoint }] }, count)!;

/** Of each queue: its digest is right, or why not. */
const ends = ({ result }: SimulatedRun): string[] => {
  expect(result, "the workload never ended").not.toBeNull();
  return result!.queues.map(({ ok, output, error }) =>
    ok ? (Buffer.from(output).toString("hex") === digest ? "right" : "a wrong digest") : (error ?? "no reason given"),
  );
};

describe("faultline demo --endpoints N --queues M (issue 5)", () => {
  const input = inputFile(50_000);
  afterAll(() => input.remove());
  it("a process and a PASID for every queue, and one digest", async () => {
    const run = await faultline("sim", "demo", "--endpoints", "8", "--queues", "4", "--file", input.path, "--json");
    expect([run.code, run.stderr]).toEqual([0, ""]);
    const result = run.json();
    expect(result).toMatchObject({ ok: true, digest: input.sha256 });
    const queues = result.queues as unknown as { endpoint: string; queue: number; pasid: number; digest: string }[];
    expect(new Set(queues.map(({ endpoint, queue }) => `${endpoint} ${queue}`)).size).toBe(32);
    expect(new Set(queues.map(({ pasid }) => pasid)).size).toBe(32);
    expect(new Set(queues.map((queue) => queue.digest))).toEqual(new Set([input.sha256]));
  });
  it("64 endpoints, two functions of one device among them", async () => {
    const functions = { ...defaultMachine, endpoints: [...defaultMachine.endpoints, { ...defaultMachine.endpoints[0], bdf: 0x09 }] };
    const both = { ...functions, vms: [{ ...defaultMachine.vms[0], endpoints: [0x08, 0x09] }] };
    const run = await simulate({ endpoints: 64, pagesPerGroup: 1 }, { machine: withEndpoints(both, 64)!, file: bytes.subarray(0, 8192) });
    expect(run.result?.error).toBeUndefined();
    expect(run.result!.queues.slice(0, 2).map(({ endpoint }) => endpoint)).toEqual([0x08, 0x09]);
    expect(new Set(run.result!.queues.map(({ output }) => output)).size).toBe(1);
    expect(countsLeft(run.history)).toEqual({});
  });
  it.each([
    [["--endpoints", "65"], /--endpoints 65 is no whole number from 1 to 64/, "endpoints"],
    [["--queues", "9"], /--queues 9 is no whole number from 1 to 8/, "queues"],
    [["--endpoints", "0"], /--endpoints 0 is no whole number/, "endpoints"],
  ])("%j is an input error", async (args, message, field) => {
    const run = await faultline("sim", "demo", ...args, "--json");
    expect(run.code).toBe(2);
    expect(run.json().error).toMatchObject({ kind: "input", message: expect.stringMatching(message), field });
  });
});

describe("small parts: right digests or named failures, never a hang (issue 5)", () => {
  for (const priqLog2 of [1, 2, 3]) {
    const entries = 2 ** priqLog2;
    it(`a PRI queue of ${entries} entries under four endpoints overflows, and groups of one page recover: every digest is right`, async () => {
      const run = await simulate({ endpoints: 4, queues: 2, pagesPerGroup: 1 }, { machine: machine(4, {}, { priqLog2 }), file: bytes });
      expect(of(run.history, "pri-queue.auto-response").length).toBeGreaterThan(0);
      expect(of(run.history, "host.queue-overflow").length).toBeGreaterThan(0);
      expect(ends(run)).toEqual(Array(8).fill("right"));
      expect(countsLeft(run.history)).toEqual({});
    });
    it(`a PRI queue of ${entries} entries with groups of 16 pages, which it cannot hold: lost groups are asked for page by page, and every digest is right`, async () => {
      const run = await simulate({ endpoints: 4, queues: 2, pagesPerGroup: 16 }, { machine: machine(4, {}, { priqLog2 }), file: bytes });
      expect(of(run.history, "pri-queue.auto-response").length).toBeGreaterThan(0);
      expect(ends(run)).toEqual(Array(8).fill("right"));
      expect(countsLeft(run.history)).toEqual({});
    });
  }
  it("a PRI queue that holds what all endpoints may have outstanding never overflows", async () => {
    const run = await simulate({ endpoints: 4, queues: 2 }, { machine: machine(4, { credits: 16 }, { priqLog2: 6 }), file: bytes });
    expect(of(run.history, "pri-queue.auto-response")).toEqual([]);
    expect(ends(run)).toEqual(Array(8).fill("right"));
  });
  for (const atc of [0, 1, 1024]) {
    it(`an ATC of ${atc} entries: digests are right, and it never holds more`, async () => {
      const run = await simulate({ endpoints: 2, queues: 2 }, { machine: machine(2, { atc }), file: bytes });
      expect(ends(run)).toEqual(Array(4).fill("right"));
      expect(of(run.history, "endpoint.atc-miss").length).toBeGreaterThan(0);
      expect(countsLeft(run.history)).toEqual({});
    });
  }
  it("one credit: one page request at a time, and it gets through", async () => {
    expect(ends(await simulate({ endpoints: 2, queues: 2 }, { machine: machine(2, { credits: 1 }), file: bytes }))).toEqual(Array(4).fill("right"));
  });
  it("a retry limit of 1 under a queue of 2 entries: what fails is named with endpoint, PASID, queue and address", async () => {
    const run = await simulate({ endpoints: 4, queues: 2, pagesPerGroup: 1, retryLimit: 1 }, { machine: machine(4, {}, { priqLog2: 1 }), file: bytes });
    const failed = ends(run).filter((end) => end !== "right");
    expect(failed.length).toBeGreaterThan(0);
    for (const end of failed) expect(end).toMatch(/^job failed: endpoint 0x\w+, PASID \d+, queue \d: retry limit reached at 0x\w+/);
    expect(countsLeft(run.history)).toEqual({});
  });
});

describe("surprise removal of an accelerator while its DMA is in flight (PCIe 6.7.3)", () => {
  afterEach(() => void vi.restoreAllMocks());

  /** Pulls `bdf` between two steps of the hardware, when it has sent so many page requests. */
  const pulled = (bdf: number, after: number) => {
    const step = Hardware.prototype.step;
    let sent = 0;
    return simulate(
      { endpoints: 2, queues: 2, jobTimeoutNs: 120e9 },
      {
        machine: machine(2),
        file: bytes,
        prepare({ points }) {
          const holds = points.holds.bind(points);
          vi.spyOn(points, "holds").mockImplementation((id, fields) => {
            if (id === "smmu.endpoint.before-page-request" && fields?.sid === `0x${bdf.toString(16)}`) sent++;
            return holds(id, fields);
          });
          vi.spyOn(Hardware.prototype, "step").mockImplementation(function (this: Hardware) {
            if (sent >= after) this.link(bdf, "down");
            return step.call(this);
          });
        },
      },
    );
  };

  it("its jobs end with a named failure, the other endpoint's digests are right", async () => {
    const run = await pulled(0x10, 3);
    expect(run.result).not.toBeNull();
    const [first, second, third, fourth] = ends(run);
    expect([first, second]).toEqual(["right", "right"]);
    for (const end of [third, fourth]) expect(end).toMatch(/^job lost: endpoint 0x10, PASID \d+, queue \d: the function was removed$/);
  });
  it("is seen at once through slot, host, VFIO_PCI_REQ_IRQ, VMM and the guest's slot, not at a time-out", async () => {
    const { history } = await pulled(0x10, 3);
    const [pull] = of(history, "endpoint.link");
    const [host] = of(history, "host.function-removed");
    const [guest] = of(history, "guest.function-removed");
    expect([pull.ids.sid, host.ids.sid, guest.ids.endpoint, host.fields.present]).toEqual(["0x10", "0x10", "0x10", false]);
    const ends = of(history, "guest.job-done").filter(({ ids }) => ids.endpoint === "0x10");
    expect(ends.map(({ fields }) => fields.status)).toEqual(["removed", "removed"]);
    for (const { t } of ends) expect(t - pull.t).toBeLessThan(1_000_000); // of virtual time
  });
  it("its open groups are closed, and nothing more of it is seen", async () => {
    const { history } = await pulled(0x10, 3);
    const closed = of(history, "endpoint.group-closed").filter(({ ids }) => ids.sid === "0x10");
    expect(closed.length).toBeGreaterThan(0);
    const later = history.filter(
      ({ n, ids, kind }) => n > closed[0].n && ids.sid === "0x10" && ["endpoint.page-request", "endpoint.atc-fill", "dma.access"].includes(kind),
    );
    expect(later).toEqual([]);
  });
  it("ATC invalidations to it complete: the guest's teardown goes on, and nothing is left", async () => {
    const run = await pulled(0x10, 3);
    expect(of(run.history, "command-queue.error")).toEqual([]);
    expect(countsLeft(run.history)).toEqual({});
  });
});
