import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { describe, expect, it } from "vitest";
import { Crashed, Stuck } from "../replay-machine.ts";
import { VirtioDriver } from "./driver.ts";
import { Lifeline } from "./lifeline.ts";
import type { ReplayedVirtioIommu } from "./machine.ts";
import { replayVirtioIommu } from "./replay.ts";
import type { VirtioIommuStep } from "./vector-file.ts";

/** A device that takes every feature but bit 3, answers every request with `answer`, and DMA that goes to `pa`. */
class Scripted implements ReplayedVirtioIommu {
  answer: number[] | null = [0, 0, 0, 0];
  pa: bigint | null = null;
  reports: number[][] = [];
  accepted: Uint8Array | null = null;
  resets = 0;
  status = 0;
  readonly lifeline = new Lifeline(50);
  readonly driver = new VirtioDriver({
    request: async (body) => this.#reply(body),
    send: async (body) => {
      if (body.kind === "available" && body.queue === 0 && this.answer)
        this.driver.deliver({ kind: "used", queue: 0, head: body.head, written: Uint8Array.from(this.answer), interrupt: false });
    },
    within: (work) => this.lifeline.within(work),
  });

  #reply(body: GuestToVmm): VmmToGuest {
    if (body.kind === "setFeatures") this.accepted = body.features;
    if (body.kind === "setFeatures") return { kind: "features", features: body.features };
    if (body.kind === "readConfig") return { kind: "config", data: new Uint8Array(body.length).fill(7) };
    if (body.kind === "writeConfig") return { kind: "configWritten" };
    if (body.kind === "setStatus") this.status = this.accepted && this.accepted[0] & 8 ? body.status & ~8 : body.status;
    return { kind: "status", status: this.status };
  }
  async systemReset(): Promise<void> {
    this.resets++;
  }
  dma(): bigint | null {
    return this.pa;
  }
  async faults(): Promise<Uint8Array[]> {
    for (const [head, report] of this.reports.splice(0).entries())
      this.driver.deliver({ kind: "used", queue: 1, head, written: Uint8Array.from(report), interrupt: true });
    return this.driver.takeReports();
  }
}

const replay = (machine: Scripted, ...steps: VirtioIommuStep[]) => replayVirtioIommu(machine, { name: "v", steps }, { ringFeatures: 1n << 40n });
const request = (written: number[] | null): VirtioIommuStep => ({
  op: "request",
  readable: Uint8Array.of(3),
  writableLength: 4,
  written: written && Uint8Array.from(written),
});
const dma = (pa: bigint | null): VirtioIommuStep => ({ op: "dma", endpoint: 16, iova: 0x1000n, length: 4, write: true, pa });
const features = (accept: bigint, featuresOk: boolean): VirtioIommuStep => ({ op: "features", accept, featuresOk });
const report = (reason: number, endpoint: number, address: number, flags = 1) => [
  reason,
  0,
  0,
  0,
  0,
  flags,
  0,
  0,
  endpoint,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  address,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
];

