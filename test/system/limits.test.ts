import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { memoryPrefix, runsFolder } from "../../services/lab/supervisor/run-folder.ts";
import { faultline } from "../support/faultline.ts";
import { processStack } from "../support/process-stack.ts";
import { eventually, type Stack } from "../support/stack.ts";

const folder = mkdtempSync(join(tmpdir(), "fl-limits-"));
afterAll(() => rmSync(folder, { recursive: true }));
const machineFile = (name: string, text: string): string => {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, text);
  return path;
};

describe("a /dev/shm that is too small", () => {
  it("is told with the size needed, exit code 3, and nothing is left behind", async () => {
    const { blocks, bsize } = statfsSync("/dev/shm");
    const gib = Math.ceil((blocks * bsize) / 2 ** 30) + 1;
    const demo = await faultline("demo", "--machine", machineFile("large", `dram: { size: ${gib}GiB }\n`), "--json");
    expect(demo.code).toBe(3);
    const { error } = demo.json() as unknown as { error: { kind: string; message: string } };
    expect(error.kind).toBe("infrastructure");
    expect(error.message).toMatch(/\/dev\/shm has no room for the machine's memory.*\d+/);
    expect(readdirSync("/dev/shm").filter((name) => name.startsWith(memoryPrefix(runsFolder())))).toEqual([]);
    expect(existsSync(runsFolder()) ? readdirSync(runsFolder()) : []).toEqual([]);
  });
});

interface EdgeState {
  direction: string;
  full: number;
  credits: number;
  sent: number;
}
const toVmm = async (stack: Stack): Promise<EdgeState> =>
  ((await stack.state("host", "/service")) as { edges: EdgeState[] }).edges.find(({ direction }) => direction === "host->vmm")!;

describe("credits: the host's neighbour above does not take messages in (design.md, section 2)", () => {
  const WINDOW = 16;
  const stack = processStack(`credits-${process.pid}`, machineFile("credits", `edgeCredits: ${WINDOW}\n`));
  afterAll(() => stack.down(), 30_000);

  it("the sender sees full and buffers no more than its window; the job ends right once the peer goes on", async () => {
    await stack.up();
    const bytes = Uint8Array.from({ length: 400_000 }, (_, i) => (i * 7) & 0xff);
    const [guest, smmu] = [stack.lab("guest0"), stack.lab("smmu")];
    try {
      // The hardware's records are kept until the VMM is stopped: then all come to the host at once.
      await smmu.arm([{ id: "keep", direction: "smmu->host", what: "priq-record", do: "hold" }]);
      const result = guest.runWorkload([{ name: "input", bytes }], { operation: "sha256", file: "input", pagesPerGroup: 1, jobTimeoutNs: 60e9 });
      await eventually(async () => (((await stack.state("smmu", "/counts")) as Record<string, number>).pageRequestsOutstanding === 32 ? true : null));
      const before = await toVmm(stack);
      await stack.pause("vmm0");
      await smmu.arm([]);
      const stopped = await eventually(async () => {
        const now = await toVmm(stack);
        return now.credits === 0 && now.full > before.full ? now : null;
      });
      await eventually(async () => (((await stack.state("host", "/pending-faults")) as unknown[]).length === 32 ? true : null)); // the device's own credits bound what may come
      expect((await toVmm(stack)).sent).toBe(stopped.sent); // nothing more was given to the stream
      await stack.resume("vmm0");
      const { ok, error, output } = await result;
      expect([ok, error]).toEqual([true, undefined]);
      expect(Buffer.from(output).toString("hex")).toBe(createHash("sha256").update(bytes).digest("hex"));
    } finally {
      guest.close();
      smmu.close();
    }
  });
});
