/** Watches for a time in which nothing is heard. */
export function untilSilence(ms: number): { heard(): void; over(): Promise<void>; stop(): void } {
  let last = performance.now();
  let timer: NodeJS.Timeout | undefined;
  return {
    heard: () => void (last = performance.now()),
    /** Resolves when nothing was heard for `ms`, counted from now at the earliest. */
    over() {
      last = performance.now();
      return new Promise((resolve) => {
        timer = setInterval(() => {
          if (performance.now() - last < ms) return;
          clearInterval(timer);
          resolve();
        }, 50);
      });
    },
    stop: () => clearInterval(timer),
  };
}
