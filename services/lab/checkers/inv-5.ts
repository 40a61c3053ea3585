import type { Checker } from "./checker.ts";
import { COUNT_EVENTS, isLock, leaks } from "./counts.ts";

const NAMED = "locks:";

/** INV-5: no lock is held when everything has come to rest. Each is named; the bare number of a part speaks when it names none. */
export const inv5: Checker = {
  id: "INV-5",
  sentence: "Every lock taken is released on every path.",
  reads: [...COUNT_EVENTS],
  check(history) {
    const held = leaks(history, isLock).filter(({ after }) => after > 0); // one that only the baseline saw is free
    const named = new Set(held.filter(({ name }) => name.startsWith(NAMED)).map(({ who }) => who));
    return held
      .filter(({ who, name }) => name.startsWith(NAMED) || !named.has(who))
      .map(({ who, name, after, events }) => ({
        invariant: "INV-5",
        message: `${who} still holds ${name.startsWith(NAMED) ? `the lock ${name.slice(NAMED.length)}` : `${after} lock${after === 1 ? "" : "s"}`} at rest`,
        events,
      }));
  },
};
