import { mutants as endpoint } from "./endpoint.ts";
import type { Mutant } from "./run.ts";
import { mutants as smmuCore } from "./smmu-core.ts";

/** Parts of the machine: their patches, and the tests that should notice, cheap ones first. Each row of `tests` is one run of vitest. */
export const suites: Record<string, { mutants: readonly Mutant[]; tests: readonly (readonly string[])[] }> = {
  "smmu-core": {
    mutants: smmuCore,
    tests: [
      ["--project", "unit", "services/smmu/core"],
      [
        "--project",
        "conformance",
        "test/conformance/walk/agreement",
        "test/conformance/walk/worked-examples",
        "test/conformance/walk/wide-addresses",
        "test/conformance/walk/tlbi-effects",
        "test/conformance/walk/hostile-driver",
        "test/conformance/walk/configuration-range",
      ],
      ["--project", "conformance", "test/conformance/smmu-vectors"],
    ],
  },
  endpoint: {
    mutants: endpoint,
    tests: [
      ["--project", "unit", "services/smmu/core/endpoint", "services/smmu/core/ats", "services/smmu/core/pri-queue", "services/smmu/core/memory-request"],
      ["--project", "conformance", "test/conformance/endpoint/"],
    ],
  },
};
