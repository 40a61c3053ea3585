import { readFileSync } from "node:fs";

/** One row of from-the-review.md. `on`: the option that switches it on, `shown`: a scenario with its checker, or a test file; both empty: `reason` says why the stack cannot have it. */
export interface Finding {
  id: string;
  title: string;
  on: string;
  shown: { scenario: string; by: string } | { test: URL } | null;
  reason: string;
}

const TABLE = new URL("from-the-review.md", import.meta.url);
const plain = (cell: string): string => cell.replaceAll("`", "");

function shownBy(cell: string): Finding["shown"] {
  const link = /\]\((.*)\)$/.exec(cell);
  if (link) return { test: new URL(link[1], TABLE) };
  const [scenario, by] = plain(cell).split(": ");
  return by ? { scenario, by } : null;
}

/** What the reviewers found, RR-01 to RR-95. */
export function findings(): Finding[] {
  return readFileSync(TABLE, "utf8")
    .split("\n")
    .filter((line) => /^\| RR-\d\d /.test(line))
    .map((line) => {
      const [, finding, on, shown, reason] = line.split("|").map((cell) => cell.trim());
      return { id: finding.slice(0, 5), title: plain(finding.slice(6)), on: plain(on), shown: shownBy(shown), reason: plain(reason) };
    });
}
