import { SimulatedMachine } from "@faultline/lab/simulation/machine.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { beforeAll, describe, expect, it } from "vitest";

describe("munmap of what the device used (flow.md, invalidation path): nothing is freed before every cache has let go", () => {
  let after: TraceEvent[] = [];
  const first = (kind: string, name?: string): number => after.findIndex((event) => event.kind === kind && (name === undefined || event.fields.name === name));

  beforeAll(async () => {
    const machine = new SimulatedMachine(defaultMachine, { seed: 1, switches: new Set() });
    await machine.boot();
    const bytes = new Uint8Array(20_000).fill(7);
    const end = await machine.runWorkload([{ name: "input", bytes }], { operation: "sha256", file: "input", pagesPerGroup: 4, jobTimeoutNs: 1e9 });
    expect(end.ended && end.value.ok).toBe(true);
    const { history } = machine;
    after = history.slice(history.findIndex((event) => event.kind === "guest.munmap"));
  });

  it("the TLB by VA, ASID and VMID first, then SYNC, then the ATC, then SYNC", () => {
    const tlbi = first("command.executed", "CMD_TLBI_NH_VA");
    const atc = first("command.executed", "CMD_ATC_INV");
    expect(tlbi).toBeGreaterThan(0);
    expect(after.slice(tlbi, atc).some((event) => event.kind === "command.executed" && event.fields.name === "CMD_SYNC")).toBe(true);
    const completion = first("ats.invalidate-completion");
    expect(after.slice(completion).find((event) => event.kind === "command.executed")?.fields.name).toBe("CMD_SYNC");
  });
  it("the range that the device's ATC drops holds what it had cached", () => {
    const invalidated = after.find((event) => event.kind === "endpoint.invalidated");
    expect(invalidated?.fields.entries).toBeGreaterThan(0);
  });
  it("the guest's INVALIDATE completes after the host's ioctl, that after the ATC's completion", () => {
    const order = [
      first("ats.invalidate-completion"),
      first("host.ioctl", "VFIO_IOMMU_CACHE_INVALIDATE"),
      first("vmm.ioctl", "VFIO_IOMMU_CACHE_INVALIDATE"),
      first("guest.invalidate"),
    ];
    expect(order.every((at) => at > 0)).toBe(true);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });
});
