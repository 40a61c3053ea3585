import { existsSync, readFileSync } from "node:fs";
import { defects as guestDefects } from "@faultline/guest/defects.ts";
import { defects as hostDefects } from "@faultline/host/defects.ts";
import { defects as smmuDefects } from "@faultline/smmu/defects.ts";
import { defects as vmmDefects } from "@faultline/vmm/defects.ts";
import { describe, expect, it } from "vitest";
import { findings } from "./from-the-review.ts";
import { loadScenario } from "./load-scenario.ts";

const switches = [...guestDefects, ...vmmDefects, ...hostDefects, ...smmuDefects].map(({ id }): string => id).filter((id) => id.startsWith("RR-"));
const rows = findings();

describe("what the reviewers found (from-the-review.md)", () => {
  it("is all there, RR-01 to RR-95", () => {
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 95 }, (_, i) => `RR-${String(i + 1).padStart(2, "0")}`));
  });
  it("each switch is in its row, and no row has another", () => {
    expect(rows.filter(({ on }) => on.startsWith("--defects")).map(({ on }) => on)).toEqual(
      rows.filter(({ id }) => switches.includes(id)).map(({ id }) => `--defects ${id}`),
    );
    expect(switches.filter((id) => !rows.some((row) => row.id === id))).toEqual([]);
    expect(new Set(rows.map(({ id, on }) => on.replace(id, "")))).toEqual(new Set(["--defects ", "--abi rfc-v1", ""]));
  });
  it.each(rows.map((row) => [row.id, row] as const))("%s: is shown by a scenario or a test that names it, or has the reason why not", (id, { on, shown, reason }) => {
    if (on === "") return expect([shown, reason !== ""]).toEqual([null, true]);
    if (shown && "test" in shown) return expect(existsSync(shown.test) && readFileSync(shown.test, "utf8").includes(id), `${shown.test}`).toBe(true);
    const { scenario, by } = shown ?? { scenario: "", by: "" };
    expect(loadScenario(scenario).expect.caught).toContainEqual(expect.objectContaining({ by, defects: [id] }));
  });
});
