import type { Checker, Violation } from "./checker.ts";
import { tlbisWithin } from "./commands.ts";
import { INVALIDATION_EVENTS, invalidations } from "./invalidations.ts";

/** CMDQ_MAX_TLBI_OPS of arm-smmu-v3, as many pages as a table of 4 KiB has entries: beyond it everything of the ASID goes instead. */
const MOST_COMMANDS = 512;
const PAGE = 4096n;

/** ORD-FLOOD: what one INVALIDATE asks for costs a bounded number of commands, however long its range is (S08: a soft lock-up of the CPU that issues them). */
export const ordFlood: Checker = {
  id: "ORD-FLOOD",
  sentence: "An invalidation of a range takes at most 512 TLBI commands.",
  reads: INVALIDATION_EVENTS,
  check(history) {
    const violations: Violation[] = [];
    for (const { done, sent, executed } of invalidations(history)) {
      const pages = Number(done.fields.pages ?? 0);
      if (done.fields.granularity !== "VA" || pages <= MOST_COMMANDS || executed.length <= MOST_COMMANDS) continue;
      const first = BigInt(done.ids.gva ?? "0x0");
      const count = tlbisWithin(executed, done.ids.asid ?? -1, first, first + BigInt(pages) * PAGE - 1n);
      if (count <= MOST_COMMANDS) continue;
      violations.push({
        invariant: "ORD-FLOOD",
        message: `domain ${done.ids.domain}: the INVALIDATE of ${pages} pages of ASID ${done.ids.asid} took ${count} CMD_TLBI_NH_VA: no CMD_TLBI_NH_ASID instead between #${sent?.n ?? 0} and #${done.n}`,
        events: [...(sent ? [sent.n] : []), done.n],
      });
    }
    return violations;
  },
};
