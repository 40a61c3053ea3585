import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readHistory } from "@faultline/lab/history/history.ts";
import { describe, expect, it } from "vitest";
import { faultline, runtimeDirectory } from "../support/faultline.ts";

describe("surprise removal between processes (PCIe 6.7.3)", () => {
  it("slot, host, VMM and guest pass it on, and the job ends at once with its reason, far from its time-out of a minute", async () => {
    const out = join(runtimeDirectory, "run");
    const { json, stderr } = await faultline("run", "surprise-removal", "--mode", "processes", "--out", out, "--json");
    expect([json().verdict, stderr]).toEqual(["pass", ""]);
    const history = readHistory(readFileSync(join(out, "history.ndjson"), "utf8"));
    const first = (kind: string) => history.find((event) => event.kind === kind)!;
    expect([first("host.function-removed").fields.present, first("guest.job-done").fields.status]).toEqual([false, "removed"]);
    expect(first("guest.job-done").t - first("endpoint.link").t).toBeLessThan(10e9);
    expect(first("lab.workload-end").fields.error).toMatch(/^job lost: endpoint 0x8, PASID 1, queue 0: the function was removed$/);
  });
});
