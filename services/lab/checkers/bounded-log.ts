import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";

/** Kinds that stand for a line in a kernel log; `logged: false` marks one that a rate limit kept out of it. */
const LOGGED = ["host.event-record", "host.gerror", "host.command-timeout", "guest.unrecoverable-fault"] as const;
const isLine = new Set<string>(LOGGED);
/** DEFAULT_RATELIMIT_BURST and DEFAULT_RATELIMIT_INTERVAL of include/linux/ratelimit_types.h. */
const BURST = 10;
const INTERVAL_NS = 5e9;

const isLogged = ({ kind, fields }: TraceEvent): boolean => isLine.has(kind) && fields.logged !== false && fields.reported !== true; // IC-908: what was reported is not printed

/** LOG: no kind of event makes a kernel print without bound (S53, S54: about 130 interrupts a second froze a box by their messages). */
export const boundedLog: Checker = {
  id: "LOG",
  sentence: "A storm of events prints at most ten lines of a kind in five seconds.",
  reads: [...LOGGED],
  check(history) {
    const violations: Violation[] = [];
    const windows = new Map<string, { start: TraceEvent; lines: number; over: boolean }>();
    for (const event of history) {
      if (!isLogged(event)) continue;
      const key = `${event.who} ${event.kind}`;
      const window = windows.get(key);
      if (!window || event.t - window.start.t >= INTERVAL_NS) {
        windows.set(key, { start: event, lines: 1, over: window?.over ?? false });
        continue;
      }
      if (++window.lines <= BURST || window.over) continue;
      window.over = true; // once per kind: the rest is the same storm
      violations.push({
        invariant: "LOG",
        message: `${event.who}: more than ${BURST} ${event.kind} lines in 5 s, from #${window.start.n} to #${event.n} and on: no rate limit`,
        events: [window.start.n, event.n],
      });
    }
    return violations;
  },
};
