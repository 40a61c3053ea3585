import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { Ajv } from "ajv";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkers } from "../checkers/index.ts";
import { oneFault, written } from "../checkers/test-support/written-history.ts";
import { readHistory } from "../history/history.ts";
import { inputOf } from "../scenarios/experiment.ts";
import { reportHtml } from "./html.ts";
import { judgeDirectory } from "./judge-directory.ts";
import { junitXml } from "./junit.ts";
import { writeRun } from "./run-directory.ts";
import { type ReportedScenario, recordRun } from "./run-record.ts";
import schema from "./schema.json" with { type: "json" };
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
const validate = new Ajv({ allowUnionTypes: true }).compile(schema);
const root = mkdtempSync(join(tmpdir(), "faultline-report-"));
const out = join(root, "run");
const record = recordRun(scenario, how, judgeRun(scenario, history), history);
const report = writeRun({ out }, record);
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
  it("reproduces by a script: in the checkout, into a directory of its own, and with what it has to compare with", () => {
    const script = file("repro.sh");
    expect(script).toContain(`${how.command} --out "$here/again"`);
    expect(script).toContain(report.digest);
    expect(statSync(join(out, "repro.sh")).mode & 0o111).not.toBe(0);
  });
  it("keeps the file of a scenario that is not shipped, and reproduces from it", () => {
    const own = join(root, "own");
    const command = "npx faultline run 'my own/x.yaml' --mode sim --seed 7";
    writeRun({ out: own, files: { scenario: "id: x" } }, { ...record, how: { ...how, command } });
    expect(readFileSync(join(own, "scenario.yaml"), "utf8")).toBe("id: x");
    expect(readFileSync(join(own, "repro.sh"), "utf8")).toContain('npx faultline run "$here/scenario.yaml" --mode sim --seed 7 --out');
    writeRun({ out: own }, { ...record, how });
    expect(existsSync(join(own, "scenario.yaml"))).toBe(false); // of the run before in the same directory
  });
  it("tells in schedule.yaml what was to happen and what did", () => {
    const schedule = parse(file("schedule.yaml"));
    expect(schedule).toMatchObject({ scenario: "lost-answer", seed: 7, rules: scenario.rules });
    expect(schedule.fired).toEqual([expect.objectContaining({ n: 13, rule: "fault-0", do: "drop", grpid: 3 })]);
  });
  it("writes report.json as its published schema says", () => {
    const json = JSON.parse(file("report.json"));
    expect(validate(json), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...json, verdict: "maybe" }) || validate({ ...json, violations: [{}] }) || validate({ ...json, more: 1 })).toBe(false);
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
      const dirs = [1, 2].map(() => writeRun({ out: null }, record).dir);
      expect(readlinkSync("runs/latest")).toBe(dirs[1].split("/").at(-1));
      rmSync("runs/latest");
      writeFileSync("runs/latest", "mine");
      writeRun({ out: null }, record);
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
    expect(svg).toContain(">Page Request group 3</text>");
    expect(svg).toContain(">0x7000 PASID 5 last</text>");
  });
  it("says every parameter, the fault that fired, and the events around the offence", () => {
    expect(html).toMatch(/delay of fault-0: 1234/);
    expect(html).toContain("fileBytes: 4096");
    expect(html).toContain('<td>vmm-&gt;host page-response</td><td>nth 1</td><td>drop</td><td>1</td><td><a href="#line-13">#13</a></td>');
    expect(html).toMatch(/<span id="line-3" class="offence"><a href="#event-3">#3<\/a> /);
  });
  it("says what was drawn from the seed: the file by its digest, the faults by their events", () => {
    const { file: input, faults } = record.parameters.drawn as { file: { sha256: string }; faults: Record<string, string[]> };
    expect(input.sha256).toBe(
      createHash("sha256")
        .update(inputOf(scenario as { fileBytes: number }, 7))
        .digest("hex"),
    );
    expect(faults).toEqual({ "fault-0": ["#13 drop"] });
  });
  it("links to events that it lists, and to no other", () => linksLead(html));
  it("escapes what it is given: titles, messages, and every field of an event", () => {
    expect(html).toContain("An answer &lt;is&gt; lost &amp; found");
    const evil = `</pre></pre><script>alert(1)</script>"'&\u0000\u001b[31m]]>`;
    const spoiled = history.map((event) => ({
      ...event,
      ids: { ...event.ids, iova: evil },
      fields: { ...event.fields, name: evil, records: [`page-response grpid=${evil}`] },
    }));
    const violations = [{ invariant: evil, message: evil, events: [3] }];
    const hostile = reportHtml(
      recordRun(
        { ...scenario, title: evil, source: evil, hypothesis: evil },
        { ...how, command: evil, commit: evil },
        { verdict: "violation", violations, error: evil },
        spoiled,
      ),
    );
    expect(hostile).toContain("alert(1)");
    for (const raw of ["<script", "</pre></pre>", "\u0000", "\u001b"]) expect(hostile).not.toContain(raw);
  });
});

