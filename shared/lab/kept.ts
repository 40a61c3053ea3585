import type { Predecessor } from "./trigger.ts";

/** What rules keep back: messages, tasks, steps of the hardware, closed windows. */
export class Kept {
  readonly #kept = new Map<string, { until: string | null; go: Set<() => void> }>();
  readonly #spent = new Set<string>();
  /** Kinds of events that something waits for. */
  readonly awaited = new Set<string>();

  /** Keeps what `go` lets go on, until the event or the release of the rule. Returns what forgets it: it went on another way. */
  keep(rule: string, until: string | undefined, go: () => void): () => void {
    const kept = this.#kept.get(rule) ?? { until: until ?? null, go: new Set() };
    this.#kept.set(rule, kept);
    kept.go.add(go);
    if (until) this.awaited.add(until);
    return () => void kept.go.delete(go);
  }

  /** As `keep`, with a timer of `ns` that lets it go too: `go` runs once, for whichever comes first. Returns what keeps it from running at all. */
  keepOnce(rule: string, until: string | undefined, go: () => void, ns: number | undefined, timer: (ns: number, expired: () => void) => void): () => void {
    let gone = false;
    const once = (): void => {
      if (gone) return;
      cancel();
      go();
    };
    const forget = this.keep(rule, until, once);
    const cancel = (): void => {
      gone = true;
      forget();
    };
    if (ns !== undefined) timer(ns, once);
    return cancel;
  }

  /** Whether the rule was released: then it keeps nothing more. */
  isSpent(rule: string): boolean {
    return this.#spent.has(rule);
  }

  /** Something of the rule is kept now. */
  keeps(rule: string): boolean {
    return (this.#kept.get(rule)?.go.size ?? 0) > 0;
  }

  /** Lets everything go that the rule keeps, in the order in which it came. */
  release(rule: string): void {
    this.#spent.add(rule);
    const kept = this.#kept.get(rule);
    if (!kept) return;
    this.#kept.delete(rule);
    if (![...this.#kept.values()].some(({ until }) => until === kept.until)) this.awaited.delete(kept.until ?? "");
    for (const go of kept.go) go();
  }

  /** An event of the trace happened. */
  heard(kind: string): void {
    if (!this.awaited.has(kind)) return;
    for (const [rule, { until }] of [...this.#kept]) if (until === kind) this.release(rule);
  }

  /** The rules are gone, or armed anew: what those that are not in `rules` keep is let go, and nothing is spent but what was in the part before. */
  rearm(rules: ReadonlySet<string>, before: Predecessor | null = null): void {
    for (const rule of [...this.#kept.keys()]) if (!rules.has(rule)) this.release(rule);
    this.#spent.clear();
    for (const { id, spent } of before?.rules ?? []) if (spent) this.#spent.add(id);
  }
}
