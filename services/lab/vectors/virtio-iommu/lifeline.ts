import { Stuck } from "../replay-machine.ts";

/** A step that takes longer does not end. */
const LIMIT_MS = 10_000;

/** What ties a replay to the machine that it waits for: it ends, or time does. */
export class Lifeline {
  readonly #waiting = new Set<(why: Error) => void>();
  readonly #limitMs: number;
  #lost: Error | null = null;

  constructor(limitMs = LIMIT_MS) {
    this.#limitMs = limitMs;
  }

  /** The machine is gone: everything that waits for it, and everything later, rejects with `why`. */
  lose(why: Error): void {
    this.#lost ??= why;
    for (const reject of this.#waiting) reject(this.#lost);
  }

  /** Never waits for ever: rejects with `Stuck` when the time is up. */
  within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      const timer = setTimeout(() => end(() => reject(new Stuck(`no answer within ${this.#limitMs / 1000} s`))), this.#limitMs);
      const lost = (why: Error) => end(() => reject(why));
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(lost);
        settle();
      };
      this.#waiting.add(lost);
      work.then(
        (value) => end(() => resolve(value)),
        (error: Error) => end(() => reject(error)),
      );
    });
  }
}
