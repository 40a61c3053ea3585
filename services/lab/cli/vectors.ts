import { Malformed } from "../vectors/field.ts";
import { type FileResult, replayFile } from "../vectors/replay-files.ts";
import type { Machines } from "../vectors/replay-machine.ts";
import { filesJson, fileText } from "../vectors/report.ts";
import { EXIT, inputError } from "./errors.ts";
import { numberOption } from "./options.ts";

export interface VectorsOptions {
  cache: string;
  inProcess?: boolean;
  json?: boolean;
}

/** `faultline vectors`: replays recordings and images against a fresh smmu process over its edge, or in this process. */
export async function vectorsCommand(files: readonly string[], options: VectorsOptions): Promise<number> {
  const cacheEntries = options.cache === "default" ? null : numberOption("cache", options.cache, 0, 2 ** 24);
  const machines = await machinesOf(options.inProcess ?? false);
  const results: FileResult[] = [];
  try {
    for (const file of files) {
      const result = await replayFile(file, machines, cacheEntries).catch((error) => {
        throw error instanceof Malformed ? inputError(`${file}: ${error.message}`, error.place) : error;
      });
      results.push(result);
      if (!options.json) process.stdout.write(`${fileText(result)}\n`);
    }
  } finally {
    await machines.close();
  }
  if (options.json) process.stdout.write(`${JSON.stringify(filesJson(results))}\n`);
  return results.every(({ passed, total }) => passed === total) ? EXIT.ok : EXIT.violation;
}

/** Only what the way that was asked for needs is loaded. */
const machinesOf = async (inProcess: boolean): Promise<Machines> =>
  inProcess ? (await import("../vectors/in-process.ts")).machinesInProcess() : (await import("../vectors/smmu-process.ts")).machinesAsProcesses();
