import { createHash } from "node:crypto";
import type { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { eventually, type PartName, type Stack } from "./stack.ts";

const order: PartName[] = ["smmu", "host", "vmm0", "guest0"];
/** The edge below each part, as its last words name it. */
const edgeBelow: Partial<Record<PartName, string>> = { host: "smmu/v1", vmm0: "vfio/v1", guest0: "virtio/v1" };
const above = (part: PartName): PartName[] => order.slice(order.indexOf(part) + 1);
const bytes = Uint8Array.from({ length: 400_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
const digest = createHash("sha256").update(bytes).digest("hex");
const job = { operation: "sha256", file: "input", pagesPerGroup: 1, jobTimeoutNs: 60e9 } as const;
const HOLD = { id: "hold-answers", direction: "guest->vmm", what: "page-resp-request", do: "hold" } as const;

const start = (guest: LabClient) => guest.runWorkload([{ name: "input", bytes }], job);

/** A job whose page requests nobody answers: groups are open in every layer when this resolves. */
async function withFaultsInFlight(stack: Stack, body: () => Promise<void>): Promise<void> {
  const guest = stack.lab("guest0");
  try {
    await guest.arm([HOLD]);
    const lost = start(guest).catch(() => null); // it ends with its guest, or is given up with this client
    await eventually(async () => (((await stack.state("vmm0", "/counts")) as Record<string, number>).outstanding > 0 ? true : null));
    expect((await stack.state("host", "/pending-faults")) as unknown[]).not.toEqual([]);
    await body();
    void lost;
  } finally {
    guest.close();
  }
}

/** A whole job through all four parts, and its digest. */
async function works(stack: Stack): Promise<void> {
  const guest = stack.lab("guest0");
  try {
    const { ok, error, output, faultsHandled } = await start(guest);
    expect(error).toBeUndefined();
    expect(ok).toBe(true);
    expect(Buffer.from(output).toString("hex")).toBe(digest);
    expect(faultsHandled).toBeGreaterThan(90);
  } finally {
    guest.close();
  }
}

const counts = async (stack: Stack, part: PartName) => (await stack.state(part, "/counts")) as Record<string, number>;
const edges = async (stack: Stack, part: PartName) =>
  ((await stack.state(part, "/service")) as { edges: { direction: string; open: boolean }[] }).edges.filter(({ open }) => open).map(({ direction }) => direction);
/** Resolves once every named count is 0. */
const zero = (stack: Stack, part: PartName, names: string[]) =>
  eventually(async () => {
    const now = await counts(stack, part);
    return names.every((name) => now[name] === 0) ? true : null;
  });

/** Parts above a lost one exit with code 3 and name their edge below. */
async function exitNaming(stack: Stack, parts: PartName[]): Promise<void> {
  for (const part of parts) {
    const { code, said } = await stack.gone(part);
    expect([part, code]).toEqual([part, 3]);
    expect(said).toContain(`${part}: edge ${edgeBelow[part]} to`);
  }
}

/** What the death of each part leaves behind (design.md, section 2). */
const leaves: Record<"smmu" | "host" | "vmm0" | "guest0", (stack: Stack) => Promise<void>> = {
  async guest0(stack) {
    await zero(stack, "vmm0", ["guests", "outstanding", "attached"]);
    await zero(stack, "host", ["pending"]);
    await zero(stack, "smmu", ["pageRequestsOutstanding"]);
    expect(await edges(stack, "vmm0")).toEqual(["vmm->host"]);
    expect(await counts(stack, "host")).toMatchObject({ processes: 1, handlers: 1, vmids: 1 });
  },
  async vmm0(stack) {
    await zero(stack, "host", ["processes", "fds", "pinned", "vmids", "handlers", "pending", "framesAboveBoot"]);
    await zero(stack, "smmu", ["pageRequestsOutstanding", "atcEntries"]);
    expect(await edges(stack, "host")).toEqual(["host->smmu"]);
  },
  async host(stack) {
    await eventually(async () => ((await edges(stack, "smmu")).length === 0 ? true : null));
    expect(((await stack.state("smmu", "/stream-table")) as { streams: unknown[] }).streams).not.toEqual([]); // the hardware goes on with the tables it has
  },
  async smmu() {}, // power loss: nobody is left
};

/** Kill, pause and, where there is a network, partition of each part while faults are in flight; each time the stack comes back and works. */
export function deathTests(stack: Stack): void {
  describe.each(["guest0", "vmm0", "host", "smmu"] as const)(`%s dies while faults are in flight (${stack.title})`, (victim) => {
    it("those above it exit with code 3 and name the edge; those below go on with their counts at zero; the stack comes back", async () => {
      await stack.up();
      await withFaultsInFlight(stack, async () => {
        await stack.kill(victim);
        await exitNaming(stack, above(victim));
        await leaves[victim](stack);
      });
      await stack.up();
      await works(stack);
    });
  });

  describe.each(["guest0", "vmm0", "host", "smmu"] as const)(`%s is paused while faults are in flight (${stack.title})`, (victim) => {
    it("for a moment: nothing breaks, and the job ends right when it goes on", async () => {
      await stack.up();
      const observer = victim === "smmu" ? "guest0" : "smmu";
      const [guest, smmu] = [stack.lab("guest0"), stack.lab("smmu")];
      try {
        const requests: TraceEvent[] = [];
        await smmu.trace((event) => void requests.push(event), ["endpoint.page-request"]).active;
        await guest.arm([HOLD]); // so that the job is under way whenever the pause begins
        let over = false;
        const result = start(guest).finally(() => (over = true));
        await eventually(() => (requests.length > 3 ? true : null));
        await stack.pause(victim);
        const open = await edges(stack, observer);
        expect(open).toHaveLength(1);
        expect(over).toBe(false);
        await stack.resume(victim);
        await guest.release(HOLD.id);
        expect(Buffer.from((await result).output).toString("hex")).toBe(digest);
      } finally {
        guest.close();
        smmu.close();
      }
    });
  });

  const { network } = stack;
  if (!network) return;

  describe(`host is paused for longer than keepalive allows (${stack.title})`, () => {
    it("is dead to its neighbours: those above exit, the hardware goes on; awake again it exits too", async () => {
      await stack.up();
      await withFaultsInFlight(stack, async () => {
        await stack.pause("host");
        await exitNaming(stack, ["vmm0", "guest0"]);
        await leaves.host(stack);
        await stack.resume("host");
        await exitNaming(stack, ["host"]);
      });
      await stack.up();
      await works(stack);
    });
  });

  describe.each(["guest0", "vmm0", "host", "smmu"] as const)(`%s is cut off while faults are in flight (${stack.title})`, (victim) => {
    it("keepalive tells both sides: upper ends exit and name the edge, lower ends clean up; healed, the stack comes back", async () => {
      await stack.up();
      await withFaultsInFlight(stack, async () => {
        await network.cut(victim);
        await exitNaming(stack, victim === "smmu" ? above("smmu") : [victim, ...above(victim)]);
        await leaves[victim](stack);
        await network.heal(victim);
      });
      await stack.up();
      await works(stack);
    });
  });
}
