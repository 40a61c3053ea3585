import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { edgeViews } from "./edge-lines.ts";

const event = (kind: TraceEvent["kind"], who: string, fields: TraceEvent["fields"]): TraceEvent => ({ n: 1, t: 0, lamport: 0, who, kind, ids: {}, fields, cause: null });

describe("faultline trace: an edge from one of its ends, so that its lines have one order", () => {
  it.each(Object.entries(edgeViews))("%s is seen by one part", (_edge, view) => {
    expect(view.parts).toHaveLength(1);
  });
  it("names who sent a record, be it this end or the other", () => {
    const records = ["page-resp-request endpoint=0x8 grpid=3"];
    const line = (kind: "edge.send" | "edge.deliver") => edgeViews.virtio.line(event(kind, "vmm0", { edge: "virtio", peer: "guest0", kind: "available", records }));
    expect([line("edge.deliver"), line("edge.send")]).toEqual([
      "guest0 virtio:page-resp-request: endpoint=0x8 grpid=3",
      "vmm0 virtio:page-resp-request: endpoint=0x8 grpid=3",
    ]);
  });
  it("shows of the VFIO edge system calls and eventfds, and of another edge nothing", () => {
    const signal = { peer: "host", kind: "signal", records: ["dma-fault pasid=1"] };
    const call = { call: "ioctl", args: ["5", "VFIO_SET_IOMMU", "6"], ret: -16 };
    expect([
      edgeViews.vfio.line(event("vmm.system-call", "vmm0", call)),
      edgeViews.vfio.line(event("edge.deliver", "vmm0", { edge: "vfio", ...signal })),
      edgeViews.vfio.line(event("edge.deliver", "vmm0", { edge: "virtio", ...signal })),
    ]).toEqual(["ioctl(5, VFIO_SET_IOMMU, 6) = -1 EBUSY (Device or resource busy)", "--- eventfd signalled {dma-fault pasid=1} ---", null]);
  });
});
