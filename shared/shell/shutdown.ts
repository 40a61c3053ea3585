import { fstatSync } from "node:fs";

/** Time after which a service that cannot stop cleanly ends all the same. */
const GRACE_MS = 1_500;

/** Asks for a stop on SIGTERM, on SIGINT (unless a supervisor handles the terminal) and when the supervisor's pipe closes. */
export function onStopRequest(stop: (why: string) => void): void {
  process.on("SIGTERM", () => stop("SIGTERM"));
  const { supervised } = standardInput();
  process.on("SIGINT", () => {
    if (!supervised) stop("SIGINT");
  });
  if (!supervised) return;
  process.stdin.on("end", () => stop("the supervisor's pipe closed"));
  process.stdin.on("error", () => stop("the supervisor's pipe broke"));
  process.stdin.resume();
}

/** A pipe or a socket on standard input is the supervisor's; a terminal or /dev/null is not. */
function standardInput(): { supervised: boolean } {
  try {
    const stat = fstatSync(0);
    return { supervised: stat.isFIFO() || stat.isSocket() };
  } catch {
    return { supervised: false };
  }
}

/** Runs the steps of a shutdown in order, then exits with `code`; at the latest after `GRACE_MS`. */
export async function exitAfter(code: number, steps: readonly (() => void | Promise<void>)[]): Promise<never> {
  setTimeout(() => process.exit(code), GRACE_MS).unref();
  for (const step of steps) await step();
  return process.exit(code);
}
