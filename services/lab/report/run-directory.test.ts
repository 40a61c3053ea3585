import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { oneFault, written } from "../checkers/test-support/written-history.ts";
import { readHistory } from "../history/history.ts";
import { judgeDirectory } from "./judge-directory.ts";
import { writeRun } from "./run-directory.ts";
import type { ReportedScenario } from "./run-record.ts";
import { judgeRun } from "./verdict.ts";

const scenario: ReportedScenario = {
  id: "lost-answer",
  title: "An answer <is> lost & found",
  source: "S31",
  hypothesis: "nothing waits for ever",
  rules: [{ id: "fault-0", where: { direction: "vmm->host", what: "page-response" }, when: { nth: 1 }, do: { action: "drop" } }],
  expect: { workload: "fails", error: "time-out" },
  machine: defaultMachine,
  fileBytes: 4096,
};
const how = {
  mode: "sim",
  seed: 7,
  mutants: ["M-no-job-timeout"],
  command: "npx faultline run lost-answer --mode sim --seed 7",
  parameters: { "delay of fault-0": 1234 },
};
/** The answer leaves the VMM and a rule drops it; nobody resets the function. */
const history = written(
  ["lab", "lab.run-start", {}, { mode: "sim", seed: 7 }],
  ...oneFault.slice(0, 10),
  [
    "vmm0",
    "edge.send",
    { pasid: 5, grpid: 3 },
    { edge: "vfio", direction: "vmm->host", kind: "pwrite", seq: 9, replyTo: 0, records: ["page-response pasid=5 grpid=3 code=0"] },
  ],
  ["vmm0", "edge.rule", { pasid: 5, grpid: 3 }, { rule: "fault-0", do: "drop", direction: "vmm->host", kind: "pwrite", seq: 9 }],
  ["lab", "lab.deadlock", {}, { reason: "nothing is runnable any more" }],
);
const root = mkdtempSync(join(tmpdir(), "faultline-report-"));
const out = join(root, "run");
const report = writeRun(out, scenario, how, judgeRun(scenario, history), history);
const file = (name: string) => readFileSync(join(out, name), "utf8");
afterAll(() => rmSync(root, { recursive: true }));

describe("the directory of a run (design.md, section 6)", () => {
  it("holds every file, and says the same as the command's output", () => {
    for (const name of ["report.html", "report.json", "junit.xml", "history.ndjson", "schedule.yaml", "trace.perfetto", "repro.sh"])
      expect(existsSync(join(out, name)), name).toBe(true);
    expect(report).toMatchObject({
      verdict: "violation",
      seed: 7,
      dir: out,
      counters: { events: 14, pageRequests: 1, groups: 1, responses: 0, rules: { "fault-0": 1 } },
    });
    expect(report.violations[0]).toMatchObject({ invariant: "INV-1", events: [3, 11] });
    expect(JSON.parse(file("report.json"))).toMatchObject({
      scenario: "lost-answer",
      ...report,
      error: null,
      mode: "sim",
      mutants: how.mutants,
      parameters: how.parameters,
    });
    expect(readHistory(file("history.ndjson"))).toEqual(JSON.parse(JSON.stringify(history)));
  });
  it("reproduces by a script", () => {
    expect(file("repro.sh").trimEnd().endsWith(how.command)).toBe(true);
    expect(statSync(join(out, "repro.sh")).mode & 0o111).not.toBe(0);
  });
  it("tells in schedule.yaml what was to happen and what did", () => {
    const schedule = parse(file("schedule.yaml"));
    expect(schedule).toMatchObject({ scenario: "lost-answer", seed: 7, rules: scenario.rules });
    expect(schedule.fired).toEqual([expect.objectContaining({ n: 13, rule: "fault-0", do: "drop", grpid: 3 })]);
  });
  it("has a test case per checker in junit.xml, failed ones with message and events", () => {
    const xml = file("junit.xml");
    expect(xml).toContain('<failure message="endpoint 0x8, PASID 5, group 3: never answered');
    expect(xml).toContain(">events 3, 11</failure>");
    expect(xml.match(/<testcase /g)!.length).toBe(Number(xml.match(/tests="(\d+)"/)![1]));
    expect(Number(xml.match(/failures="(\d+)"/)![1])).toBe(new Set(report.violations.map(({ invariant }) => invariant)).size);
  });
  it("points runs/latest to the newest run, and leaves a file of that name alone", () => {
    const before = process.cwd();
    try {
      process.chdir(root);
      const dirs = [1, 2].map(() => writeRun(null, scenario, how, judgeRun(scenario, history), history).dir);
      expect(readlinkSync("runs/latest")).toBe(dirs[1].split("/").at(-1));
      rmSync("runs/latest");
      writeFileSync("runs/latest", "mine");
      writeRun(null, scenario, how, judgeRun(scenario, history), history);
      expect(readFileSync("runs/latest", "utf8")).toBe("mine");
    } finally {
      process.chdir(before);
    }
  });
});

describe("report.html", () => {
  const html = file("report.html");
  it("gives the verdict first and the command last", () => {
    const body = html.slice(html.indexOf("<body>"));
    const text = body
      .replace(/<[^>]*>/g, "\n")
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
    expect(text[0]).toBe("violation");
    expect(text.at(-1)).toBe(how.command);
  });
  it("needs nothing from elsewhere", () => {
    expect(html).not.toMatch(/(?:src|href)="(?!#|data:)|<script|@import|url\(/);
  });
  it("draws the five lifelines, the offending events and the dropped message", () => {
    const svg = html.match(/<svg class="sequence"[\s\S]*?<\/svg>/)![0];
    for (const name of ["guest", "vmm", "host", "smmu", "endpoint"]) expect(svg).toContain(`>${name}</text>`);
    expect(svg).toContain('class="row offence" id="event-3"');
    expect(svg).toContain('class="cross"');
    expect(svg).toContain("fault-0: drop");
    expect(svg).toMatch(/Page Request group 3 0x7000 last/);
  });
  it("says every parameter, the fault that fired, and the events around the offence", () => {
    expect(html).toMatch(/delay of fault-0: 1234/);
    expect(html).toContain("fileBytes: 4096");
    expect(html).toContain("<td>vmm-&gt;host page-response</td><td>nth 1</td><td>drop</td><td>1</td><td>#13</td>");
    expect(html).toMatch(/<span id="line-3" class="offence">#3 /);
  });
  it("escapes what it is given", () => {
    expect(html).toContain("An answer &lt;is&gt; lost &amp; found");
  });
});

describe("judge DIR", () => {
  afterEach(() => writeFileSync(join(out, "history.ndjson"), original));
  const original = file("history.ndjson");
  it("comes to the same verdict from the files alone, and leaves the history as it is", () => {
    const again = judgeDirectory(out);
    expect(again).toMatchObject({ ...report, before: "violation", command: how.command });
    expect(file("history.ndjson")).toBe(original);
    expect(JSON.parse(file("report.json"))).toMatchObject(report);
  });
  it.each([
    ["another history", () => writeFileSync(join(out, "history.ndjson"), original.replace("0x7000", "0x8000")), /its sha256 is .*, report\.json is about/],
    ["no history", () => writeFileSync(join(out, "history.ndjson"), "x"), /history\.ndjson: line 1: not JSON/],
  ])("refuses %s, naming the file", (_what, spoil, message) => {
    spoil();
    expect(() => judgeDirectory(out)).toThrow(message);
  });
  it("refuses what is no directory of a run", () => {
    expect(() => judgeDirectory(root)).toThrow(/report\.json cannot be read: not the directory of a run/);
  });
});
