import type { LabClient } from "@faultline/shared/shell/lab-client.ts";

export type PartName = "smmu" | "host" | "vmm0" | "guest0" | "vmm1" | "guest1";

/** A machine that runs as processes or as containers, and what can be done to its parts. */
export interface Stack {
  readonly title: string;
  /** Starts every part that does not run, and waits until all are ready. */
  up(): Promise<void>;
  /** lab/v1 of a part. The caller closes it. */
  lab(part: PartName): LabClient;
  /** Live state by path, however cut off the part is; a paused part does not answer. */
  state(part: PartName, path: string): Promise<unknown>;
  kill(part: PartName): Promise<void>;
  pause(part: PartName): Promise<void>;
  resume(part: PartName): Promise<void>;
  /** Resolves when a part is gone: its exit code and what it said. */
  gone(part: PartName): Promise<{ code: number | null; said: string }>;
  /** Cuts a part off from all others, and joins it again; null: this kind of stack has no network. */
  readonly network: { cut(part: PartName): Promise<void>; heal(part: PartName): Promise<void> } | null;
  down(): Promise<void>;
}

/** Resolves with what `look` gives once it is not null; the test's time-out ends a wait in vain, with what `otherwise` says. */
export async function eventually<T>(look: () => Promise<T | null> | T | null): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
