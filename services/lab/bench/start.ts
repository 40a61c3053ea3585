import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { percentile } from "../demo/summary.ts";
import { compileCache } from "../supervisor/compile-cache.ts";
import { NODE_FLAGS } from "../supervisor/services.ts";

const KINDS = ["smmu", "host", "vmm", "guest"] as const;
type Kind = (typeof KINDS)[number];
/** Time to ready in ms and resident memory in MiB, without the DRAM that all services share (RssShmem). */
interface Sample {
  ms: number;
  mib: number;
}
interface Round {
  one: Sample;
  four: Sample;
  services: Record<Kind, Sample>;
  together: Sample;
}
export type Figures = Record<Kind | "together", number> & { bareOne: number; bareFour: number };
export interface StartResult {
  /** Medians; `minima` beside them. */
  readyMs: Figures;
  memoryMiB: Figures;
  minima: { readyMs: Figures; memoryMiB: Figures };
  /** A service to one bare process, the four together to four of them. */
  ratio: { ready: Record<Kind | "together", number>; memory: Record<Kind | "together", number> };
}

const script = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Processes of one round, in a folder of their own. */
class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "fl-start-"));
  readonly memory = `/dev/shm/faultline-bench-${process.pid}-${this.path.slice(-6)}`;
  readonly #children: ChildProcess[] = [];

  /** Starts a process and resolves with when it was ready, counted from before the spawn. */
  async start(args: string[], env: Record<string, string>): Promise<{ ms: number; pid: number }> {
    const from = performance.now();
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...env } });
    this.#children.push(child);
    const line = once(child.stdout!, "data");
    const gone = once(child, "exit").then(([code]) => Promise.reject(new Error(`${args[0]} ended with ${code}`)));
    gone.catch(() => {});
    await Promise.race([line, gone]);
    return { ms: performance.now() - from, pid: child.pid! };
  }

  service(kind: Kind): Promise<{ ms: number; pid: number }> {
    return this.start([...NODE_FLAGS, script(`../../${kind}/shell/main.ts`), "--run-dir", this.path, "--memory", this.memory, "--admin", "127.0.0.1:0"], {
      NODE_COMPILE_CACHE: compileCache(),
    });
  }

  bare(index: number): Promise<{ ms: number; pid: number }> {
    return this.start([script("bare.ts"), join(this.path, `bare${index}.sock`)], { NODE_DISABLE_COMPILE_CACHE: "1" });
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.stdin!.end(); // a process that ends by itself writes its compile cache
        await once(child, "exit");
      }),
    );
    rmSync(this.path, { recursive: true, force: true });
    rmSync(this.memory, { force: true });
  }
}

/** VmRSS without RssShmem, in MiB. */
function resident(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return (kib("VmRSS") - kib("RssShmem")) / 1024;
}

const together = async (starts: Promise<{ ms: number; pid: number }>[]): Promise<Sample> => {
  const started = await Promise.all(starts);
  return { ms: Math.max(...started.map(({ ms }) => ms)), mib: started.reduce((sum, { pid }) => sum + resident(pid), 0) };
};

async function within<T>(body: (folder: Folder) => Promise<T>): Promise<T> {
  const folder = new Folder();
  try {
    return await body(folder);
  } finally {
    await folder.close();
  }
}

/** One round: bare processes and services one after the other, so that both see the same load of the machine. Each service is timed with the one below it ready. */
async function round(): Promise<Round> {
  const one = await within((folder) => together([folder.bare(0)]));
  const services = await within(async (folder) => {
    const samples: Partial<Record<Kind, Sample>> = {};
    for (const kind of KINDS) samples[kind] = await together([folder.service(kind)]);
    return samples as Record<Kind, Sample>;
  });
  const four = await within((folder) => together(KINDS.map((_, i) => folder.bare(i))));
  const all = await within((folder) => together(KINDS.map((kind) => folder.service(kind))));
  return { one, four, services, together: all };
}

/** Time to ready and memory of each service and of the four together, against as many bare Node processes (design.md, section 8). */
export async function measureStart(rounds: number, progress: (done: number) => void): Promise<StartResult> {
  const taken: Round[] = [];
  await round(); // fills the compile cache that services have under `faultline up` and in the image; a bare process has none
  for (let i = 0; i < rounds; i++) {
    taken.push(await round());
    progress(i + 1);
  }
  const figures = (of: (sample: Sample) => number, pick: (values: number[]) => number): Figures => {
    const over = (sample: (r: Round) => Sample) => Math.round(pick(taken.map((r) => of(sample(r)))) * 10) / 10;
    return {
      smmu: over((r) => r.services.smmu),
      host: over((r) => r.services.host),
      vmm: over((r) => r.services.vmm),
      guest: over((r) => r.services.guest),
      together: over((r) => r.together),
      bareOne: over((r) => r.one),
      bareFour: over((r) => r.four),
    };
  };
  const middle = (values: number[]) => percentile(values, 0.5);
  const least = (values: number[]) => Math.min(...values);
  const readyMs = figures(({ ms }) => ms, middle);
  const memoryMiB = figures(({ mib }) => mib, middle);
  const ratioOf = ({ bareOne, bareFour, ...services }: Figures) =>
    Object.fromEntries(Object.entries(services).map(([name, value]) => [name, Math.round((value / (name === "together" ? bareFour : bareOne)) * 100) / 100])) as Record<
      Kind | "together",
      number
    >;
  return {
    readyMs,
    memoryMiB,
    minima: { readyMs: figures(({ ms }) => ms, least), memoryMiB: figures(({ mib }) => mib, least) },
    ratio: { ready: ratioOf(readyMs), memory: ratioOf(memoryMiB) },
  };
}
