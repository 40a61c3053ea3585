import type { Checker } from "./checker.ts";
import { COUNT_EVENTS, isLock, leaks } from "./counts.ts";

/** INV-5: no lock is held when everything has come to rest. */
export const inv5: Checker = {
  id: "INV-5",
  sentence: "Every lock taken is released on every path.",
  reads: [...COUNT_EVENTS],
  check: (history) =>
    leaks(history, isLock).map(({ who, name, after, events }) => ({
      invariant: "INV-5",
      message: `${who} still holds ${name === "locks" ? `${after} lock${after === 1 ? "" : "s"}` : `the lock ${name.slice("locks:".length)}`} at rest`,
      events,
    })),
};
