import type { TraceEvent, TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { type Line, oneFault, written } from "../checkers/test-support/written-history.ts";
import { groupSpans } from "./groups.ts";
import { merged, rowsOf, zoom } from "./sequence.ts";

const request = (grpid: number, page: number): Line => ["smmu", "endpoint.page-request", { sid: "0x8", pasid: 1, grpid, iova: `0x7${page}000` }, { last: false }];
const drawn = (history: readonly TraceEvent[], offending: number[] = []) =>
  merged(zoom(rowsOf(history, new Set(offending)))).map(({ name, more }) => (more.length ? `${name} ×${more.length + 1}` : name));

describe("rows of the sequence diagram", () => {
  it("are one where one name follows itself, and say what the field says", () => {
    expect(drawn(written(request(3, 1), request(3, 2), request(3, 3), request(4, 4)))).toEqual(["Page Request group 3 ×3", "Page Request group 4"]);
  });
  it("leave an offence alone", () => {
    expect(drawn(written(request(3, 1), request(3, 2), request(3, 3)), [2])).toEqual(["Page Request group 3", "Page Request group 3", "Page Request group 3"]);
  });
  it("name an offence of any kind in words, and everything that shares its group", () => {
    expect(drawn(written(...oneFault), [2])).toEqual([
      ...["Page Request group 3", "PRIQ entry written group 3 last", "fault reported group 3", "handle_mm_fault: success group 3"],
      ...["page response group 3", "page response group 3: done", "PRG Response group 3"],
    ]);
  });
  it("show what the lab did to a message, to a task and to a part", () => {
    const send = { edge: "vfio", direction: "vmm->host", kind: "pwrite", seq: 9, replyTo: 0, records: ["page-response pasid=1 grpid=3 code=2"] };
    const rows = rowsOf(
      written(
        ["vmm0", "edge.send", {}, send],
        ["vmm0", "edge.rule", {}, { rule: "fault-0", do: "drop", direction: "vmm->host", kind: "pwrite", seq: 9 }],
        ["smmu", "lab.rule", {}, { rule: "fault-1", do: "hold", at: "smmu.endpoint.before-invalidate-completion" }],
        ["lab", "lab.part", {}, { part: "guest0", did: "kill", rule: "fault-2" }],
      ),
      new Set(),
    );
    expect(rows.map(({ name, about, from, to, rule, band }) => [name, about, from, to, rule, band])).toEqual([
      ["iommu_page_response group 3", "PASID 1 FAILURE", "vmm", "host", "fault-0: drop", false],
      ["hold at smmu.endpoint.before-invalidate-completion", "", "endpoint", undefined, "fault-1: hold", false],
      ["kill guest0", "", "lab", undefined, "fault-2", true],
    ]);
  });
  it("say what an INVALIDATE is for: an ASID's page, or a PASID", () => {
    const invalidate = (record: string): Line => [
      "guest0",
      "edge.send",
      {},
      { direction: "guest->vmm", kind: "available", seq: 1, records: [`invalidate-request domain=0 ${record}`] },
    ];
    const rows = rowsOf(written(invalidate("pasid=0 asid=2 gva=0x7000 inv_gran=4"), invalidate("pasid=5 asid=0 gva=0x0 inv_gran=2")), new Set());
    expect(rows.map(({ name, about }) => `${name} ${about}`)).toEqual(["INVALIDATE 0x7000 ASID 2 by VA", "INVALIDATE PASID 5 by PASID"]);
  });
  it("say whose they are when it is not the first VM's", () => {
    const bind = (who: string): Line => [who, "guest.bind", { endpoint: "0x10", pasid: 1 }];
    expect(rowsOf(written(bind("guest0"), bind("guest1")), new Set()).map(({ about }) => about)).toEqual(["PASID 1", "PASID 1 VM 1"]);
  });
  it("are fewer than a hundred and keep the offence, although a rule fires ten thousand times", () => {
    const fired: Line[] = Array.from({ length: 10_000 }, (_, i) => ["smmu", "lab.rule", {}, { rule: "fault-0", do: "full", at: "smmu:priq", match: i }]);
    const rows = zoom(rowsOf(written(...fired, request(3, 1), ...fired), new Set([10_001])));
    expect(rows.length).toBeLessThan(100);
    expect(rows.filter(({ offence }) => offence).map(({ event }) => event.n)).toEqual([10_001]);
  });
});

describe("page request groups of a history", () => {
  const answer = (fields: TraceFields, ids: TraceIds = { sid: "0x8", pasid: 1, grpid: 3 }): Line => ["smmu", "endpoint.prg-response", ids, fields];
  it("last from their first request to the answer that the function takes; another endpoint's and a refused one close nothing", () => {
    const spans = groupSpans(
      written(
        request(3, 1),
        request(3, 2),
        answer({ code: 0, accepted: false }),
        answer({ code: 0 }, { sid: "0x10", grpid: 3 }),
        answer({ code: 0, accepted: true }),
        request(3, 3),
      ),
    );
    expect(spans).toEqual([
      { sid: "0x8", grpid: 3, opened: 0, closed: 4 },
      { sid: "0x8", grpid: 3, opened: 5, closed: null },
    ]);
  });
});
