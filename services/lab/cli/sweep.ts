import { notInThisWorkload, sweep, sweepWorkloads } from "../sweep/sweep.ts";
import { EXIT, inputError } from "./errors.ts";
import { numberOption } from "./options.ts";
import { switchesOption } from "./switches.ts";

export interface SweepOptions {
  seed: string;
  only?: string;
  mutants?: string;
  json?: boolean;
}

/** `faultline sweep`: every injection point of a clean run fails once. Exit 1 when something hangs, leaks or breaks an invariant. */
export async function sweepCommand(workload: string, options: SweepOptions): Promise<number> {
  if (!Object.hasOwn(sweepWorkloads, workload)) throw inputError(`no sweep ${workload}: ${Object.keys(sweepWorkloads).join(", ")}`, "workload");
  const result = await sweep(workload, {
    seed: numberOption("seed", options.seed, 0, 2 ** 32 - 1),
    only: options.only,
    switches: switchesOption("mutants", options.mutants),
    progress(done, total, finding) {
      if (finding) process.stderr.write(`${finding.what}: ${finding.point}: ${finding.violations[0].invariant}: ${finding.violations[0].message}\n`);
      else if (process.stderr.isTTY) process.stderr.write(`${done} of ${total}\r`);
    },
  });
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    const { points, table, total, leaks, hangs, findings, notReached, unexplained } = result;
    const lines = Object.entries(points).flatMap(([service, count]) => [
      `${service.padEnd(6)} ${String(count).padStart(5)} injection points; ${table[service].reached} of the ${table[service].listed} named points of its list`,
      ...table[service].missing.map((id) => `       not reached: ${id}: ${notInThisWorkload[id] ?? "nobody says why"}`),
    ]);
    for (const id of unexplained) process.stderr.write(`the list and the run disagree about ${id}\n`);
    process.stdout.write(
      `${[...lines, `${total} points failed in turn: ${leaks} leaks, ${hangs} hangs, ${findings.length - leaks - hangs} other violations${notReached.length ? `; not met again: ${notReached.length}` : ""}`].join("\n")}\n`,
    );
  }
  return result.findings.length > 0 || result.unexplained.length > 0 ? EXIT.violation : EXIT.ok;
}
