import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { oneFault, written } from "@faultline/lab/checkers/test-support/written-history.ts";
import { reportHtml } from "@faultline/lab/report/html.ts";
import { type RunRecord, recordRun } from "@faultline/lab/report/run-record.ts";
import { judgeRun } from "@faultline/lab/report/verdict.ts";
import { runExperiment } from "@faultline/lab/scenarios/experiment.ts";
import { loadScenario } from "@faultline/lab/scenarios/load-scenario.ts";
import { startSimulation } from "@faultline/lab/simulation/running-simulation.ts";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchChromium, noChromium } from "../support/chromium.ts";
import { contrasts, isInView, labelsOf, tooWide } from "../support/in-page.ts";

const WIDTH = 1280;
/** Every kind of text that a report colours. */
const TEXTS = [
  ...["h1 span", ".lead", ".figures", ".violations b", "small", ".violations a", ".events a", "td a", ".events .offence", ".events .gap"],
  ...["label", "about", "rule", "time", "number", "mark-name"].flatMap((name) => [`svg .${name}`, `svg .row:not(.offence) .${name}`, `svg .offence .${name}`]),
];
const SEED = 1;

async function recorded(id: string, mutants: string[] = []): Promise<RunRecord> {
  const scenario = loadScenario(id);
  const history = await runExperiment(scenario, await startSimulation(scenario.machine, { seed: SEED, switches: new Set(mutants) }), SEED);
  return recordRun(scenario, { mode: "sim", seed: SEED, mutants, command: `npx faultline run ${id} --mode sim --seed ${SEED}` }, judgeRun(scenario, history), history);
}

/** A history whose every text is what would break a page that does not escape it, and far too long. */
async function hostile(): Promise<RunRecord> {
  const evil = `"'</svg></pre></style><script>document.title="broken"</script><img src=http://192.0.2.1/x onerror=alert(1)>${"W".repeat(400)}`;
  const history = written(...oneFault).map((event) => ({
    ...event,
    ids: { ...event.ids, iova: evil },
    fields: { ...event.fields, result: evil, status: evil, records: [`page-response grpid=${evil}`] },
  }));
  const violations = [{ invariant: "INV-1", message: evil, events: history.map(({ n }) => n) }];
  const scenario = { ...loadScenario("drop-page-response"), id: "hostile", title: evil, source: evil, hypothesis: evil };
  const how = { mode: "sim", seed: SEED, mutants: [evil], command: "npx faultline run hostile --mode sim --seed 1" };
  return recordRun(scenario, how, { verdict: "violation", violations, error: null }, history);
}

const reports: [what: string, verdict: string, () => Promise<RunRecord>][] = [
  ["a run that passes", "pass", () => recorded("drop-page-response")],
  ["a run that violates INV-1", "violation", () => recorded("drop-page-response", ["M-no-job-timeout"])],
  ["a run that violates an order of teardown", "violation", () => recorded("invalidate-fails", ["M-invalidate-before-free"])],
  ["a run whose guest dies", "pass", () => recorded("guest-dies")],
  ["a history full of hostile texts", "violation", hostile],
];

let browser: Browser | undefined;
beforeAll(async () => {
  if (noChromium === null) browser = await launchChromium();
});
afterAll(() => browser?.close());

describe.skipIf(noChromium !== null).each(reports)(
  `report.html of %s, in Chromium without a network${noChromium ? `: skipped, ${noChromium}` : ""}`,
  (_what, verdict, record) => {
    let dir: string;
    const said: string[] = [];
    const asked: string[] = [];
    let page: Page;
    let command = "";

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), "faultline-browser-"));
      const told = await record();
      command = told.how.command;
      writeFileSync(join(dir, "report.html"), reportHtml(told));
      page = await (await browser!.newContext({ offline: true, viewport: { width: WIDTH, height: 900 } })).newPage();
      page.on("console", (message) => void said.push(message.text()));
      page.on("pageerror", (error) => void said.push(String(error)));
      page.on("dialog", (dialog) => void said.push(dialog.message()));
      page.on("request", (request) => void asked.push(request.url()));
      await page.goto(`file://${dir}/report.html`);
    });
    afterAll(async () => {
      await page?.context().close();
      rmSync(dir, { recursive: true });
    });

    it("gives the verdict first, large and at the top, and last the command that reproduces it", async () => {
      // biome-ignore lint/performance/useDomNodeTextContent: the text as it is laid out is what is asked for
      const lines = (await page.locator("body").innerText()).trim().split("\n");
      expect([lines[0].split(" ")[0], lines.at(-1)]).toEqual([verdict, command]);
      const box = (await page.locator("h1 span").boundingBox())!;
      expect(box.y + box.height).toBeLessThan(100);
      expect(box.height).toBeGreaterThan(24);
    });

    it(`fits ${WIDTH} pixels: nothing has to be scrolled sideways`, async () => {
      const wide = await page.evaluate(tooWide, ".scroll, .events");
      expect(wide).toEqual([]);
    });

    it("draws the diagram and the timeline with every label inside and no two of them over each other", async () => {
      for (const name of ["sequence", "timeline"]) {
        const { outside, over, labels } = await page.evaluate(labelsOf, `svg.${name}`);
        expect(labels, name).toBeGreaterThan(12);
        expect({ outside, over }, name).toEqual({ outside: [], over: [] });
      }
    });

    it("lights the offence, when there is one", async () => {
      expect((await page.locator("svg.sequence .offence .lit").count()) > 0).toBe(verdict === "violation");
    });

    it("leads from a number of the diagram to its event and back", async () => {
      await page.locator("svg.sequence .row a").last().click();
      const line = page.locator(".events :target");
      expect(await line.count()).toBe(1);
      await page.waitForFunction(isInView, ".events :target", { timeout: 5_000 });
      await line.locator("a").first().click();
      expect(await page.locator("svg.sequence .row:target").count()).toBe(1);
    });

    it.each(["light", "dark"] as const)("has text that stands out from what is behind it (WCAG 2.2, 1.4.3: 4.5 to 1), %s", async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      const ratios = await page.evaluate(contrasts, { kinds: TEXTS, lit: "svg .lit", inLit: "svg .offence" });
      expect(ratios.length).toBeGreaterThan(5);
      expect(ratios.filter(([, ratio]) => ratio < 4.5)).toEqual([]);
    });

    it("says nothing on the console and asks for nothing but itself", () => {
      expect(said).toEqual([]);
      expect(asked.filter((url) => url !== `file://${dir}/report.html` && !url.startsWith("data:"))).toEqual([]);
    });
  },
);
