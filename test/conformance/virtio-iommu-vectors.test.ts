import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { described } from "@faultline/lab/vectors/describe.ts";
import { Field } from "@faultline/lab/vectors/field.ts";
import { machinesInProcess } from "@faultline/lab/vectors/in-process.ts";
import { type FileResult, replayFile } from "@faultline/lab/vectors/replay-files.ts";
import type { Mismatch } from "@faultline/lab/vectors/replay-vectors.ts";
import { virtioIommusInProcess } from "@faultline/lab/vectors/virtio-iommu/in-process.ts";
import { machineOf, type VirtioIommuMachines } from "@faultline/lab/vectors/virtio-iommu/machine.ts";
import { replayVirtioIommu } from "@faultline/lab/vectors/virtio-iommu/replay.ts";
import { virtioIommuFile } from "@faultline/lab/vectors/virtio-iommu/vector-file.ts";
import { virtioIommusAsProcesses } from "@faultline/lab/vectors/virtio-iommu/vmm-process.ts";
import { afterAll, describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../vectors/virtio-iommu/", import.meta.url));
const FILES = ["bypass-off", "default", "granule-64k"];
/** Each file has 167 vectors; so many of them follow from the specification. */
const SCORED = 103;

const inProcess = virtioIommusInProcess();
const asProcesses = virtioIommusAsProcesses();
afterAll(() => asProcesses.close());

const replay = (name: string, machines: VirtioIommuMachines) => replayFile(`${folder}${name}.json`, machinesInProcess(), null, machines);
/** What differed, one line a vector. */
const failures = ({ failed }: FileResult): string[] =>
  failed.map(({ name, step, expected, actual, subject }) => {
    const text = described(subject, expected, actual);
    return `${name}, step ${step}: ${text.about}: ${text.actual}, not ${text.expected}`;
  });

describe("virtio-iommu vectors (test/vectors/virtio-iommu)", () => {
  it("no file is forgotten", () => {
    expect(readdirSync(folder).filter((name) => name.endsWith(".json"))).toEqual(FILES.map((name) => `${name}.json`));
  });

  it.each(FILES)("%s: every vector that follows from the specification passes", async (name) => {
    const result = await replay(name, inProcess);
    expect([failures(result), result.passed, result.total, result.unscored]).toEqual([[], SCORED, SCORED, 167 - SCORED]);
  });

  it.each(FILES)(
    "%s: a vmm process says over its edges exactly what the VMM says in this one",
    async (name) => {
      expect(await replay(name, asProcesses)).toEqual(await replay(name, inProcess));
    },
    60_000,
  );
});

interface RecordedStep {
  op: string;
  qemuSpecific?: string;
}
const STATUS = { OK: 0, DEVERR: 3, INVAL: 4, RANGE: 5, NOENT: 6 } as const;

/** The vectors of a file that are not scored, as if they were, and each step of them as recorded. */
function deviations(name: string) {
  const document = JSON.parse(readFileSync(`${folder}${name}.json`, "utf8"));
  const specific = document.vectors.filter(({ tags }: { tags: string[] }) => tags.includes("qemu-specific"));
  const recorded = new Map<string, RecordedStep[]>(specific.map(({ name, steps }: { name: string; steps: RecordedStep[] }) => [name, steps]));
  const vectors = specific.map((vector: object) => ({ ...vector, tags: [] }));
  return { file: virtioIommuFile(new Field({ ...document, vectors })), recorded };
}

/** Whether what happened is what the recording says that the specification asks for; null: it leaves that open. */
function asSpecified(reason: string, { actual }: Mismatch): boolean | null {
  const asked = /^specification: (.*)$/.exec(reason)?.[1];
  if (!asked) return null;
  const used = actual as { usedLength: number; written: string };
  if (asked.startsWith("no status, used length 0")) return used.usedLength === 0;
  const fault = /^\[\('(\w+)', (\d+), (\d+)\)\]$/.exec(asked);
  if (fault) return JSON.stringify(actual) === JSON.stringify([{ reason: fault[1], endpoint: Number(fault[2]), address: `0x${Number(fault[3]).toString(16)}` }]);
  const statuses = asked.split(" ")[0].split("/") as (keyof typeof STATUS)[];
  const tail = used.written.slice(-8);
  return statuses.some((status) => tail === `0${STATUS[status]}000000`);
}

describe("what QEMU does of its own (virtio-iommu vectors, tag qemu-specific)", () => {
  it.each(FILES)("%s: this device differs only where the recording says that it may, and does there what the specification asks for", async (name) => {
    const { file, recorded } = deviations(name);
    const machine = await inProcess.of(machineOf(file));
    let specified = 0;
    for (const vector of file.vectors) {
      const mismatch = await replayVirtioIommu(machine, vector, file);
      if (!mismatch) continue;
      const reason = recorded.get(vector.name)![mismatch.step].qemuSpecific;
      expect([vector.name, mismatch.step, reason]).toEqual([vector.name, mismatch.step, expect.any(String)]);
      const verdict = asSpecified(reason!, mismatch);
      expect([vector.name, mismatch.step, verdict]).not.toEqual([vector.name, mismatch.step, false]);
      if (verdict) specified++;
    }
    expect(specified).toBe(27);
  });
});
