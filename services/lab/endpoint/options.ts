import type { Command } from "commander";
import { ACTIONS, KEYS } from "./actions.ts";

/** Adds the keys of the actions to `endpoint do`; its help lists the actions. */
export function endpointOptions(command: Command): Command {
  for (const [key, { value, sentence }] of Object.entries(KEYS)) command.option(value === null ? `--${key}` : `--${key} <${value}>`, sentence);
  const rows = Object.entries(ACTIONS).map(([name, { sentence, keys, needs }]) => {
    const shown = keys.map((key) => ((needs as readonly string[]).includes(key) ? `--${key}` : `[--${key}]`)).join(" ");
    return `  ${name.padEnd(21)} ${sentence}${shown ? `\n  ${"".padEnd(21)} ${shown}` : ""}`;
  });
  return command.addHelpText("after", `\nActions (interfaces.md, section 6):\n${rows.join("\n")}`);
}
