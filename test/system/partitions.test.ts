import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readHistory } from "@faultline/lab/history/history.ts";
import { describe, expect, it } from "vitest";
import { faultline, runtimeDirectory } from "../support/faultline.ts";

/** One file, one implementation (issue 6, 3): the simulation has them too, in test/scenario/scenarios.test.ts. */
describe("a part is cut off, between four processes on Unix sockets", () => {
  const eventsOf = async (id: string) => {
    const out = join(runtimeDirectory, id);
    const run = await faultline("run", id, "--mode", "processes", "--out", out, "--json");
    expect([run.code, run.json().verdict], run.stdout).toEqual([0, "pass"]);
    return readHistory(readFileSync(join(out, "history.ndjson"), "utf8"));
  };
  it("for long: its edges are dead for both ends, what is above it ends, and all of it comes back", { timeout: 90_000 }, async () => {
    const events = await eventsOf("vmm-is-not-heard");
    const broken = events.filter(({ kind }) => kind === "edge.break");
    expect(new Set(broken.map(({ who }) => who))).toEqual(new Set(["host", "vmm0", "guest0"]));
    expect(broken.find(({ who }) => who === "host")!.fields.reason).toBe("keepalive");
    expect(events.filter(({ kind, fields }) => kind === "lab.part" && fields.did === "start").map(({ fields }) => fields.part)).toEqual(["vmm0", "guest0"]);
  });
  it("both ways, the hardware: those above it end one after the other while the lab still speaks to them", { timeout: 90_000 }, async () => {
    const events = await eventsOf("smmu-is-cut-off");
    expect(events.filter(({ kind, fields }) => kind === "lab.part" && fields.did === "start").map(({ fields }) => fields.part)).toEqual(["host", "vmm0", "guest0"]);
  });
  it("both ways, the host: it ends with its edges, and does not clean up on hardware that it cannot reach", { timeout: 90_000 }, async () => {
    const events = await eventsOf("host-is-cut-off");
    const seen = events.find(({ kind, who }) => kind === "edge.break" && who === "host")!;
    const end = events.find(({ kind, fields }) => kind === "lab.part" && fields.did === "exit" && fields.part === "host")!;
    expect(events.filter(({ n, who, kind }) => n > seen.n && n < end.n && who === "host" && kind === "host.command")).toEqual([]);
  });
  it("for a second: what was sent arrives late, and nothing breaks", { timeout: 90_000 }, async () => {
    const events = await eventsOf("vmm-hears-nothing-for-a-second");
    expect(events.filter(({ kind }) => kind === "edge.break")).toEqual([]);
    expect(events.filter(({ kind }) => kind === "lab.part").map(({ fields }) => `${fields.did} ${fields.part}`)).toEqual(["partition vmm0", "join vmm0"]);
  });
});
