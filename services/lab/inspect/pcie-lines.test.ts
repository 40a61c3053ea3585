import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { pcieKinds, pcieLine } from "./pcie-lines.ts";

const event = (kind: string, ids: TraceEvent["ids"], fields: TraceEvent["fields"] = {}): TraceEvent => ({
  n: 1,
  t: 0,
  lamport: 0,
  who: "smmu",
  kind: kind as TraceEvent["kind"],
  ids: { sid: "0x9", ...ids },
  fields,
  cause: null,
});

describe("faultline trace --edge pcie: a line for each TLP (PCIe 10.2 to 10.4)", () => {
  const cases: [TraceEvent, string][] = [
    [
      event("ats.translation-request", { pasid: 5, iova: "0x7f0000001000" }, { status: "SC", noWrite: true, count: 1, R: true, W: false, pa: "0x40001000", bytes: 4096 }),
      "00:01.1 pcie:translation-request: pasid=5 addr=0x7f0000001000 count=1 nw\nroot pcie:translation-completion: to=00:01.1 pasid=5 status=SC pa=0x40001000 bytes=4096 r-",
    ],
    [
      event("ats.translation-request", { iova: "0x1000" }, { status: "SC", noWrite: false, count: 1, R: false, W: false, bytes: 4096 }),
      "00:01.1 pcie:translation-request: addr=0x1000 count=1\nroot pcie:translation-completion: to=00:01.1 status=SC --",
    ],
    [
      event("ats.translation-request", { iova: "0x1000" }, { status: "UR", noWrite: false, count: 2 }),
      "00:01.1 pcie:translation-request: addr=0x1000 count=2\nroot pcie:translation-completion: to=00:01.1 status=UR",
    ],
    [
      event("endpoint.page-request", { pasid: 5, grpid: 3, iova: "0x1000" }, { last: true, read: true, write: false }),
      "00:01.1 pcie:page-request: pasid=5 prgi=3 addr=0x1000 r- last",
    ],
    [event("prg-response.sent", { grpid: 3 }, { code: 15 }), "root pcie:prg-response: to=00:01.1 prgi=3 code=15"],
    [
      event("ats.invalidate-request", { pasid: 5, iova: "0x1000" }, { itag: 31, bytes: "0x1000" }),
      "root pcie:invalidate-request: to=00:01.1 pasid=5 itag=31 addr=0x1000 bytes=0x1000",
    ],
    [event("endpoint.stop-marker", { pasid: 5 }), "00:01.1 pcie:stop-marker: pasid=5"],
    [
      event("dma.refused", { pasid: 5, iova: "0x1000" }, { status: "CA", write: true, length: 8, translated: false }),
      "00:01.1 pcie:memory-write: pasid=5 addr=0x1000 bytes=8 status=CA",
    ],
    [
      event("dma.refused", { iova: "0x40000000" }, { status: "UR", write: false, length: 8, translated: true }),
      "00:01.1 pcie:memory-read: addr=0x40000000 bytes=8 at=translated status=UR",
    ],
    [event("endpoint.error", {}, { error: "completionTimeout", severity: "non-fatal", message: null }), "00:01.1 pcie:error: non-fatal completionTimeout"],
    [
      event("endpoint.error", {}, { error: "unsupportedRequest", severity: "non-fatal", message: "ERR_NONFATAL" }),
      "00:01.1 pcie:message: code=ERR_NONFATAL non-fatal unsupportedRequest",
    ],
    [event("endpoint.link", {}, { up: false }), "00:01.1 pcie:link: down"],
    [event("ats.invalidate-completion", {}, { itag: 31 }), "00:01.1 pcie:invalidate-completion: itag=31"],
    [event("ats.invalidate-completion", {}, { itag: 3, status: "UR" }), "00:01.1 pcie:invalidate-completion: itag=3 status=UR"],
    [
      event("dma.access", { pasid: 5, iova: "0x1010", pa: "0x40000010" }, { write: true, length: 32 }),
      "00:01.1 pcie:memory-write: pasid=5 addr=0x1010 bytes=32 pa=0x40000010",
    ],
    [event("dma.access", { iova: "0x1010", pa: "0x40000010" }, { write: false, length: 64 }), "00:01.1 pcie:memory-read: addr=0x1010 bytes=64 pa=0x40000010"],
  ];
  it.each(cases.map(([one, line]) => [one.kind, one, line] as const))("%s", (_, one, line) => expect(pcieLine(one)).toBe(line));
  it("every kind that is subscribed has a line above, and others have none", () => {
    expect(new Set(cases.map(([{ kind }]) => kind))).toEqual(new Set(pcieKinds));
    expect(pcieLine(event("endpoint.job-start", {}))).toBeNull();
  });
});
