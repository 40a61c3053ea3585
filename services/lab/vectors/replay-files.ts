import { EVERY_ADDRESS } from "@faultline/shared/physical-memory/sparse.ts";
import { readDocument } from "./document.ts";
import type { Field } from "./field.ts";
import { type ImageFile, imageFile } from "./image-file.ts";
import { replayImage } from "./replay-image.ts";
import { Crashed, type Machines, replayMachine } from "./replay-machine.ts";
import { replayVector, type Subject } from "./replay-vectors.ts";
import { type VectorFile, vectorFile } from "./vector-file.ts";

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
}

/** Vectors of one file that may end without an answer; the rest of it is then not replayed. */
const MAX_HUNG = 3;

/** Reads a file of either format, telling them apart by `format`. Throws `Malformed`. */
export function loadFile(path: string): VectorFile | ImageFile {
  return fileOf(readDocument(path));
}

export function fileOf(document: Field): VectorFile | ImageFile {
  const format = document.at("format");
  switch (format.string()) {
    case "smmu-vectors/1":
      return vectorFile(document);
    case "smmu-image/1":
      return imageFile(document);
    default:
      return format.refuse(`${JSON.stringify(format.value)} is neither smmu-vectors/1 nor smmu-image/1`);
  }
}

/** Replays one file on a machine of `machines`. `cacheEntries`: null for the default. Rejects with `Malformed`. */
export async function replayFile(path: string, machines: Machines, cacheEntries: number | null): Promise<FileResult> {
  const file = loadFile(path);
  const failed = file.format === "smmu-vectors/1" ? await vectorsOf(file, machines, cacheEntries) : await translationsOf(file, machines, cacheEntries);
  const total = file.format === "smmu-vectors/1" ? file.vectors.length : file.translations.length;
  return { file: path, format: file.format, total, passed: total - failed.length, failed };
}

async function vectorsOf(file: VectorFile, machines: Machines, cacheEntries: number | null): Promise<Failed[]> {
  const description = replayMachine(file.profile, file.ram, cacheEntries);
  const failed: Failed[] = [];
  let hung = 0;
  for (const vector of file.vectors) {
    const { name } = vector;
    if (hung === MAX_HUNG) {
      failed.push({ name, step: 0, expected: "an end", actual: `not replayed: ${hung} vectors before did not end`, subject: { kind: "machine" } });
      continue;
    }
    const mismatch = await replayVector(await machines.of(description), vector, file);
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
