import { describe, expect, it } from "vitest";
import { RateLimit } from "./ratelimit.ts";

describe("a rate limit of kernel messages (include/linux/ratelimit_types.h)", () => {
  it("lets ten lines through, is silent for the rest of five seconds, and starts again", () => {
    let now = 0;
    const limit = new RateLimit(() => now);
    const printed = (lines: number) => Array.from({ length: lines }, () => limit.allows()).filter(Boolean).length;
    expect(printed(25)).toBe(10);
    now = 4.999e9;
    expect(printed(5)).toBe(0);
    now = 5e9;
    expect(printed(25)).toBe(10);
  });
});
