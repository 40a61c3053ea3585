import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { inputError } from "./errors.ts";

/** Makes the directory that was asked for, or sees that `runs/` can be written or made, so that a run whose report could not be written is refused before it begins. */
export function outDirectory(out: string | undefined): void {
  try {
    if (out !== undefined) make(out);
    accessSync(out ?? (existsSync("runs") ? "runs" : "."), constants.W_OK); // in the image only `runs` is the user's
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw inputError(`${out === undefined ? "runs/ here" : `--out ${out}`} cannot be written (${code}): --out DIR names a directory that can`, "out");
  }
}

/** One after the other: Node's own `recursive` never ends in a file system that makes no directories, like /proc. */
function make(path: string): void {
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) return;
    throw Object.assign(new Error(path), { code: "ENOTDIR" });
  }
  make(dirname(path));
  mkdirSync(path);
}
