import { infrastructureError } from "../cli/errors.ts";
import { Crashed } from "./replay-machine.ts";

/** How a service ends over a bug of its own (shared/shell/service.ts). */
const BUG = "exit code 70";

/** Why the service `name` (the machine's `title`) is gone: its own sentence, which libraries may talk around. `Crashed` for a bug of its own, else a `Failure` of kind infrastructure. */
export function whyGone(title: string, name: string, how: string, stderr: string): Error {
  const lines = stderr.trim().split("\n");
  const sentence = (lines.findLast((line) => line.startsWith(`${name}: `)) ?? lines.at(-1)!).replace(/^.*a bug of ours: /, "");
  const said = how.startsWith("killed") ? "" : sentence;
  return how === BUG ? new Crashed(`the ${title} ended: ${said}`) : infrastructureError(said || `lost ${title.toLowerCase()} (${how})`, name);
}

/** Machines that are services of their own: one runs at a time, and goes on for files of the same description. */
export function oneAtATime<Description, Running extends { close(): Promise<void> }>(start: (machine: Description) => Promise<Running>) {
  let last: { key: string; running: Running } | null = null;
  const close = async (): Promise<void> => {
    await last?.running.close();
    last = null;
  };
  return {
    async of(machine: Description): Promise<Running> {
      const key = JSON.stringify(machine);
      if (last?.key !== key) {
        await close();
        last = { key, running: await start(machine) };
      }
      return last.running;
    },
    discard: close,
    close,
  };
}
