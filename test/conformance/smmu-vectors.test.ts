import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { vectorMachines } from "../support/vector-machine.ts";
import { replay, type VectorFile } from "./smmu-vectors.ts";

const read = (name: string): VectorFile => JSON.parse(readFileSync(new URL(`../vectors/smmu/${name}.json`, import.meta.url), "utf8"));
/** What differed, one line a vector. */
const failures = (file: VectorFile, cacheEntries: number): string[] =>
  file.vectors.flatMap((vector) => {
    const difference = replay(vector, file, vectorMachines(cacheEntries));
    return difference === null ? [] : [`${vector.name}: ${difference}`];
  });

/** Files that an implementation of the architecture passes completely (vectors/smmu/README.md), and their sizes. */
const scored = {
  registers: 41,
  "stream-table": 57,
  "context-descriptor": 53,
  stage1: 90,
  stage2: 84,
  nested: 77,
  invalidation: 75,
  eventq: 9,
  "multi-stream": 14,
} as const;

describe("SMMUv3 vectors (test/vectors/smmu)", () => {
  it("are 500 scored ones", () => expect(Object.values(scored).reduce((sum, n) => sum + n, 0)).toBe(500));
  for (const [name, count] of Object.entries(scored)) {
    const file = read(name);
    it(`${name}: all ${count} pass with default caches`, () => {
      expect(file.vectors).toHaveLength(count);
      expect(failures(file, 65536)).toEqual([]);
    });
    it(`${name}: all pass without caches, and with caches of two entries`, () => {
      expect(failures(file, 0)).toEqual([]);
      expect(failures(file, 2)).toEqual([]);
    });
  }
  it("quirks: what the architecture requires where the recorded model differs", () => expect(failures(read("quirks"), 65536)).toEqual([]));
  it("impl-defined: a missing invalidation shows, as on the recorded model", () => expect(failures(read("impl-defined"), 65536)).toEqual([]));
});
