import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const recorded = (name: string) => fileURLToPath(new URL(`../../../test/vectors/smmu/${name}.json`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-vectors-"));
afterAll(() => rmSync(folder, { recursive: true }));

const vectors = (args: string[], env: Record<string, string> = {}) =>
  spawnSync(process.execPath, [main, "vectors", ...args], { encoding: "utf8", timeout: 60_000, env: { ...process.env, ...env } });
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
/** eventq.json with its first vector expecting another data of its last read. */
function wrong(): string {
  const document = JSON.parse(readFileSync(recorded("eventq"), "utf8"));
  const step = document.vectors[0].steps.find(({ op }: { op: string }) => op === "read32");
  step.expect = "0x12345";
  return file("wrong.json", JSON.stringify(document));
}
const image = {
  format: "smmu-image/1",
  registers: { "0x20": "0x0", "0x44": "0x1000" },
  memory: [],
  translations: [{ sid: 1, ssid: null, iova: "0x123", write: false, pa: "0x123" }],
};

describe("faultline vectors (issue 4; exit codes: interfaces.md, section 11)", () => {
  it.each([
    ["a fresh smmu process", []],
    ["this process", ["--in-process"]],
  ])(
    "in %s: all pass is exit 0, a line for each file",
    (_where, flags) => {
      const { status, stdout, stderr } = vectors([recorded("eventq"), file("image.json.gz", gzipSync(JSON.stringify(image))), ...flags]);
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout.trimEnd().split("\n")).toEqual([expect.stringMatching(/eventq\.json: 9\/9 passed/), expect.stringMatching(/image\.json\.gz: 1\/1 passed/)]);
    },
    60_000,
  );

  it("JSON is one object of files with what failed", () => {
    const path = wrong();
    const { status, stdout } = vectors([path, recorded("multi-stream"), "--in-process", "--json"]);
    expect(status).toBe(1);
    const { files } = JSON.parse(stdout);
    expect(files).toEqual([
      {
        file: path,
        format: "smmu-vectors/1",
        total: 9,
        passed: 8,
        failed: [{ name: expect.any(String), step: expect.any(Number), expected: "0x12345", actual: expect.stringMatching(/^0x/) }],
      },
      { file: recorded("multi-stream"), format: "smmu-vectors/1", total: 14, passed: 14, failed: [] },
    ]);
  }, 60_000);

  it("a mismatch is exit 1, with name, step, both values and their fields", () => {
    const { status, stdout } = vectors([wrong(), "--in-process"]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/wrong\.json: 8\/9 passed .*\n {2}\S+, step \d+: register \w+\n {4}expected 0x12345.*\n {4}actual {3}0x/);
  }, 60_000);

  it("caches have the size that was asked for: without them no stale entry shows (impl-defined.json)", () => {
    expect(vectors([recorded("impl-defined"), "--in-process"]).status).toBe(0);
    const without = vectors([recorded("impl-defined"), "--in-process", "--cache", "0"]);
    expect([without.status, without.stdout.split("\n")[0]]).toEqual([1, expect.stringContaining("0/12 passed")]);
  }, 60_000);

  const bad: [string, () => string[], RegExp, string | undefined][] = [
    ["a file that is no JSON", () => [file("bad.json", '{"format": }')], /bad\.json: line 1 column 12: is no JSON/, "line 1 column 12"],
    [
      "a file that breaks its format",
      () => [file("odd.json", JSON.stringify({ ...image, memory: [["0x0", "!"]] }))],
      /odd\.json: memory\[0\]\[1\]: must be base64/,
      "memory[0][1]",
    ],
    ["a file that is not there", () => ["/nonexistent/x.json"], /\/nonexistent\/x\.json: file: cannot be read/, "file"],
    ["no file", () => [], /missing required argument 'files'/, "files"],
    ["a cache of no size", () => [recorded("eventq"), "--cache", "many"], /--cache many is no whole number/, "cache"],
  ];
  it.each(bad)(
    "%s is exit 2, and named",
    (_what, args, message, field) => {
      const { status, stdout } = vectors([...args(), "--in-process", "--json"]);
      const { ok, error } = JSON.parse(stdout);
      expect([status, ok, error.kind, error.field]).toEqual([2, false, "input", field]);
      expect(error.message).toMatch(message);
    },
    60_000,
  );

  it("a smmu process that cannot serve is exit 3", () => {
    const { status, stderr } = vectors([recorded("eventq")], { XDG_RUNTIME_DIR: join(folder, "x".repeat(100)) });
    expect(status).toBe(3);
    expect(stderr).toMatch(/^faultline: smmu: cannot serve unix:/);
  }, 60_000);
});
