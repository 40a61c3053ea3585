import { EVERY_ADDRESS } from "@faultline/shared/physical-memory/sparse.ts";
import { readDocument } from "./document.ts";
import type { Field } from "./field.ts";
import { type ImageFile, imageFile } from "./image-file.ts";
import { replayImage } from "./replay-image.ts";
import { Crashed, type Machines, replayMachine } from "./replay-machine.ts";
import { type Mismatch, replayVector, type Subject } from "./replay-vectors.ts";
import { type Vector, type VectorFile, vectorFile } from "./vector-file.ts";
import { machineOf, type VirtioIommuMachines } from "./virtio-iommu/machine.ts";
import { replayVirtioIommu } from "./virtio-iommu/replay.ts";
import { type VirtioIommuFile, type VirtioIommuVector, virtioIommuFile } from "./virtio-iommu/vector-file.ts";

export interface Failed {
  name: string;
  step: number;
  expected: unknown;
  actual: unknown;
  /** Not in the JSON report. */
  subject: Subject;
}
export interface FileResult {
  file: string;
  format: string;
  total: number;
  passed: number;
  failed: Failed[];
  /** Recorded vectors that the format does not score. */
  unscored?: number;
}

type AnyFile = VectorFile | ImageFile | VirtioIommuFile;

/** Vectors of one file that may end without an answer; the rest of it is then not replayed. */
const MAX_HUNG = 3;

/** Reads a file of any format, telling them apart by `format`. Throws `Malformed`. */
export function loadFile(path: string): AnyFile {
  return fileOf(readDocument(path));
}

export function fileOf(document: Field): AnyFile {
  const format = document.at("format");
  switch (format.string()) {
    case "smmu-vectors/1":
      return vectorFile(document);
    case "smmu-image/1":
      return imageFile(document);
    case "virtio-iommu-vectors/1":
      return virtioIommuFile(document);
    default:
      return format.refuse(`${JSON.stringify(format.value)} is none of smmu-vectors/1, smmu-image/1 and virtio-iommu-vectors/1`);
  }
}

/** Replays one file on an SMMU of `smmus`, or on a VMM of `virtioIommus`. `cacheEntries`: of the SMMU; null for the default. Rejects with `Malformed`. */
export async function replayFile(path: string, smmus: Machines, cacheEntries: number | null, virtioIommus: VirtioIommuMachines | null = null): Promise<FileResult> {
  const file = loadFile(path);
  const result = (total: number, failed: Failed[]) => ({ file: path, format: file.format, total, passed: total - failed.length, failed });
  switch (file.format) {
    case "smmu-vectors/1": {
      const description = replayMachine(file.profile, file.ram, cacheEntries);
      const replay = async (vector: Vector) => replayVector(await smmus.of(description), vector, file);
      return result(file.vectors.length, await vectorsOf(file.vectors, replay, smmus));
    }
    case "smmu-image/1":
      return result(file.translations.length, await translationsOf(file, smmus, cacheEntries));
    case "virtio-iommu-vectors/1": {
      if (!virtioIommus) throw new Error(`${path} needs a virtio-iommu, the caller has none`);
      const description = machineOf(file);
      const replay = async (vector: VirtioIommuVector) => replayVirtioIommu(await virtioIommus.of(description), vector, file);
      return { ...result(file.vectors.length, await vectorsOf(file.vectors, replay, virtioIommus)), unscored: file.unscored };
    }
  }
}

async function vectorsOf<V extends { name: string }>(
  vectors: readonly V[],
  replay: (vector: V) => Promise<Mismatch | null>,
  machines: { discard(): Promise<void> },
): Promise<Failed[]> {
  const failed: Failed[] = [];
  let hung = 0;
  for (const vector of vectors) {
    const { name } = vector;
    if (hung === MAX_HUNG) {
      failed.push({ name, step: 0, expected: "an end", actual: `not replayed: ${hung} vectors before did not end`, subject: { kind: "machine" } });
      continue;
    }
    const mismatch = await replay(vector);
    if (!mismatch) continue;
    const { stuck, ...difference } = mismatch;
    failed.push({ name, ...difference });
    if (stuck) await machines.discard();
    if (stuck && !(stuck instanceof Crashed)) hung++;
  }
  return failed;
}

async function translationsOf(file: ImageFile, machines: Machines, cacheEntries: number | null): Promise<Failed[]> {
  const mismatches = await replayImage(await machines.of(replayMachine(file.identity, EVERY_ADDRESS, cacheEntries)), file);
  if (mismatches.some(({ stuck }) => stuck)) await machines.discard();
  return mismatches.map(({ stuck: _, ...difference }) => ({ name: `translations[${difference.step}]`, ...difference }));
}
