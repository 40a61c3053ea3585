import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Violation } from "../checkers/checker.ts";
import { type Assertion, countAssertions, isBroken } from "./assertion.ts";

/** CMDQ_CONS.ERR of a command that is not one (7.1). */
const CERROR_ILL = 1;

/** The assertions that every run is held against. */
export const assertions: readonly Assertion[] = [
  {
    id: "A-fill-has-access",
    kind: "always",
    sentence: "An ATC entry has a permission: a translation without access is not cached.",
    source: "PCIe 10.2.3.5",
    at: ["endpoint.atc-fill"],
    holds: ({ fields }) => fields.R === true || fields.W === true,
  },
  {
    id: "A-page-aligned-requests",
    kind: "always",
    sentence: "A page request names a page.",
    source: "PCIe 10.4.1",
    at: ["endpoint.page-request"],
    holds: ({ ids }) => ids.iova === "0x0" || (ids.iova ?? "").endsWith("000"),
  },
  {
    id: "A-pasid-0-is-not-bound",
    kind: "always",
    sentence: "PASID 0 is never given to a process.",
    source: "IC-205",
    at: ["guest.bind"],
    holds: ({ ids }) => ids.pasid !== undefined && ids.pasid > 0,
  },
  {
    id: "A-illegal-command",
    kind: "unreachable",
    sentence: "The host's driver issues no illegal command.",
    source: "Arm IHI 0070 G.b, 7.1",
    at: ["command-queue.error"],
    applies: ({ fields }) => fields.code === CERROR_ILL,
  },
  { id: "A-overflow", kind: "reachable", sentence: "A queue of the SMMU overflows.", source: "S19, S20", at: ["host.queue-overflow"] },
  { id: "A-auto-response", kind: "reachable", sentence: "The SMMU answers a page request by itself.", source: "Arm IHI 0070 G.b, 8.1", at: ["pri-queue.auto-response"] },
  { id: "A-closed-by-reset", kind: "reachable", sentence: "A reset closes a group that nobody answered.", source: "S31", at: ["endpoint.group-closed"] },
  { id: "A-atc-timeout", kind: "reachable", sentence: "A CMD_SYNC does not complete in time.", source: "S12", at: ["host.command-timeout"] },
  { id: "A-response-refused", kind: "reachable", sentence: "A late or foreign page response is refused.", source: "S32", at: ["guest.page-response-refused"] },
  { id: "A-eviction", kind: "reachable", sentence: "A cache evicts an entry that no invalidation named.", source: "issue 4, item 4", at: ["cache.evicted"] },
  {
    id: "A-invalid-answer",
    kind: "sometimes",
    sentence: "A group is answered Invalid Request.",
    source: "IC-601 to IC-607",
    at: ["endpoint.prg-response"],
    holds: ({ fields }) => fields.code === PRG_RESPONSE_CODE.InvalidRequest,
  },
  {
    id: "A-write-fault",
    kind: "sometimes",
    sentence: "A page is asked for to be written.",
    source: "spec/flow.md, step d",
    at: ["endpoint.page-request"],
    holds: ({ fields }) => fields.write === true,
  },
  {
    id: "A-rule-bites",
    kind: "sometimes",
    sentence: "A rule of the lab changes what happens.",
    source: "design.md, section 6",
    at: ["edge.rule", "lab.rule"],
    holds: ({ fields }) => fields.do !== undefined,
  },
];

/** Commands that the lab corrupted or replayed are not the driver's, nor is what a slot held before, when the lab lost what the driver wrote there: the next PROD publishes it. */
const forged = (history: readonly TraceEvent[]): boolean =>
  history.some(({ kind, fields }) => kind === "edge.rule" && fields.direction === "host->smmu" && ["corrupt", "replay", "drop"].includes(String(fields.do)));

/** The assertions that a run breaks, as violations: `invariant` is the assertion's id. */
export const brokenAssertions = (history: readonly TraceEvent[]): Violation[] =>
  countAssertions(assertions, history)
    .filter((count) => isBroken(count) && !(count.id === "A-illegal-command" && forged(history)))
    .map(({ id, sentence, reached, held, examples }) => ({ invariant: id, message: `${sentence} Not so ${reached - held} of ${reached} times`, events: examples }));
