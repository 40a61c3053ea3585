import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const rootless = `${process.env.XDG_RUNTIME_DIR}/docker.sock`;
if (existsSync(rootless)) process.env.DOCKER_HOST ??= `unix://${rootless}`;
/** Where the runs of this test file live: apart from the machines of whoever runs the tests. */
export const runtimeDirectory = mkdtempSync(join(tmpdir(), "fl-"));
process.env.XDG_RUNTIME_DIR = runtimeDirectory;
afterAll(() => rmSync(runtimeDirectory, { recursive: true }));

const main = new URL("../../services/lab/cli/main.ts", import.meta.url).pathname;

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
  json(): Record<string, never> & JsonObject;
}
export type JsonObject = { [key: string]: JsonValue };
export type JsonValue = string | number | boolean | null | JsonObject | JsonValue[];

/** Starts `faultline ...args`; `child` to send it signals, `outcome` once it ended. */
export function startFaultline(...args: string[]): { child: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const outcome = new Promise<Outcome>((resolve) => {
    child.on("close", (code) => resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) }));
  });
  return { child, outcome };
}

/** Runs `faultline ...args` to its end. */
export const faultline = (...args: string[]): Promise<Outcome> => startFaultline(...args).outcome;
