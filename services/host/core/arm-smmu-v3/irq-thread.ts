import type { Execution } from "@faultline/shared/execution/execution.ts";

/** A threaded interrupt handler (IRQF_ONESHOT), or a work item: one instance at a time; woken while it runs, it runs once more. */
export class IrqThread {
  readonly #name: string;
  readonly #execution: Execution;
  readonly #run: () => Promise<void>;
  #running: Promise<void> | null = null;
  #again = false;

  constructor(name: string, execution: Execution, run: () => Promise<void>) {
    this.#name = name;
    this.#execution = execution;
    this.#run = run;
  }

  wake(): void {
    this.#again = true;
    if (this.#running) return;
    const running = this.#loop();
    this.#running = running;
    this.#execution.spawn(this.#name, () => running);
  }

  /** synchronize_irq: runs it once more and resolves when it has nothing left to do. */
  async flush(): Promise<void> {
    this.wake();
    await this.#running;
  }

  async #loop(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        await this.#run();
      }
    } finally {
      this.#running = null;
    }
  }
}
