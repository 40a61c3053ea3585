import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const forbidden = {
  "a node module": 'import { readFileSync } from "node:fs";\nexport const f = readFileSync;\n',
  gRPC: 'import { Server } from "@grpc/grpc-js";\nexport const f = Server;\n',
  "the clock": "export const f = Date.now();\n",
  "a timer": "export const f = setTimeout(() => {}, 1);\n",
  randomness: "export const f = Math.random();\n",
  "the environment": "export const f = process.env;\n",
};

describe("a core has no I/O, clock or randomness (design.md, section 4)", () => {
  const tree = mkdtempSync(join(tmpdir(), "faultline-purity-"));
  let findings = "";

  beforeAll(() => {
    copyFileSync(new URL("../../core-purity.grit", import.meta.url), join(tree, "core-purity.grit"));
    writeFileSync(join(tree, "biome.json"), JSON.stringify({ plugins: ["./core-purity.grit"] }));
    Object.values(forbidden).forEach((source, i) => {
      for (const path of [`services/smmu/core/x${i}.ts`, `shared/edge/x${i}.ts`, `services/smmu/shell/x${i}.ts`, `services/smmu/core/x${i}.test.ts`]) {
        mkdirSync(join(tree, dirname(path)), { recursive: true });
        writeFileSync(join(tree, path), source);
      }
    });
    findings = spawnSync("biome", ["lint", "--colors=off", "--max-diagnostics=200", "."], { cwd: tree, encoding: "utf8" }).stderr;
  });
  afterAll(() => rmSync(tree, { recursive: true }));

  Object.keys(forbidden).forEach((what, i) => {
    const found = (path: string) => findings.includes(`${path}:`);
    it(`refuses ${what} in a core and in the shared machine parts`, () => {
      expect(found(`services/smmu/core/x${i}.ts`)).toBe(true);
      expect(found(`shared/edge/x${i}.ts`)).toBe(true);
    });
    it(`allows ${what} in a shell and in a test`, () => {
      expect(found(`services/smmu/shell/x${i}.ts`)).toBe(false);
      expect(found(`services/smmu/core/x${i}.test.ts`)).toBe(false);
    });
  });
});
