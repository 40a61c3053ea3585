import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ServiceProcess {
  child: ChildProcess;
  address: string;
  stderr(): string;
  code: Promise<number | null>;
}

/** Starts service shells in a run directory of their own, as a supervisor would. */
export class ServiceProcesses {
  readonly directory = mkdtempSync(join(tmpdir(), "fl-svc-"));
  readonly memory = `/dev/shm/faultline-test-${process.pid}-${this.directory.slice(-6)}`;
  readonly #children: ChildProcess[] = [];

  start(kind: "smmu" | "host" | "vmm" | "guest", ...flags: string[]): ServiceProcess {
    const name = kind === "vmm" || kind === "guest" ? `${kind}0` : kind;
    const main = new URL(`../../services/${kind}/shell/main.ts`, import.meta.url).pathname;
    const child = spawn(process.execPath, [main, "--run-dir", this.directory, "--memory", this.memory, ...flags], { stdio: ["pipe", "pipe", "pipe"] });
    this.#children.push(child);
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += chunk));
    const code = once(child, "exit").then(([exitCode]) => exitCode as number | null);
    return { child, address: `unix:${join(this.directory, `${name}.sock`)}`, stderr: () => stderr, code };
  }

  /** Resolves with the line that a service prints when it is ready. */
  async ready({ child, code, stderr }: ServiceProcess): Promise<string> {
    const line = once(child.stdout!, "data").then(([chunk]) => String(chunk).trim());
    const ended = code.then((exit) => Promise.reject(new Error(`ended with ${exit}: ${stderr()}`)));
    ended.catch(() => {}); // only a service that ends before it is ready matters
    return Promise.race([line, ended]);
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill("SIGKILL");
        await once(child, "exit");
      }),
    );
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(this.memory, { force: true });
  }
}
