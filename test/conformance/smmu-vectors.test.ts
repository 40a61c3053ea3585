import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { described } from "@faultline/lab/vectors/describe.ts";
import { Field } from "@faultline/lab/vectors/field.ts";
import { imageFile } from "@faultline/lab/vectors/image-file.ts";
import { machinesInProcess } from "@faultline/lab/vectors/in-process.ts";
import { type FileResult, replayFile } from "@faultline/lab/vectors/replay-files.ts";
import { replayImage } from "@faultline/lab/vectors/replay-image.ts";
import { type Machines, replayMachine } from "@faultline/lab/vectors/replay-machine.ts";
import { machinesAsProcesses } from "@faultline/lab/vectors/smmu-process.ts";
import { EVERY_ADDRESS } from "@faultline/shared/physical-memory/sparse.ts";
import { afterAll, describe, expect, it } from "vitest";
import { type Image, SID, writeImage } from "./smmu-vectors-image-writer.ts";

const folder = fileURLToPath(new URL("../vectors/smmu/", import.meta.url));
/** What differed, one line a vector. */
const failures = ({ failed }: FileResult): string[] =>
  failed.map(({ name, step, expected, actual, subject }) => {
    const text = described(subject, expected, actual);
    return `${name}, step ${step}: ${text.about}: ${text.actual}, not ${text.expected}`;
  });

/** Files that an implementation of the architecture passes completely (vectors/smmu/README.md), and their sizes. */
const scored = {
  registers: 41,
  "stream-table": 57,
  "context-descriptor": 53,
  stage1: 90,
  stage2: 84,
  nested: 77,
  invalidation: 75,
  eventq: 9,
  "multi-stream": 14,
} as const;
/** Recordings of one model: what the architecture says where it differs, and stale entries that show. */
const unscored = { quirks: 49, "impl-defined": 12 } as const;

const inProcess = machinesInProcess();
const asProcesses = machinesAsProcesses();
afterAll(() => asProcesses.close());

const replay = (name: string, machines: Machines, caches: number | null) => replayFile(`${folder}${name}.json`, machines, caches);

describe("SMMUv3 vectors (test/vectors/smmu)", () => {
  it("are 500 scored ones, and no file is forgotten", () => {
    expect(Object.values(scored).reduce((sum, n) => sum + n, 0)).toBe(500);
    const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
    expect(files.sort()).toEqual(
      Object.keys({ ...scored, ...unscored })
        .map((name) => `${name}.json`)
        .sort(),
    );
  });

  for (const [name, count] of Object.entries(scored)) {
    it(`${name}: all ${count} pass with default caches, without caches, and with caches of two and of four entries`, async () => {
      for (const caches of [null, 0, 2, 4]) {
        const result = await replay(name, inProcess, caches);
        expect([caches, failures(result), result.passed, result.total]).toEqual([caches, [], count, count]);
      }
    });
  }
  for (const [name, count] of Object.entries(unscored)) {
    it(`${name}: all ${count} are as the architecture requires, or as recorded where it leaves a choice`, async () => {
      expect(failures(await replay(name, inProcess, null))).toEqual([]);
    });
  }

  it("end over the edge of a smmu process exactly as in this one, vector by vector", async () => {
    for (const name of Object.keys({ ...scored, ...unscored })) {
      for (const caches of name === "impl-defined" ? [null, 0] : [null]) {
        expect(await replay(name, asProcesses, caches)).toEqual(await replay(name, inProcess, caches));
      }
    }
  });
});

/** Translations of an image that ended otherwise than the image says. */
async function differences(image: Image, machines: Machines, caches: number | null): Promise<object[]> {
  const file = imageFile(new Field(structuredClone(image)));
  const machine = await machines.of(replayMachine(file.identity, EVERY_ADDRESS, caches));
  return (await replayImage(machine, file)).map(({ step, expected, actual }) => ({ step, expected, actual }));
}

describe("an SMMU image: 2-level stream table, stage 1, stage 2, nested with substreams, frames from 2^40 to 2^48 (issue 4)", () => {
  const image = writeImage({ pages: 40, seed: 20 });

  it("every access goes where software mapped it, or nowhere, with default caches, with few and without", async () => {
    for (const caches of [null, 4, 0]) expect(await differences(image, inProcess, caches)).toEqual([]);
  });

  it("a smmu process says the same over its edge", async () => {
    expect(await differences(image, asProcesses, null)).toEqual([]);
  });

  it("an access that the image has otherwise is told with both addresses, the others pass", async () => {
    const wrong = structuredClone(image);
    const [refused, granted] = [wrong.translations.findIndex(({ pa }) => pa === null), wrong.translations.findIndex(({ sid, pa }) => sid === SID.nested && pa !== null)];
    const { pa } = wrong.translations[granted];
    wrong.translations[refused].pa = "0x1000";
    wrong.translations[granted].pa = null;
    for (const machines of [inProcess, asProcesses]) {
      expect(await differences(wrong, machines, null)).toEqual([
        { step: refused, expected: "0x1000", actual: null },
        { step: granted, expected: null, actual: pa },
      ]);
    }
  });

  it("with SMMUEN = 0 GBPA decides, which an image holds with Update = 0 (6.3.15)", async () => {
    const off = { ...image, translations: image.translations.map((access) => ({ ...access, pa: null })) };
    const registers = { ...image.registers, "0x20": "0x0" };
    expect(await differences({ ...off, registers }, inProcess, null)).toEqual([]); // ABORT = 1
    const bypass = {
      ...image,
      registers: { ...registers, "0x44": "0x1000" },
      translations: [{ sid: 5, ssid: null, iova: "0x123456789", write: true, pa: "0x123456789" }],
    };
    expect(await differences(bypass, inProcess, null)).toEqual([]);
  });
});
