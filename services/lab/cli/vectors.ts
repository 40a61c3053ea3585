import { Malformed } from "../vectors/field.ts";
import { type FileResult, replayFile } from "../vectors/replay-files.ts";
import type { Machines } from "../vectors/replay-machine.ts";
import { filesJson, fileText } from "../vectors/report.ts";
import type { VirtioIommuMachines } from "../vectors/virtio-iommu/machine.ts";
import { EXIT, inputError } from "./errors.ts";
import { numberOption } from "./options.ts";

export interface VectorsOptions {
  cache: string;
  inProcess?: boolean;
  json?: boolean;
}

/** `faultline vectors`: replays recordings and images against a fresh smmu or vmm process over its edges, or in this process. */
export async function vectorsCommand(files: readonly string[], options: VectorsOptions): Promise<number> {
  const cacheEntries = options.cache === "default" ? null : numberOption("cache", options.cache, 0, 2 ** 24);
  const { smmus, virtioIommus } = await machinesOf(options.inProcess ?? false);
  const results: FileResult[] = [];
  try {
    for (const file of files) {
      const result = await replayFile(file, smmus, cacheEntries, virtioIommus).catch((error) => {
        throw error instanceof Malformed ? inputError(`${file}: ${error.message}`, error.place) : error;
      });
      results.push(result);
      if (!options.json) process.stdout.write(`${fileText(result)}\n`);
    }
  } finally {
    await Promise.all([smmus.close(), virtioIommus.close()]);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(filesJson(results))}\n`);
  return results.every(({ passed, total }) => passed === total) ? EXIT.ok : EXIT.violation;
}

/** Only what the way that was asked for needs is loaded. */
async function machinesOf(inProcess: boolean): Promise<{ smmus: Machines; virtioIommus: VirtioIommuMachines }> {
  if (inProcess) {
    const [{ machinesInProcess }, { virtioIommusInProcess }] = await Promise.all([import("../vectors/in-process.ts"), import("../vectors/virtio-iommu/in-process.ts")]);
    return { smmus: machinesInProcess(), virtioIommus: virtioIommusInProcess() };
  }
  const [{ machinesAsProcesses }, { virtioIommusAsProcesses }] = await Promise.all([
    import("../vectors/smmu-process.ts"),
    import("../vectors/virtio-iommu/vmm-process.ts"),
  ]);
  return { smmus: machinesAsProcesses(), virtioIommus: virtioIommusAsProcesses() };
}
