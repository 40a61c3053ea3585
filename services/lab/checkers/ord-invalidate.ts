import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { VIRTIO_IOMMU_INV_T_DEV_IOTLB } from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Checker, Violation } from "./checker.ts";
import { emptiesAsid, emptiesCd, pageLeft } from "./commands.ts";
import { INVALIDATION_EVENTS, type Invalidation, invalidations } from "./invalidations.ts";
import { endpointOf, pasidText } from "./naming.ts";

const PAGE = 4096n;

/**
 * ORD-INVALIDATE: between an INVALIDATE and the completion that the guest sees, the hardware executed commands that cover what was named, a CMD_SYNC after them, and every ATC that can
 * hold an entry completed (step 6 of the invalidation path, spec/flow.md). What is missing is named.
 */
export const ordInvalidate: Checker = {
  id: "ORD-INVALIDATE",
  sentence: "An invalidation is complete in the hardware before its request is complete in the guest.",
  reads: [...INVALIDATION_EVENTS, "endpoint.atc-fill", "endpoint.ats-disabled", "endpoint.flr", "guest.attach-table", "guest.cd-written"],
  check(history) {
    const violations: Violation[] = [];
    const domains = new Map<string, Set<string>>();
    const fills = new Map<string, TraceEvent[]>();
    const add = (map: Map<string, Set<string>>, key: string, event: TraceEvent) => void map.set(key, (map.get(key) ?? new Set()).add(endpointOf(event)));
    for (const event of history) {
      // A history that began after the guest's boot has no attach: each CD says which endpoint's domain it is of.
      if (event.kind === "guest.attach-table" || event.kind === "guest.cd-written") add(domains, `${event.who}/${event.ids.domain}`, event);
      // An ATC is empty after a reset, or with ATS off, and stays so without a fill.
      else if (event.kind === "endpoint.atc-fill" || event.kind === "endpoint.flr" || event.kind === "endpoint.ats-disabled") {
        const known = fills.get(endpointOf(event));
        if (known) known.push(event);
        else fills.set(endpointOf(event), [event]);
      }
    }
    for (const invalidation of invalidations(history)) {
      const { done, sent } = invalidation;
      const endpoints = domains.get(`${done.who}/${done.ids.domain}`);
      if (!endpoints) continue; // nothing is cached for a domain without endpoints
      const holding = [...endpoints].filter((endpoint) => fills.get(endpoint)?.findLast(({ n }) => n < done.n)?.kind === "endpoint.atc-fill");
      const missing = gap(invalidation, holding);
      if (missing) {
        violations.push({
          invariant: "ORD-INVALIDATE",
          message: `domain ${done.ids.domain}: the INVALIDATE by ${done.fields.granularity} was complete for ${done.who} at #${done.n}: no ${missing} between #${sent?.n ?? 0} and #${done.n}`,
          events: [...(sent ? [sent.n] : []), done.n],
        });
      }
    }
    return violations;
  },
};

/** What did not happen, as in "no CMD_CFGI_CD for PASID 5"; null: everything did. */
function gap({ done, executed, completed, types }: Invalidation, holding: readonly string[]): string | null {
  const { granularity, pages } = done.fields;
  if (granularity === "PASID") return emptiesCd(executed, done.ids.pasid ?? -1) ? null : `CMD_CFGI_CD for ${pasidText(done.ids.pasid)} and CMD_SYNC`;
  const asid = done.ids.asid ?? -1;
  if (granularity === "ASID" && !emptiesAsid(executed, asid)) return `CMD_TLBI_NH_ASID for ASID ${asid} and CMD_SYNC`;
  const first = BigInt(done.ids.gva ?? "0x0");
  const last = first + BigInt(Number(pages ?? 0)) * PAGE - 1n;
  if (granularity === "VA") {
    const left = pageLeft(executed, asid, first, last);
    if (left !== null) return `CMD_TLBI_NH_VA for ASID ${asid}, page 0x${left.toString(16)}, and CMD_SYNC`;
  }
  if ((types & VIRTIO_IOMMU_INV_T_DEV_IOTLB) === 0) return null; // the ATC was not asked for
  const silent = holding.find((endpoint) => !covered(completed.get(endpoint) ?? [], granularity === "VA" ? [first, last] : [0n, (1n << 64n) - 1n]));
  return silent === undefined ? null : `ATS Invalidate Completion of endpoint ${silent} for all of it`;
}

function covered(requests: readonly TraceEvent[], [first, last]: [bigint, bigint]): boolean {
  return requests.some(({ ids, fields }) => {
    const from = BigInt(ids.iova ?? "0x0");
    return from <= first && from + BigInt(String(fields.bytes ?? "0x0")) - 1n >= last;
  });
}
