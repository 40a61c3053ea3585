import { defineConfig } from "vitest/config";

/** One project per level of test, so that `npm test` can say which level failed. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["shared/**/*.test.ts", "services/**/*.test.ts"] } },
      { test: { name: "conformance", include: ["test/conformance/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"], testTimeout: 30_000 } },
      { test: { name: "scenario", include: ["test/scenario/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { name: "system", include: ["test/system/**/*.test.ts"], testTimeout: 120_000, fileParallelism: false } },
    ],
  },
});
