import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { copyRepository } from "./repository-copy.ts";

/**
 * A step of a tutorial, from its fenced blocks: `yaml file=PATH` and `ts file=PATH` write a file, `diff file=PATH` changes one (its context and removed lines stand there exactly once), `sh` runs
 * commands, of which the last may end in `# exit N`; `text` after it is what they print: each line somewhere, in that order, `…` for anything.
 */
export type Step =
  | { what: "write" | "change"; line: number; path: string; text: string }
  | { what: "run"; line: number; command: string; exit: number; prints: string[] };

export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  for (const match of markdown.matchAll(/^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm)) {
    const [, language, path, text] = match;
    const line = markdown.slice(0, match.index).split("\n").length;
    const last = steps.at(-1);
    if (language === "text") {
      if (last?.what !== "run") throw new RangeError(`line ${line}: an output without its command`);
      last.prints = text.trimEnd().split("\n");
    } else if (language === "sh") steps.push({ what: "run", line, command: text.trim(), exit: Number(text.match(/# exit (\d+)$/m)?.[1] ?? 0), prints: [] });
    else if (path) steps.push({ what: language === "diff" ? "change" : "write", line, path, text });
    else throw new RangeError(`line ${line}: a block of ${language} that is no step`);
  }
  return steps;
}

/** Text with a diff applied: lines that stay or go stand there exactly once, one after the other. */
export function changed(text: string, diff: string): string {
  const lines = diff.trimEnd().split("\n");
  const side = (other: string): string =>
    lines
      .filter((line) => !line.startsWith(other))
      .map((line) => `${line.slice(1)}\n`)
      .join("");
  const [before, after] = [side("+"), side("-")];
  const places: number[] = [];
  for (let at = text.indexOf(before); at >= 0; at = text.indexOf(before, at + 1)) if (at === 0 || text[at - 1] === "\n") places.push(at);
  if (places.length !== 1) throw new RangeError(`stands there ${places.length} times:\n${before}`);
  return `${text.slice(0, places[0])}${after}${text.slice(places[0] + before.length)}`;
}

/** The first expected line that the output lacks at its place; null: it has all. */
export function missingLine(output: string, expected: readonly string[]): string | null {
  const lines = output.split("\n").map((line) => line.trimEnd());
  let from = 0;
  for (const line of expected) {
    const pattern = new RegExp(
      `^${line
        .split("…")
        .map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"))
        .join(".*")}$`,
    );
    const at = lines.findIndex((one, i) => i >= from && pattern.test(one));
    if (at < 0) return line;
    from = at + 1;
  }
  return null;
}

/** A copy of the repository in which a tutorial is followed; its `npx` runs the copy's own tools. */
export class TutorialCopy {
  readonly root = copyRepository("faultline-tutorial-");
  readonly #bin = mkdtempSync(join(tmpdir(), "faultline-npx-"));
  readonly #runs = mkdtempSync(join(tmpdir(), "fl-"));

  constructor() {
    const npx = join(this.#bin, "npx");
    const tools = [
      ["faultline", join(this.root, "services/lab/cli/main.ts")],
      ["vitest", join(this.root, "node_modules/vitest/vitest.mjs")],
    ];
    writeFileSync(
      npx,
      `#!/bin/sh\ntool=$1; shift\ncase $tool in\n${tools.map(([name, path]) => `${name}) exec '${process.execPath}' '${path}' "$@" ;;`).join("\n")}\nesac\nexit 127\n`,
    );
    chmodSync(npx, 0o755);
  }

  follow(step: Step): { output: string; status: number | null } | null {
    if (step.what === "run") {
      const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, VITEST: undefined, XDG_RUNTIME_DIR: this.#runs, PATH: `${this.#bin}:${process.env.PATH}` };
      const { stdout, stderr, status } = spawnSync("sh", ["-c", `{ ${step.command}\n} 2>&1`], { cwd: this.root, encoding: "utf8", env, timeout: 100_000 });
      return { output: stdout + stderr, status };
    }
    const path = join(this.root, step.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, step.what === "change" ? changed(readFileSync(path, "utf8"), step.text) : step.text);
    return null;
  }

  remove(): void {
    for (const directory of [this.root, this.#bin, this.#runs]) rmSync(directory, { recursive: true, force: true });
  }
}
