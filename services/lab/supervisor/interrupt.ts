import { EXIT } from "../cli/errors.ts";

/** On Ctrl-C (or a polite kill) runs `cleanUp` and exits with 130 (143). Returns how to take that back. */
export function onInterrupt(cleanUp: () => Promise<void>): () => void {
  let interrupted = false;
  const handler = (signal: NodeJS.Signals) => {
    if (interrupted) return;
    interrupted = true;
    void cleanUp().finally(() => process.exit(signal === "SIGTERM" ? 143 : EXIT.interrupted));
  };
  process.on("SIGINT", handler).on("SIGTERM", handler);
  return () => void process.off("SIGINT", handler).off("SIGTERM", handler);
}
