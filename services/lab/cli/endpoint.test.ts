import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const machine = (name: string) => fileURLToPath(new URL(`../machines/${name}.yaml`, import.meta.url));
const run = `endpoint-do-${process.pid}`;
const { FAULTLINE_RUN: _, FAULTLINE_CONNECT: __, ...env } = process.env;
const faultline = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8", timeout: 60_000, env });
const act = (...args: string[]) => faultline("endpoint", "do", ...args, "--connect", run);
const json = (...args: string[]) => JSON.parse(act(...args, "--json").stdout);

describe("faultline endpoint do on a machine with a scripted endpoint that its VM owns (interfaces.md, section 6)", () => {
  beforeAll(() => {
    const { status, stderr } = faultline("up", "--machine", machine("scripted"), "--run", run, "--admin-port", "none");
    expect([status, stderr]).toEqual([0, ""]);
  }, 60_000);
  afterAll(() => void faultline("down", "--connect", run), 60_000);

  it("the host's driver has enabled PASID, ATS and PRI when the VMM opened it", () => {
    expect(json("00:02.0", "received").outcome.state).toMatchObject({ up: true, pasidEnabled: true, atsEnabled: true, priEnabled: true, allocation: 32 });
  }, 60_000);

  it("a page that is not there is R = W = 0; its request is answered through host and VMM; guest RAM is there", () => {
    const translate = ["00:02.0", "translate", "--address", "0x1000"];
    expect(json(...translate)).toMatchObject({ ok: true, bdf: "00:02.0", action: "translate", outcome: { status: "SC", entries: [{ R: false, W: false }] } });
    const { stdout } = act("00:02.0", "pageRequest", "--address", "0x1000", "--prgi", "7");
    // No driver of the guest takes the function: its VMM answers INVALID (flow.md), PRG Response Code 0b0001.
    expect(stdout).toBe("sent 1 Page Request\nPRG Response: PRGI 7 without PASID: Invalid Request (0x1)\n");
    expect(json(...translate).outcome.entries).toMatchObject([{ R: false, W: false }]);
    const [ram] = json("00:02.0", "translate", "--address", "0x80000000").outcome.entries;
    expect(ram).toMatchObject({ R: true, W: true, sizeBytes: 4096 });
    expect(act("00:02.0", "dma", "--iova", "0x80fff000", "--bytes", "c0ffee").status).toBe(0);
    const { stdout: read } = act("00:02.0", "dma", "--iova", "0x80fff000", "--length", "3");
    expect(read).toBe("SC (Successful Completion): c0ffee\n");
  }, 60_000);

  it("a transaction the SMMU refuses is an outcome, not an error", () => {
    const { status, stdout } = act("00:02.0", "dma", "--iova", "0x1000");
    expect([status, stdout]).toEqual([0, "CA (Completer Abort)\n"]);
  }, 60_000);

  it("an accelerator, a function that is not there and a field that does not fit are input errors, by name", () => {
    const bad: [string[], RegExp, string][] = [
      [["00:01.0", "flr"], /00:01\.0 is an accelerator: flr needs a scripted endpoint \(00:02\.0\)/, "bdf"],
      [["00:03.0", "flr"], /00:03\.0 is no function of this machine/, "bdf"],
      [["00:02.0", "pageRequest", "--address", "0", "--prgi", "512"], /prgi: must be below 2\^9, got 512/, "prgi"],
      [["2.0", "flr"], /2\.0 is no function like 00:02\.0/, "bdf"],
    ];
    for (const [args, message, field] of bad) {
      const { status, stdout } = act(...args, "--json");
      expect(status).toBe(2);
      expect(JSON.parse(stdout).error).toMatchObject({ kind: "input", message: expect.stringMatching(message), field });
    }
  }, 60_000);

  it("the link of an accelerator can be cut, and comes back with the function as after power-on", () => {
    expect(json("00:01.0", "link", "--state", "down").outcome.state).toMatchObject({ up: false });
    expect(json("00:01.0", "link", "--state", "up").outcome.state).toMatchObject({ up: true, atsEnabled: false, priStatus: ["stopped"] });
  }, 60_000);

  it("a demo that wants more accelerators than the machine has is an input error", () => {
    const { status, stdout } = faultline("demo", "--connect", run, "--endpoints", "2", "--json");
    expect(status).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({ kind: "input", message: expect.stringMatching(/--endpoints 2: vm0 of run .* has 1;/), field: "endpoints" });
  }, 60_000);

  it("help lists the actions", () => {
    expect(faultline("endpoint", "do", "--help").stdout).toMatch(/Actions .*\n {2}dma .*\n.*\n {2}translate /);
  }, 60_000);
});
