import { described } from "./describe.ts";
import type { FileResult } from "./replay-files.ts";

/** Mismatches of a file that the text shows. */
const SHOWN = 5;

/** One file: a line with what passed, and the first mismatches decoded. */
export function fileText({ file, format, total, passed, failed, unscored }: FileResult): string {
  const lines = [`${file}: ${passed}/${total} passed (${format}${unscored ? `; ${unscored} not scored` : ""})`];
  for (const { name, step, expected, actual, subject } of failed.slice(0, SHOWN)) {
    const text = described(subject, expected, actual);
    lines.push(`  ${name}, step ${step}: ${text.about}`, `    expected ${text.expected}`, `    actual   ${text.actual}`);
  }
  if (failed.length > SHOWN) lines.push(`  and ${failed.length - SHOWN} more`);
  return lines.join("\n");
}

/** The report of issue 4. */
export const filesJson = (files: readonly FileResult[]): object => ({
  files: files.map(({ failed, ...file }) => ({ ...file, failed: failed.map(({ subject: _, ...mismatch }) => mismatch) })),
});
