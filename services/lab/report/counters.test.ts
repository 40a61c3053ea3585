import { describe, expect, it } from "vitest";
import { written } from "../checkers/test-support/written-history.ts";
import { countersOf, evictionText } from "./counters.ts";

describe("the verdict names evictions (issue 4, caches)", () => {
  it("by cache, with what they mean", () => {
    const history = written(
      ["smmu", "cache.evicted", { vmid: 3 }, { cache: "tlb" }],
      ["smmu", "cache.evicted", { vmid: 3 }, { cache: "tlb" }],
      ["smmu", "cache.evicted", {}, { cache: "config" }],
    );
    expect(evictionText(countersOf(history))).toBe(" (cache evictions: tlb 2, config 1; a stale entry may have gone unseen)");
  });
  it("says nothing without any", () => expect(evictionText(countersOf([]))).toBe(""));
});
