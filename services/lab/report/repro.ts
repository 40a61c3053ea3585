import { fileURLToPath } from "node:url";
import type { RunFiles } from "./run-directory.ts";
import type { RunRecord } from "./run-record.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * `repro.sh`: runs the experiment again, from whatever directory it is called, in the checkout that ran it or in the one that FAULTLINE_ROOT names (a fresh clone is installed first). The new
 * report goes to `again/` beside it, the exit code is that of the run. Of a simulation it says whether the history is the same; another commit may order events differently. `files`: what
 * stands beside it and is used instead of where it came from.
 */
export function reproSh({ scenario, how, judgement, digest }: RunRecord, files: RunFiles): string {
  const kept = (command: string, flag: string, file: keyof RunFiles): string =>
    files[file] === undefined ? command : command.replace(new RegExp(`( ${flag}) (?:'(?:[^']|'\\\\'')*'|\\S+)`), `$1 "$here/${file}.yaml"`);
  const command = kept(kept(how.command, "run", "scenario"), "--machine", "machine");
  const lines = [
    "#!/bin/sh",
    `# ${judgement.verdict}: ${scenario.id.replaceAll("\n", " ")}, seed ${how.seed}${how.commit ? `, commit ${how.commit}` : ""}`,
    `here=$(cd "$(dirname "$0")" && pwd)`,
    `cd "\${FAULTLINE_ROOT:-${root.replace(/[\\"$`]/g, "\\$&")}}" || { echo "FAULTLINE_ROOT names a checkout of Faultline" >&2; exit 2; }`,
    "[ -x node_modules/.bin/faultline ] || npm ci --no-progress >&2 || exit 3",
    `${command} --out "$here/again"`,
    "code=$?",
  ];
  if (how.mode === "sim")
    lines.push(
      `case $(sha256sum "$here/again/history.ndjson") in`,
      `${digest}*) echo "history: the same, sha256 ${digest}" >&2 ;;`,
      `*) echo "history: another one than ${digest}${how.commit ? `; it was run by commit ${how.commit}, this is $(git describe --always --dirty --abbrev=12 2>/dev/null)` : ""}" >&2 ;;`,
      "esac",
    );
  return `${[...lines, "exit $code"].join("\n")}\n`;
}
