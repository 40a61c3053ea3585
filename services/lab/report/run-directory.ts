import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { stringify } from "yaml";
import { historyDigest, writeHistory } from "../history/history.ts";
import type { Scenario } from "../scenarios/load-scenario.ts";
import type { Judgement } from "./verdict.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface RunReport {
  verdict: string;
  violations: Judgement["violations"];
  seed: number;
  digest: string;
  dir: string;
}

/** Writes what a run leaves: `history.ndjson`, `report.json`, `schedule.yaml`, `repro.sh`. `out` null: a new directory in `runs/` of the working directory. */
export function writeRun(
  out: string | null,
  scenario: Scenario,
  how: { mode: string; seed: number; mutants: string[]; command: string },
  judgement: Judgement,
  history: readonly TraceEvent[],
): RunReport {
  mkdirSync(out ?? "runs", { recursive: true });
  const dir = resolve(out ?? mkdtempSync(join("runs", `${scenario.id}-${how.mode}-seed${how.seed}-`)));
  const text = writeHistory(history);
  const report = { verdict: judgement.verdict, violations: judgement.violations, seed: how.seed, digest: historyDigest(text), dir };
  const fired = history.filter(({ kind }) => kind === "edge.rule").map(({ n, t, ids, fields }) => ({ n, t, ...ids, ...fields }));
  writeFileSync(join(dir, "history.ndjson"), text);
  writeFileSync(
    join(dir, "report.json"),
    `${JSON.stringify({ scenario: scenario.id, hypothesis: scenario.hypothesis, ...report, error: judgement.error, mode: how.mode, mutants: how.mutants, command: how.command }, null, 2)}\n`,
  );
  writeFileSync(
    join(dir, "schedule.yaml"),
    stringify({ scenario: scenario.id, mode: how.mode, seed: how.seed, mutants: how.mutants, rules: scenario.rules.map(({ condition: _, ...rule }) => rule), fired }),
  );
  writeFileSync(join(dir, "repro.sh"), `#!/bin/sh\ncd ${JSON.stringify(root)} && exec ${how.command}\n`, { mode: 0o755 });
  return report;
}