describe("a vector (test/vectors/virtio-iommu/README.md)", () => {
  it("starts from a system reset, and has more of them where it says so", async () => {
    const machine = new Scripted();
    expect(await replay(machine, { op: "systemReset" })).toBeNull();
    expect(machine.resets).toBe(2);
  });
  it("negotiates exactly its features, those of a ring apart: the edge is the ring", async () => {
    const machine = new Scripted();
    expect(await replay(machine, features((1n << 40n) | (1n << 32n) | 1n, true))).toBeNull();
    expect(machine.accepted).toEqual(Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0));
    expect(await replay(machine, features(8n, true))).toMatchObject({ step: 0, actual: { featuresOk: false } });
  });
  it("request: what was written counts, and how much", async () => {
    expect(await replay(new Scripted(), request([0, 0, 0, 0]))).toBeNull();
    expect(await replay(new Scripted(), dma(null), request([4, 0, 0, 0]))).toEqual({
      step: 1,
      expected: { usedLength: 4, written: "04000000" },
      actual: { usedLength: 4, written: "00000000" },
      subject: { kind: "virtio-iommu", about: "the request MAP" },
    });
  });
  it("request: a chain that does not come back is a mismatch, where it should not a match", async () => {
    const machine = Object.assign(new Scripted(), { answer: null });
    expect(await replay(machine, request(null))).toBeNull();
    expect(await replay(machine, request([0, 0, 0, 0]))).toMatchObject({
      step: 0,
      expected: "an end",
      actual: expect.stringMatching(/^no answer within/),
      stuck: expect.any(Stuck),
    });
    expect(await replay(new Scripted(), request(null))).toMatchObject({ expected: { usedLength: null }, actual: { usedLength: 4 } });
  });
  it("dma: the address reached, or that it was refused", async () => {
    const reaching = Object.assign(new Scripted(), { pa: 0x8000n });
    expect([await replay(reaching, dma(0x8000n)), await replay(new Scripted(), dma(null))]).toEqual([null, null]);
    expect(await replay(reaching, dma(null))).toMatchObject({ expected: { pa: null }, actual: { pa: "0x8000" } });
    expect(await replay(new Scripted(), dma(0x8000n))).toMatchObject({ actual: { pa: null } });
  });
  it("config: bytes read are compared, a device that wants to be reset is told", async () => {
    expect(await replay(new Scripted(), { op: "readConfig", offset: 0, length: 2, expect: Uint8Array.of(7, 7) })).toBeNull();
    expect(await replay(new Scripted(), { op: "readConfig", offset: 0, length: 2, expect: Uint8Array.of(7, 8) })).toMatchObject({ expected: "0708", actual: "0707" });
    const machine = new Scripted();
    expect(await replay(machine, { op: "writeConfig", offset: 36, bytes: Uint8Array.of(1, 2), needsReset: false })).toBeNull();
    machine.status = 64;
    expect(await replay(machine, { op: "writeConfig", offset: 36, bytes: Uint8Array.of(1), needsReset: false })).toMatchObject({ actual: { needsReset: true } });
  });
});

describe("expectFaults (test/vectors/virtio-iommu/README.md, What an implementation must match)", () => {
  const expectFaults = (...faults: { reason: number; endpoint: number; address: bigint | null }[]): VirtioIommuStep => ({ op: "expectFaults", faults });
  const reporting = (...reports: number[][]) => Object.assign(new Scripted(), { reports });

  it("reason, endpoint and address count, the flags READ and WRITE do not", async () => {
    const fault = { reason: 2, endpoint: 16, address: 5n };
    expect(await replay(reporting(report(2, 16, 5)), expectFaults(fault))).toBeNull();
    for (const other of [report(1, 16, 5), report(2, 24, 5), report(2, 16, 6), report(2, 16, 5, 0)]) {
      expect(await replay(reporting(other), expectFaults(fault))).toMatchObject({ step: 0, expected: [{ reason: "MAPPING", endpoint: 16, address: "0x5" }] });
    }
  });
  it("an address counts only where the vector has one", async () => {
    expect(await replay(reporting(report(1, 16, 5)), expectFaults({ reason: 1, endpoint: 16, address: null }))).toBeNull();
  });
  it("a report too many or too few is a mismatch, also one in the wrong order", async () => {
    const [one, two] = [
      { reason: 2, endpoint: 16, address: 1n },
      { reason: 2, endpoint: 16, address: 2n },
    ];
    expect(await replay(reporting(report(2, 16, 1)), expectFaults())).toMatchObject({ expected: [] });
    expect(await replay(reporting(), expectFaults(one))).toMatchObject({ actual: [] });
    expect(await replay(reporting(report(2, 16, 2), report(2, 16, 1)), expectFaults(one, two))).not.toBeNull();
  });
});

describe("a machine that is lost", () => {
  it("ends what waits and all that comes later, with the reason", async () => {
    const lifeline = new Lifeline();
    const waiting = lifeline.within(new Promise<never>(() => {}));
    lifeline.lose(new Crashed("the VMM ended: boom"));
    await expect(waiting).rejects.toThrow("boom");
    await expect(lifeline.within(Promise.resolve())).rejects.toThrow("boom");
  });
});
