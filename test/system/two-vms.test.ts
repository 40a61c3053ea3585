import { createHash } from "node:crypto";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage, composeStack } from "../support/compose-stack.ts";
import { noEngine } from "../support/engine.ts";
import { processStack } from "../support/process-stack.ts";
import { eventually, type Stack } from "../support/stack.ts";

const bytes = (seed: number) => Uint8Array.from({ length: 300_000 }, (_, i) => (i * (31 + seed) + (i >> 8)) & 0xff);
const sha256 = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
const job = { operation: "sha256", file: "input", pagesPerGroup: 1, jobTimeoutNs: 60e9 } as const;

/** Two VMs on one host and one SMMU, an endpoint each. */
function twoVms(stack: Stack): void {
  const run = (vm: 0 | 1) => {
    const lab = stack.lab(`guest${vm}`);
    return lab.runWorkload([{ name: "input", bytes: bytes(vm) }], job).finally(() => lab.close());
  };
  const digest = (output: Uint8Array) => Buffer.from(output).toString("hex");

  it("run jobs side by side, each with its own digest, on streams and VMIDs of their own", async () => {
    await stack.up();
    const [first, second] = await Promise.all([run(0), run(1)]);
    expect([digest(first.output), digest(second.output)]).toEqual([sha256(bytes(0)), sha256(bytes(1))]);
    const domains = (await stack.state("host", "/domains")) as { vmid: number; devices: string[] }[];
    expect(domains.map(({ devices }) => devices)).toEqual([["0x8"], ["0x10"]]);
    expect(new Set(domains.map(({ vmid }) => vmid)).size).toBe(2);
  });

  it("killing one leaves the other's digest alone, and its faults go on being answered; the host keeps nothing of the dead one", async () => {
    await stack.up();
    const smmu = stack.lab("smmu");
    try {
      const responses = { "0x8": 0, "0x10": 0 };
      const count = ({ ids }: TraceEvent) => void responses[ids.sid as "0x8"]++;
      await smmu.trace(count, ["endpoint.prg-response"]).active;
      const survivor = run(0);
      const victim = run(1).catch(() => null);
      await eventually(() => (responses["0x8"] > 2 && responses["0x10"] > 2 ? true : null));
      await stack.kill("vmm1");
      const { code } = await stack.gone("guest1");
      expect(code).toBe(3);
      await victim;
      const { ok, error, output } = await survivor;
      expect([ok, error]).toEqual([true, undefined]);
      expect(digest(output)).toBe(sha256(bytes(0)));
      const counts = await eventually(async () => {
        const now = (await stack.state("host", "/counts")) as Record<string, number>;
        return now.processes === 1 ? now : null;
      });
      expect(counts).toMatchObject({ processes: 1, vmids: 1, handlers: 1, pending: 0 });
    } finally {
      smmu.close();
    }
    await stack.up();
    expect(digest((await run(1)).output)).toBe(sha256(bytes(1)));
  });
}

const machine = new URL("../../services/lab/machines/two-vms.yaml", import.meta.url).pathname;
describe("two VMs in six processes", () => {
  const stack = processStack(`two-${process.pid}`, machine);
  afterAll(() => stack.down(), 30_000);
  twoVms(stack);
});

describe.skipIf(noEngine !== null)(`two VMs in six containers, the second by its profile${noEngine ? `: skipped, ${noEngine}` : ""}`, () => {
  const stack = composeStack("faultline-two", ["vm1"]);
  beforeAll(() => buildImage(), 300_000);
  afterAll(() => stack.down(), 60_000);
  twoVms(stack);
});
