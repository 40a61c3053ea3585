import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";

/** Commands that drop every stage-2 entry of a VMID, or of all. */
const DROPS_VMID = new Set(["CMD_TLBI_S12_VMALL", "CMD_TLBI_NSNH_ALL"]);

/** ORD-VMID: a VMID is used again only after the entries of its former domain were dropped, and no invalidation of that domain comes later: it would hit the new one. */
export const ordVmid: Checker = {
  id: "ORD-VMID",
  sentence: "A VMID is free of its former domain's entries before it is used again, and no TLBI of that domain follows.",
  reads: ["command.executed CMD_TLBI_S12_VMALL", "command.executed CMD_TLBI_NSNH_ALL", "host.domain-attach", "host.stage2-map", "host.stage2-unmap"],
  check(history) {
    const violations: Violation[] = [];
    const owners = new Map<number, { domain: number | undefined; last: TraceEvent; dropped: boolean }>();
    const former = new Map<string, TraceEvent>();
    for (const event of history) {
      const { vmid, domain } = event.ids;
      if (event.kind === "command.executed" && DROPS_VMID.has(String(event.fields.name))) {
        for (const [of, owner] of owners) if (vmid === undefined || vmid === of) owner.dropped = true;
      }
      if (vmid === undefined || domain === undefined) continue;
      const owner = owners.get(vmid);
      if (event.kind === "host.stage2-unmap") {
        const reused = former.get(`${vmid}/${domain}`);
        if (reused)
          violations.push({
            invariant: "ORD-VMID",
            message: `domain ${domain} invalidated VMID ${vmid} at #${event.n}, which is domain ${reused.ids.domain}'s since #${reused.n}`,
            events: [reused.n, event.n],
          });
      } else if (event.kind === "host.stage2-map" || event.kind === "host.domain-attach") {
        if (owner && owner.domain !== domain) {
          former.set(`${vmid}/${owner.domain}`, event);
          if (!owner.dropped)
            violations.push({
              invariant: "ORD-VMID",
              message: `VMID ${vmid} went from domain ${owner.domain} to domain ${domain}: no CMD_TLBI_S12_VMALL for it between #${owner.last.n} and #${event.n}`,
              events: [owner.last.n, event.n],
            });
        }
        owners.set(vmid, { domain, last: event, dropped: false });
      }
    }
    return violations;
  },
};
