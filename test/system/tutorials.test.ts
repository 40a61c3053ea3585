import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changed, missingLine, stepsOf, TutorialCopy } from "../support/tutorial.ts";

const docs = new URL("../../services/lab/docs/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, docs), "utf8");

describe.each(["write-your-first-scenario.md", "add-a-checker.md", "add-a-defect.md"])("services/lab/docs/%s, followed step by step", (name) => {
  const markdown = read(name);
  let copy: TutorialCopy;
  beforeAll(() => void (copy = new TutorialCopy()));
  afterAll(() => copy.remove());

  it.each(stepsOf(markdown).map((step) => [step.line, step.what, "path" in step ? step.path : step.command, step] as const))(
    "line %i: %s %s",
    (_line, _what, _subject, step) => {
      const done = copy.follow(step);
      if (!done || step.what !== "run") return;
      expect(missingLine(done.output, step.prints), done.output).toBe(null);
      expect(done.status, done.output).toBe(step.exit);
    },
  );
  it("links only to what exists", () => {
    for (const [, target] of markdown.matchAll(/\]\(([^)#:]+)\)/g)) expect(existsSync(new URL(target, docs)), target).toBe(true);
  });
});

describe("the tutorials' reader", () => {
  it("notices an output that lacks a line, has it elsewhere, or says something else", () => {
    expect(missingLine("a\nb 12 c\n", ["a", "b … c"])).toBe(null);
    expect(missingLine("a\nb\n", ["b", "a"])).toBe("a");
    expect(missingLine("verdict: pass, or so\n", ["verdict: pass"])).toBe("verdict: pass");
  });
  it("notices a change whose lines are gone, or stand there twice", () => {
    expect(changed("x\ny\nz\n", " x\n-y\n+Y\n")).toBe("x\nY\nz\n");
    expect(() => changed("x\n", " w\n+y\n")).toThrow(/stands there 0 times/);
    expect(() => changed("x\nx\n", " x\n+y\n")).toThrow(/stands there 2 times/);
  });
  it("takes no block that is no step", () => expect(() => stepsOf("```json\n{}\n```\n")).toThrow(/line 1: a block of json/));
});
