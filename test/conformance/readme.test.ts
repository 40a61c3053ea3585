import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const readme = read("README.md");
const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };

describe("README", () => {
  it("names only npm scripts that exist", () => {
    const named = [...readme.matchAll(/npm (?:run )?(demo|test|check|bench|generate|lint|format)\b/g)].map(([, script]) => script);
    expect(named.length).toBeGreaterThan(0);
    for (const script of named) expect(Object.keys(scripts)).toContain(script);
  });
  it("links only files and folders that exist", () => {
    for (const [, target] of readme.matchAll(/\]\(([^)#:]+)\)/g)) expect(existsSync(new URL(`../../${target}`, import.meta.url)), target).toBe(true);
  });
  it("shows one page fault with its eight steps before it explains anything else", () => {
    const firstScreen = readme.split("\n").slice(0, 32).join("\n");
    for (const step of "abcdefgh") expect(firstScreen).toMatch(new RegExp(`^\\s+${step}\\s`, "m"));
  });
  it("is the only place that the test script of CI comes from: .ci/run calls the README's command", () => {
    expect(readme).toContain("npm ci && npm test");
    expect(read(".ci/run")).toMatch(/^npm ci.*\nnpm test$/m);
  });
});
