import { readFileSync } from "node:fs";
import { checkers } from "@faultline/lab/checkers/index.ts";
import { junitXml } from "@faultline/lab/report/junit.ts";
import type { Judgement } from "@faultline/lab/report/verdict.ts";
import { describe, expect, it } from "vitest";
import { validateXML } from "xmllint-wasm";

const schema = readFileSync(new URL("junit.xsd", import.meta.url), "utf8");
const scenario = { id: "x", title: "x" };
const validated = (xml: string) => validateXML({ xml: { fileName: "junit.xml", contents: xml }, schema });
const INV_1 = { invariant: "INV-1", message: "group 3: never answered", events: [1, 2] };
const evil = `"'<>&]]>\u0000\u001b\ud800 </testsuite>`;

describe("junit.xml", () => {
  it.each<[string, Judgement, { failures: number; errors: number; skipped: number }]>([
    ["passes", { verdict: "pass", violations: [], error: null }, { failures: 0, errors: 0, skipped: 0 }],
    ["violates one invariant twice", { verdict: "violation", violations: [INV_1, INV_1], error: null }, { failures: 1, errors: 0, skipped: 0 }],
    ["violates the hypothesis", { verdict: "violation", violations: [{ ...INV_1, invariant: "hypothesis" }], error: null }, { failures: 1, errors: 0, skipped: 0 }],
    [
      "breaks an assertion, with a hostile text",
      { verdict: "violation", violations: [{ invariant: "A-x", message: evil, events: [] }], error: null },
      { failures: 1, errors: 0, skipped: 0 },
    ],
    ["proves nothing", { verdict: "error", violations: [], error: `never happened ${evil}` }, { failures: 0, errors: 1, skipped: checkers.length }],
    ["violates ten thousand times", { verdict: "violation", violations: Array(10_000).fill(INV_1), error: null }, { failures: 1, errors: 0, skipped: 0 }],
  ])("of a run that %s is valid for CI readers, and its counts are those of its cases", async (_what, judgement, expected) => {
    const xml = junitXml(scenario, 7, checkers, judgement);
    expect((await validated(xml)).errors.map(({ message }) => message)).toEqual([]);
    const cases = xml.match(/<testcase (?:[^>]*\/>|[^>]*[^/]>[\s\S]*?<\/testcase>)/g)!;
    const having = (element: string) => cases.filter((one) => one.includes(`<${element} `)).length;
    const said = Object.fromEntries(
      [...xml.match(/<testsuite [^>]*>/)![0].matchAll(/(tests|failures|errors|skipped)="(\d+)"/g)].map(([, name, value]) => [name, Number(value)]),
    );
    expect(said).toEqual({ tests: cases.length, failures: having("failure"), errors: having("error"), skipped: having("skipped") });
    expect(said).toMatchObject(expected);
  });
  it("would not be valid with a count that is none, or with two cases of one name", async () => {
    const xml = junitXml(scenario, 7, checkers, { verdict: "pass", violations: [], error: null });
    expect((await validated(xml.replace(/tests="\d+"/, 'tests="many"'))).valid).toBe(false);
    expect((await validated(xml.replace(/ {2}<testcase .*\n/, (line) => line + line))).valid).toBe(false);
  });
});
