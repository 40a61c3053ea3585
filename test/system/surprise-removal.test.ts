import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faultline, runtimeDirectory } from "../support/faultline.ts";

interface Event {
  kind: string;
  t: number;
  ids: Record<string, unknown>;
  fields: Record<string, unknown>;
}

/** Runs the scenario; null: the machine was so slow that the link went down before the job's page requests waited. */
async function pulledOut(attempt: number): Promise<Event[] | null> {
  const out = join(runtimeDirectory, `run${attempt}`);
  const { json, stderr } = await faultline("run", "surprise-removal", "--mode", "processes", "--out", out, "--json");
  const { verdict, counters } = json() as unknown as { verdict: string; counters: { rules: Record<string, number> } };
  if (!counters.rules["fault-0"]) return null;
  expect([verdict, stderr]).toEqual(["pass", ""]);
  const lines = readFileSync(join(out, "history.ndjson"), "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Event);
}

describe("surprise removal between processes (PCIe 6.7.3)", () => {
  it("slot, host, VMM and guest pass it on, and the job ends at once with its reason, far from its time-out of a minute", async () => {
    let history: Event[] | null = null;
    for (let attempt = 0; attempt < 3 && !history; attempt++) history = await pulledOut(attempt);
    const first = (kind: string) => history!.find((event) => event.kind === kind)!;
    expect([first("host.function-removed").fields.present, first("guest.job-done").fields.status]).toEqual([false, "removed"]);
    expect(first("guest.job-done").t - first("endpoint.link").t).toBeLessThan(10e9);
    expect(first("lab.workload-end").fields.error).toMatch(/^job lost: endpoint 0x8, PASID 1, queue 0: the function was removed$/);
  });
});
