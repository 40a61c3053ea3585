import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const faultline = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });

describe("bad input (interfaces.md, section 11)", () => {
  const cases: [string, string[], RegExp, string | undefined][] = [
    ["a missing file", ["sim", "demo", "--file", "/nonexistent/x"], /\/nonexistent\/x cannot be read/, "file"],
    ["a directory", ["sim", "demo", "--file", "/"], /is not a file/, "file"],
    ["an unknown operation", ["demo", "--op", "md5"], /md5 is no operation: copy, crc32c, sha256, gzip/, "op"],
    ["a bad number", ["demo", "--pages-per-group", "65"], /--pages-per-group 65 is no whole number from 1 to 64/, "pages-per-group"],
    ["a bad seed", ["run", "drop-page-response", "--seed", "-1"], /--seed -1 is no whole number/, "seed"],
    ["an unknown mode", ["run", "drop-page-response", "--mode", "dream"], /dream/, "mode"],
    ["an unknown scenario", ["run", "no-such"], /no scenario no-such: npx faultline scenarios list/, "scenario"],
    ["an unknown mutant", ["run", "drop-page-response", "--mutants", "M-x"], /M-x is unknown/, "mutants"],
    ["a directory for a scenario", ["run", "/"], /^(faultline: )?\/ cannot be read as a scenario's file: EISDIR/, "scenario"],
    ["a VM that the machine has not", ["run", "drop-page-response", "--vm", "1"], /--vm 1 is no whole number from 0 to 0/, "vm"],
    ["a place where no report can be", ["run", "drop-page-response", "--out", "/proc/x/y"], /--out \/proc\/x\/y cannot be written \(ENOENT\)/, "out"],
    ["a report in a file", ["run", "drop-page-response", "--out", main], /--out .* cannot be written \(ENOTDIR\)/, "out"],
    ["a log level that there is not", ["up", "--log-level", "loud"], /--log-level loud is none of trace, debug/, "log-level"],
    ["a log of no services", ["run", "drop-page-response", "--log-level", "info"], /--log-level is for services that this command starts as processes/, "log-level"],
    [
      "a machine that runs, for the simulation",
      ["run", "drop-page-response", "--mode", "sim", "--connect", "x"],
      /--connect: a machine that runs is no --mode sim/,
      "connect",
    ],
    [
      "a machine file for a machine that runs",
      ["run", "drop-page-response", "--machine", "x", "--connect", "127.0.0.1:9"],
      /--machine: a machine that runs has its own/,
      "machine",
    ],
    ["an unknown command", ["fly"], /unknown command 'fly'/, "command"],
    ["a command without its argument", ["judge"], /missing required argument 'directory'/, "directory"],
    ["an unknown option", ["demo", "--fast"], /unknown option '--fast'/, "fast"],
    ["a machine file that is not there", ["demo", "--machine", "/nonexistent.yaml"], /\/nonexistent\.yaml cannot be read/, "machine"],
    ["a size in no unit", ["demo", "--ram", "lots"], /--ram lots is no size/, "ram"],
    ["an unknown ABI", ["demo", "--abi", "rfc-v2"], /--abi rfc-v2 is none of review, rfc-v1/, "abi"],
    ["an ABI for a machine that runs", ["demo", "--abi", "rfc-v1", "--connect", "127.0.0.1:9"], /--abi: a machine that runs has its own/, "abi"],
    ["an unknown benchmark", ["bench", "speed"], /no benchmark speed/, "name"],
  ];
  it.each(cases)(
    "%s is one line on stderr, or one object on stdout, and exit 2",
    (_what, args, message, field) => {
      const text = faultline(...args);
      expect([text.status, text.stdout]).toEqual([2, ""]);
      expect(text.stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(text.stderr).toMatch(message);
      const json = faultline(...args, "--json");
      expect([json.status, json.stderr]).toEqual([2, ""]);
      const { ok, error } = JSON.parse(json.stdout);
      expect({ ok, kind: error.kind, field: error.field }).toEqual({ ok: false, kind: "input", field });
      expect(error.message).toMatch(message);
    },
    20_000,
  );

  it("no command at all is answered by the help, and by nothing that is not for people", () => {
    const { status, stdout, stderr } = faultline();
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: faultline/);
    expect(stderr).not.toContain("outputHelp");
    const json = faultline("sim", "--json");
    expect([json.status, JSON.parse(json.stdout).error.field]).toEqual([2, "command"]);
  });

  it("help is no error", () => {
    const { status, stdout } = faultline("--help");
    expect(status).toBe(0);
    expect(stdout).toContain("demo");
  });
});