/** Every inner link of a report has its target. */
function linksLead(html: string): void {
  const targets = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((id) => !targets.has(id))).toEqual([]);
}

describe("the report of a history of 100,000 events", () => {
  const most = 100_000;
  const long = Array.from({ length: most }, (_, i): TraceEvent => {
    const { kind, who, ids, fields } = history[1 + (i % 12)];
    return {
      n: i + 1,
      t: i * 100,
      lamport: i,
      who,
      kind,
      ids: { ...ids, grpid: i % 512 },
      fields: { ...fields, records: Array(40).fill("priq-record sid=0x8 grpid=3") },
      cause: null,
    };
  });
  const violations = Array.from({ length: 20_000 }, (_, i) => ({
    invariant: "INV-1",
    message: `group ${i} of #${5 * i + 1}, long before #99999`,
    events: Array.from({ length: 40 }, (_, e) => 5 * i + e + 1),
  }));
  const many = recordRun(scenario, how, { verdict: "violation", violations, error: null }, long);
  const html = reportHtml(many);
  it("stays below half a megabyte, and junit.xml with it", () => {
    expect(html.length).toBeLessThan(500_000);
    expect(junitXml(scenario, 7, checkers, many.judgement).length).toBeLessThan(100_000);
  });
  it("says what it leaves out", () => {
    expect(html).toContain("and 19995 more of this kind in <code>report.json</code>");
    expect(html).toMatch(/\d+ of 100000, the others are in <code>history\.ndjson<\/code>/);
    expect(html).toMatch(/>\d{4,} events</);
    expect(html).toContain("long before #99999");
    linksLead(html);
  });
  it("draws fewer than a hundred rows", () => {
    expect(html.match(/ id="event-\d+"/g)!.length).toBeLessThan(100);
  });
});

describe("judge DIR", () => {
  afterEach(() => {
    writeFileSync(join(out, "history.ndjson"), original);
    writeFileSync(join(out, "report.json"), reported);
  });
  const original = file("history.ndjson");
  const reported = file("report.json");
  it("comes to the same verdict from the files alone, and leaves the history as it is", () => {
    const again = judgeDirectory(out);
    expect(again).toMatchObject({ report, before: "violation", record: { how: { command: how.command } } });
    expect(file("history.ndjson")).toBe(original);
    expect(JSON.parse(file("report.json"))).toMatchObject(report);
  });
  it.each([
    ["another history", () => writeFileSync(join(out, "history.ndjson"), original.replace("0x7000", "0x8000")), /its sha256 is .*, report\.json is about/],
    [
      "a report that is none",
      () => writeFileSync(join(out, "report.json"), JSON.stringify({ ...JSON.parse(reported), rules: 3 })),
      /report\.json is no report of a run: report\/rules must be array/,
    ],
    ["no history", () => writeFileSync(join(out, "history.ndjson"), "x"), /history\.ndjson: line 1: not JSON/],
  ])("refuses %s, naming the file", (_what, spoil, message) => {
    spoil();
    expect(() => judgeDirectory(out)).toThrow(message);
  });
  it("refuses what is no directory of a run", () => {
    expect(() => judgeDirectory(root)).toThrow(/report\.json cannot be read: not the directory of a run/);
  });
});
