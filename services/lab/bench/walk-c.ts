import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface WalkImage {
  bytes: Uint8Array;
  base: number;
  s1Root: number;
  s2Root: number;
  addresses: BigUint64Array;
}

/** The bare nested walk in C over the same tables. */
export interface CWalk {
  /** ns a walk, pass by pass, with the tables in the CPU's caches and without, and the sum of the output addresses of one pass: it has to be that of the walk in TypeScript. */
  round(): { warm: number[]; memoryCold: number[]; sum: bigint };
  close(): void;
}

/** Passes over the addresses in one round, of the walk in C and of what is compared with it: all find the CPU's caches equally warm. */
export const PASSES = 20;
/** Passes that each begin after so many bytes of something else were written: more than the caches of most CPUs hold. */
export const COLD_PASSES = 2;
export const OTHER_BYTES = 96 * 2 ** 20;

/** Compiles c/walk.c with `cc -O2`; null where there is no cc. */
export function compileCWalk(image: WalkImage): CWalk | null {
  const dir = mkdtempSync(join(tmpdir(), "faultline-bench-walk-"));
  const close = () => rmSync(dir, { recursive: true, force: true });
  const program = join(dir, "walk");
  const compiled = spawnSync("cc", ["-O2", "-o", program, fileURLToPath(new URL("c/walk.c", import.meta.url))], { stdio: "ignore" });
  if (compiled.status !== 0) {
    close();
    return null;
  }
  writeFileSync(join(dir, "image"), image.bytes);
  writeFileSync(join(dir, "addresses"), new Uint8Array(image.addresses.buffer));
  return {
    round() {
      const args = [join(dir, "image"), image.base, image.s1Root, image.s2Root, join(dir, "addresses"), PASSES, COLD_PASSES, OTHER_BYTES].map(String);
      const { stdout, status } = spawnSync(program, args, { encoding: "utf8" });
      if (status !== 0) throw new Error(`the walk in C ended with ${status}`);
      const [sum, ...passes] = stdout.trim().split("\n");
      const of = (kind: string) => passes.filter((pass) => pass.startsWith(kind)).map((pass) => Number(pass.slice(kind.length)));
      return { warm: of("warm "), memoryCold: of("cold "), sum: BigInt(sum) };
    },
    close,
  };
}
