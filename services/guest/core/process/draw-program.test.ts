import type { Program } from "@faultline/shared/linux/workload.ts";
import { describe, expect, it } from "vitest";
import { drawProcess, programRefused } from "./draw-program.ts";

const program: Program = { processes: 4, pages: 8, jobs: 20, mix: { copy: 1, sha256: 3 }, munmap: 0.5, unbind: 0.3, exit: 0.3, seed: 42 };

describe("what a program leaves to chance (issue 6, items 1 and 4)", () => {
  it("is drawn from the seed alone", () => {
    expect(drawProcess(program, 2)).toEqual(drawProcess(program, 2));
    expect(drawProcess({ ...program, seed: 43 }, 2)).not.toEqual(drawProcess(program, 2));
    expect(drawProcess(program, 3).source).not.toEqual(drawProcess(program, 2).source);
  });
  it("more jobs of a process change neither its data, nor its end, nor the jobs before", () => {
    const [short, long] = [drawProcess(program, 1), drawProcess({ ...program, jobs: 40 }, 1)];
    expect(long.source).toEqual(short.source);
    expect(long.ending).toEqual(short.ending);
    expect(long.jobs.slice(0, 20)).toEqual(short.jobs);
  });
  it("more pages change neither what the jobs are nor how the process ends", () => {
    const [small, large] = [drawProcess(program, 1), drawProcess({ ...program, pages: 16 }, 1)];
    const kinds = ({ jobs }: typeof small) => jobs.map(({ operation, pattern, unmapAfterNs }) => [operation, pattern, unmapAfterNs]);
    expect(kinds(large)).toEqual(kinds(small));
    expect(large.ending).toEqual(small.ending);
  });
  it("more processes change nothing of the others", () => expect(drawProcess({ ...program, processes: 9 }, 3)).toEqual(drawProcess(program, 3)));
  it("keeps to the mix, to lengths of 1 to all pages, and about to the shares", () => {
    const jobs = Array.from({ length: 50 }, (_, number) => drawProcess(program, number).jobs).flat();
    const share = (of: (job: (typeof jobs)[number]) => boolean) => jobs.filter(of).length / jobs.length;
    expect(new Set(jobs.map(({ operation }) => operation))).toEqual(new Set(["copy", "sha256"]));
    expect(share(({ operation }) => operation === "sha256")).toBeCloseTo(0.75, 1);
    expect(share(({ unmapAfterNs }) => unmapAfterNs !== null)).toBeCloseTo(0.5, 1);
    expect(jobs.every(({ length }) => length >= 1 && length <= 8 * 4096)).toBe(true);
  });
  it("a share of 1 is every one, of 0 none", () => {
    const endings = (unbind: number, exit: number) => new Set(Array.from({ length: 30 }, (_, number) => drawProcess({ ...program, unbind, exit }, number).ending.how));
    expect(endings(1, 0)).toEqual(new Set(["unbind"]));
    expect(endings(0, 1)).toEqual(new Set(["exit"]));
    expect(endings(0, 0)).toEqual(new Set(["orderly"]));
  });
});

describe("a program that cannot be", () => {
  it.each([
    [{ processes: 0 }, "program.processes is no whole number from 1 to 1024"],
    [{ pages: 257 }, "program.pages is no whole number from 1 to 256"],
    [{ jobs: 1.5 }, "program.jobs is no whole number from 0 to 10000"],
    [{ mix: {} }, "program.mix names no operation"],
    [{ mix: { copy: -1 } }, "program.mix names no operation"],
    [{ exit: -0.1 }, "program.exit is no share from 0 to 1"],
    [{ unbind: 0.6, exit: 0.6 }, "program.unbind and program.exit are together more than 1"],
  ])("%j is refused", (change, reason) => expect(programRefused({ ...program, ...change })).toBe(reason));
  it("this one can", () => expect(programRefused(program)).toBeNull());
});
