import { describe, expect, it } from "vitest";
import { measureWalk } from "./walk.ts";

describe("faultline bench walk", () => {
  it("measures what it says: every figure is there, with a median and a minimum, and the walk in C finds the same addresses", () => {
    const { ns, min, ratio, scaling } = measureWalk(1, [1, 10]);
    expect(Object.keys(min)).toEqual(Object.keys(ns));
    for (const [name, best] of Object.entries(min)) {
      if (best === null)
        expect(name).toMatch(/^cWalk/); // there is no cc
      else expect([best > 0, (ns[name as keyof typeof ns] as number) >= best]).toEqual([true, true]);
    }
    expect(ratio.tlbHit).toBeGreaterThan(0);
    expect(scaling.map(({ pasids }) => pasids)).toEqual([1, 10]);
  }, 60_000);
});
