import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where one run on this machine keeps its sockets and its memory file (interfaces.md, section 2). */
export interface RunFolder {
  name: string;
  dir: string;
  /** The memory file in /dev/shm. */
  memory: string;
  socket(service: string): string;
  /** Says in run.json which processes serve. */
  services(services: RunRecord["services"], starts?: number): void;
  remove(): void;
}

/** run.json: the supervisor of a run, told apart from a later process with its number by when it started. */
export interface RunRecord {
  run: string;
  pid: number;
  started: string;
  memory: string;
  /** "up": in the background, until `down`; else what a command started for itself. */
  purpose: "up" | "command";
  /** Mutants and defects that are on. */
  switches: string[];
  /** `ended`: how a part that is gone ended, like "exit code 3"; null: it lives. */
  services: { name: string; pid: number; admin: string; ended: string | null }[];
  /** How often services were started: 1 at first, one more each time that lost ones are started again. */
  starts: number;
}

const SHM = "/dev/shm";
const uid = process.getuid?.() ?? 0;
/** Memory files of one runs folder: /dev/shm is shared with runs that have another XDG_RUNTIME_DIR, which are none of ours. */
export const memoryPrefix = (base: string): string => `faultline-${uid}-${createHash("sha256").update(base).digest("hex").slice(0, 8)}-`;
/** A folder whose `run.json` is not written yet belongs to a run that is starting; after this long it is left over. */
const STARTING_MS = 10_000;

export const runsFolder = (): string => (process.env.XDG_RUNTIME_DIR ? join(process.env.XDG_RUNTIME_DIR, "faultline") : `/tmp/faultline-${uid}`);

/** Makes the folder of a new run, after removing what dead runs left. `name` must be free. */
export function createRunFolder(machineJson: string, purpose: RunRecord["purpose"] = "command", given?: string, switches: string[] = []): RunFolder {
  const base = runsFolder();
  mkdirSync(base, { recursive: true, mode: 0o700 });
  removeStale(base);
  const name = given ?? freeName(base);
  const dir = join(base, name);
  mkdirSync(dir, { mode: 0o700 });
  const memory = join(SHM, `${memoryPrefix(base)}${name}`);
  const record: RunRecord = { run: name, pid: process.pid, started: startOf(process.pid) ?? "", memory, purpose, switches, services: [], starts: 0 };
  const write = () => {
    writeFileSync(join(dir, "run.json.new"), `${JSON.stringify(record)}\n`);
    renameSync(join(dir, "run.json.new"), join(dir, "run.json")); // a reader finds the old one or the new one
  };
  write();
  writeFileSync(join(dir, "machine.json"), machineJson);
  return {
    name,
    dir,
    memory,
    socket: (service) => join(dir, `${service}.sock`),
    services(services, starts = 1) {
      record.services = services;
      record.starts = starts;
      write();
    },
    remove() {
      rmSync(memory, { force: true });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function freeName(base: string): string {
  for (let i = 0; ; i++) {
    const name = `run-${process.pid}${i ? `-${i}` : ""}`;
    if (!existsSync(join(base, name))) return name;
  }
}

/** Removes the folders and memory files of runs whose supervisor is gone. */
export function removeStale(base: string): void {
  const prefix = memoryPrefix(base);
  const live = new Set<string>();
  for (const name of readdirSync(base)) {
    const dir = join(base, name);
    const record = readRecord(dir);
    if (record ? isAlive(record) : Date.now() - statSync(dir).mtimeMs < STARTING_MS) {
      live.add(name);
      continue;
    }
    if (record?.memory.startsWith(join(SHM, prefix))) rmSync(record.memory, { force: true });
    rmSync(dir, { recursive: true, force: true });
  }
  for (const file of readdirSync(SHM)) if (file.startsWith(prefix) && !live.has(file.slice(prefix.length))) rmSync(join(SHM, file), { force: true });
}

/** The runs on this machine whose supervisor lives. */
export function liveRuns(): RunRecord[] {
  const base = runsFolder();
  if (!existsSync(base)) return [];
  return readdirSync(base).flatMap((name) => {
    const record = readRecord(join(base, name));
    return record && isAlive(record) ? record : [];
  });
}

/** The supervisor that made the record lives. */
export const isAlive = ({ pid, started }: Pick<RunRecord, "pid" | "started">): boolean => startOf(pid) === started;

function readRecord(dir: string): RunRecord | null {
  try {
    return JSON.parse(readFileSync(join(dir, "run.json"), "utf8"));
  } catch {
    return null;
  }
}

/** When a process started, in clock ticks since boot (field 22 of /proc/PID/stat): a number used again is told apart. Null: no such process. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return null;
  }
}
