import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { formatSize } from "@faultline/shared/machine/units.ts";
import { EXIT } from "./errors.ts";
import { machineOption } from "./options.ts";

interface Finding {
  check: string;
  ok: boolean;
  found: string;
  /** What to do about it; null when it is well, or only a convenience is missing. */
  cure: string | null;
}
type Check = () => Finding | Promise<Finding>;

const NODE_MAJOR = 24;

const node: Check = () => {
  const major = Number(process.versions.node.split(".")[0]);
  return {
    check: "Node",
    ok: major >= NODE_MAJOR,
    found: process.version,
    cure: major >= NODE_MAJOR ? null : `run through npm or npx, which put the Node ${NODE_MAJOR} of \`npm ci\` first; or install Node ${NODE_MAJOR}`,
  };
};

const koffi: Check = async () => {
  try {
    const { default: library } = await import("koffi");
    return { check: "koffi (mmap)", ok: true, found: library.version, cure: null };
  } catch (error) {
    return {
      check: "koffi (mmap)",
      ok: false,
      found: (error as Error).message.split("\n")[0],
      cure: "npm ci, with optional packages: koffi brings its library ready-built for Linux x64 and arm64 (glibc)",
    };
  }
};

const sharedMemory: Check = () => {
  const { dram } = machineOption({});
  const needed = dram.size + 2 * 2 ** 20;
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    accessSync("/dev/shm", constants.W_OK);
    const free = bavail * bsize;
    const ok = free >= needed;
    return {
      check: "/dev/shm",
      ok,
      found: `${formatSize(Math.floor(free / 2 ** 20) * 2 ** 20)} free, the default machine takes ${formatSize(needed)}`,
      cure: ok ? null : "mount -o remount,size=256m /dev/shm; in a container: docker run --shm-size 256m; or a machine file with a smaller dram.size",
    };
  } catch (error) {
    return { check: "/dev/shm", ok: false, found: (error as Error).message, cure: "mount a tmpfs on /dev/shm: the machine's DRAM is a file there" };
  }
};

const engine: Check = () => {
  const { status, stdout, error } = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], { encoding: "utf8", timeout: 5_000 });
  const ok = !error && status === 0;
  return {
    check: "container engine",
    ok,
    found: ok ? stdout.trim() : "none answers",
    cure: ok ? null : "install Docker Engine 26 or newer with the compose plugin, or set DOCKER_HOST; only compose and the container tests need it",
  };
};

const compose: Check = () => {
  const { status, stdout, error } = spawnSync("docker", ["compose", "version", "--short"], { encoding: "utf8", timeout: 5_000 });
  const ok = !error && status === 0;
  return { check: "docker compose", ok, found: ok ? stdout.trim() : "not found", cure: ok ? null : "install the compose v2 plugin; only `docker compose up` needs it" };
};

const memory: Check = () => {
  const free = Number(/MemAvailable:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) * 1024;
  const ok = free > 700 * 2 ** 20;
  return {
    check: "memory",
    ok,
    found: `${formatSize(Math.floor(free / 2 ** 20) * 2 ** 20)} available`,
    cure: ok ? null : "four Node processes and 48 MiB of DRAM want about 700 MiB",
  };
};

/** `faultline doctor`: what this machine lacks, with the cure for each. Exit 3 when something that every run needs is missing. */
export async function doctorCommand(options: { json?: boolean }): Promise<number> {
  const needed = await Promise.all([node, koffi, sharedMemory, memory].map((check) => check()));
  const wished = await Promise.all([engine, compose].map((check) => check()));
  const findings = [...needed, ...wished];
  const ok = needed.every((finding) => finding.ok);
  if (options.json) process.stdout.write(`${JSON.stringify({ ok, findings, ...(ok ? {} : { error: errorOf(needed) }) })}\n`);
  else
    process.stdout.write(
      `${findings.map(({ check, ok: well, found, cure }) => `${well ? "ok  " : "BAD "} ${check.padEnd(17)} ${found}${cure ? `\n       -> ${cure}` : ""}`).join("\n")}\n`,
    );
  return ok ? EXIT.ok : EXIT.infrastructure;
}

/** As every command says what went wrong (interfaces.md, section 11). */
function errorOf(needed: readonly Finding[]): object {
  const { check, found, cure } = needed.find(({ ok }) => !ok)!;
  return { kind: "infrastructure", message: `${check}: ${found}: ${cure}`, field: check };
}
