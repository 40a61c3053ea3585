import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createRunFolder, runsFolder } from "./run-folder.ts";

describe("the folder of a run (interfaces.md, section 2)", () => {
  let runtime: string;
  beforeEach(() => {
    runtime = mkdtempSync(join(tmpdir(), "run-folder-"));
    vi.stubEnv("XDG_RUNTIME_DIR", runtime);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(runtime, { recursive: true });
  });

  it("is private, names its sockets in less than 100 characters, and is gone after remove", () => {
    const run = createRunFolder("{}");
    expect(statSync(run.dir).mode & 0o777).toBe(0o700);
    expect(run.socket("guest0").length).toBeLessThan(100);
    run.remove();
    expect(existsSync(run.dir)).toBe(false);
  });

  it("of a dead supervisor is removed by the next start, that of a live one and of one that is starting is not", () => {
    const first = createRunFolder("{}");
    const folder = (name: string, record: object | null) => {
      const dir = join(runsFolder(), name);
      mkdirSync(dir);
      if (record) writeFileSync(join(dir, "run.json"), JSON.stringify(record));
      return dir;
    };
    const dead = folder("dead", { pid: 2 ** 22 + 1, started: "1", memory: "" });
    const reused = folder("reused", { pid: process.pid, started: "1", memory: "" });
    const starting = folder("starting", null);
    const abandoned = folder("abandoned", null);
    utimesSync(abandoned, 1, 1);
    const second = createRunFolder("{}");
    expect([first.dir, second.dir, starting, dead, reused, abandoned].map(existsSync)).toEqual([true, true, true, false, false, false]);
    first.remove();
    second.remove();
  });

  it("leaves the memory file of a run under another XDG_RUNTIME_DIR alone, and removes one that a dead run of its own left", () => {
    const other = mkdtempSync(join(tmpdir(), "run-folder-"));
    vi.stubEnv("XDG_RUNTIME_DIR", other);
    const theirs = createRunFolder("{}");
    writeFileSync(theirs.memory, "their DRAM");
    vi.stubEnv("XDG_RUNTIME_DIR", runtime);
    const dead = createRunFolder("{}");
    writeFileSync(dead.memory, "nobody's");
    rmSync(dead.dir, { recursive: true });
    const ours = createRunFolder("{}");
    expect([theirs.memory, dead.memory].map(existsSync)).toEqual([true, false]);
    ours.remove();
    theirs.remove();
    rmSync(other, { recursive: true });
  });
});
