import { describe, expect, it } from "vitest";
import { Kept } from "./kept.ts";

describe("what a rule keeps (design.md, section 6)", () => {
  const kept = () => {
    const subject = new Kept();
    const expire: (() => void)[] = [];
    const went: string[] = [];
    const keep = (name: string, until?: string) =>
      subject.keepOnce(
        "rule",
        until,
        () => void went.push(name),
        5,
        (_ns, expired) => void expire.push(expired),
      );
    return { subject, expire, went, keep };
  };

  it("goes on once when its release comes before its timer", () => {
    const { subject, expire, went, keep } = kept();
    keep("first");
    keep("second");
    subject.release("rule");
    for (const expired of expire) expired();
    expect(went).toEqual(["first", "second"]);
  });

  it("goes on once when its timer comes before the event it waits for, and is kept no more", () => {
    const { subject, expire, went, keep } = kept();
    keep("first", "host.released");
    expire[0]();
    expect(subject.keeps("rule")).toBe(false);
    subject.heard("host.released");
    expect(went).toEqual(["first"]);
  });

  it("never goes on once it is cancelled", () => {
    const { subject, expire, went, keep } = kept();
    keep("first")();
    expire[0]();
    subject.release("rule");
    expect(went).toEqual([]);
  });
});
