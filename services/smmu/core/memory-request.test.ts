import { CMD_RESUME } from "@faultline/shared/arm-smmu-v3/command.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { describe, expect, it } from "vitest";
import { NestedRig, SID } from "../../../test/support/smmu-rig.ts";
import { completed, DONE, noise, PASID, ready, SOURCE, submit } from "../test-support/accelerator-job.ts";
import { completionOf } from "../test-support/fake-upstream.ts";
import type { MemoryReadCompletion, MemoryWriteOutcome, Stalled } from "./link.ts";
import { MemoryRequests } from "./memory-request.ts";

const VA = 0x7f00_0000_0000;
const PAGE = 4096;

/** A stream whose stage 1 stalls, and the requests of its function. */
function stalling(cd: object = { S: 1 }) {
  const rig = new NestedRig().start();
  rig.nested({ EATS: 0 });
  rig.cd(rig.ssid, { TTB0: rig.stage1.root / 16, ...cd });
  const ports = { memory: rig.memory, host: rig.host, tracer: rig.trace } as unknown as ConstructorParameters<typeof MemoryRequests>[1];
  const requests = new MemoryRequests(rig.smmu, ports);
  const tlp = (address: number) => ({ pasid: rig.ssid, priv: false, exec: false, at: "untranslated" as const, address: BigInt(address) });
  return {
    rig,
    read: (address: number, length: number) => requests.read(SID, { ...tlp(address), length }),
    write: (address: number, data: Uint8Array) => requests.write(SID, { ...tlp(address), data }),
    resume: (stag: number, fields: object = { Ac: 1 }) => rig.command(CMD_RESUME.encode({ Opcode: 0x44, StreamID: SID, STAG: stag, ...fields })),
    accesses: () => rig.trace.of("dma.access").length,
  };
}
const stalled = (result: MemoryReadCompletion | MemoryWriteOutcome | Stalled<MemoryReadCompletion> | Stalled<MemoryWriteOutcome>) => {
  expect(result).toMatchObject({ status: "stalled", ended: null });
  return result as Stalled<MemoryReadCompletion | MemoryWriteOutcome>;
};

describe("a memory request that stalls (Arm IHI 0070 G.b, 3.12.2)", () => {
  it("completes when software lets it go on, with the bytes of then", () => {
    const m = stalling();
    const request = stalled(m.read(VA + 16, 8));
    const gpa = m.rig.map(VA);
    m.rig.guest.write(gpa + 16, noise(8));
    m.resume(0);
    expect(request.ended).toEqual({ status: "SC", data: noise(8) });
  });
  it("holds back the pieces behind it; those before it are done, once", () => {
    const m = stalling();
    const first = m.rig.map(VA);
    const request = stalled(m.write(VA + PAGE - 4, noise(3 * PAGE)));
    expect(m.accesses()).toBe(1);
    const second = m.rig.map(VA + PAGE);
    m.resume(0);
    expect([request.ended, m.accesses()]).toEqual([null, 2]); // the third page stalls now
    const third = m.rig.map(VA + 2 * PAGE);
    m.rig.map(VA + 3 * PAGE);
    m.resume(1);
    expect([request.ended, m.accesses()]).toEqual([{ status: "SC" }, 4]);
    const written = [m.rig.guest.read(first + PAGE - 4, 4), m.rig.guest.read(second, PAGE), m.rig.guest.read(third, PAGE)];
    expect(written.map((bytes) => Buffer.from(bytes as Uint8Array).toString("hex")).join("")).toBe(Buffer.from(noise(2 * PAGE + 4)).toString("hex"));
  });
  it("terminated with Ab = 1: CA, and the rest is not tried", () => {
    const m = stalling();
    const request = stalled(m.read(VA, 2 * PAGE));
    m.rig.map(VA + PAGE);
    m.resume(0, { Ab: 1 });
    expect([request.ended, m.accesses()]).toEqual([{ status: "CA" }, 0]);
  });
  it("terminated with Ab = 0: reads as zeros, and a write goes nowhere", () => {
    const m = stalling();
    const read = stalled(m.read(VA, 4));
    const write = stalled(m.write(VA, noise(4)));
    m.resume(0, {});
    m.resume(1, {});
    expect([read.ended, write.ended, m.accesses()]).toEqual([{ status: "SC", data: new Uint8Array(4) }, { status: "SC" }, 0]);
  });
  it("SMMUEN to 0: CA", () => {
    const m = stalling();
    const request = stalled(m.read(VA, 4));
    m.rig.write("CR0", 0);
    expect(request.ended).toEqual({ status: "CA" });
  });
});

describe("the response to a fault (5.5)", () => {
  it("CD.A = 0: zeros for the faulting page, and the pages beside it are read", () => {
    const m = stalling({ A: 0 });
    const gpa = m.rig.map(VA + PAGE);
    m.rig.guest.write(gpa, noise(4));
    const expected = new Uint8Array(8);
    expected.set(noise(4), 4);
    expect(m.read(VA + PAGE - 4, 8)).toEqual({ status: "SC", data: expected });
  });
});

describe("writes at GITS_TRANSLATER (interfaces.md, section 4)", () => {
  it.each([
    [4, ["MSI"]],
    [1, []],
    [2, []],
    [8, []],
  ])("%i bytes: interrupts %j", (length, interrupts) => {
    const m = stalling({});
    const { gitsPage, gitsTranslater } = addressMap;
    m.rig.stage2.map(0x0808_0000, gitsPage.base, PAGE, { read: true, write: true });
    m.rig.stage1.map(VA, 0x0808_0000, PAGE, { read: true, write: true, user: true });
    expect(m.write(VA + gitsTranslater - gitsPage.base, noise(length))).toEqual({ status: "SC" });
    expect(m.rig.host.interrupts()).toEqual(interrupts);
  });
});

describe("an accelerator whose DMA stalls", () => {
  /** The job's reads at SOURCE stall: each waits here until `release`. */
  function job() {
    const rig = ready();
    rig.upstream.map(PASID, SOURCE);
    rig.upstream.poke(PASID, SOURCE, noise(64));
    const held: { answer: Stalled<MemoryReadCompletion>; completion: MemoryReadCompletion }[] = [];
    const { memoryRead } = rig.upstream;
    const page = rig.upstream.frameOf(PASID, SOURCE) as number;
    rig.upstream.memoryRead = (tlp) => {
      const completion = memoryRead.call(rig.upstream, tlp);
      const source = tlp.at === "translated" ? Number(tlp.address) - (Number(tlp.address) % PAGE) === page : false;
      if (!source) return completion;
      const answer: Stalled<MemoryReadCompletion> = { status: "stalled", ended: null };
      held.push({ answer, completion });
      return answer as unknown as MemoryReadCompletion;
    };
    submit(rig, { op: 3, source: SOURCE, length: 64n });
    /** Less than a completion time-out passes. */
    const settle = (): void => {
      while (rig.fn.step());
    };
    return { rig, held, settle };
  }
  it("waits without spinning, and goes on when the request completes", () => {
    const { rig, held, settle } = job();
    settle();
    expect(held).toHaveLength(1);
    expect(completionOf(rig.upstream.peek(PASID, DONE, 32)).status).toBe(0);
    held[0].answer.ended = held[0].completion;
    settle();
    expect([held.length, completed(rig).status, completed(rig).bytesDone]).toEqual([1, 1, 64n]);
  });
  it("a queue that is stopped meanwhile has STOPPED only when the request is back: nothing of it is in flight then", () => {
    const { rig, held, settle } = job();
    settle();
    const [QSTATUS, ENABLED, STOP, STOPPED] = [0x1018, 1, 0x100, 4];
    rig.write32(QSTATUS, ENABLED | STOP);
    settle();
    expect(rig.read32(QSTATUS) & STOPPED).toBe(0);
    held[0].answer.ended = held[0].completion;
    settle();
    expect(rig.read32(QSTATUS) & STOPPED).toBe(STOPPED);
  });
  it("a terminated request ends the job as ABORTED", () => {
    const { rig, held, settle } = job();
    settle();
    held[0].answer.ended = { status: "CA" };
    settle();
    expect([completed(rig).status, completed(rig).faultAddress]).toEqual([5, SOURCE]);
  });
  it("a completion that takes longer than 50 ms is timed out (PCIe 2.8): status 5, Completion Timeout; should it come, it is an Unexpected Completion", () => {
    const { rig, held, settle } = job();
    settle();
    expect(rig.timers.map(({ ns }) => ns)).toEqual([50_000_000]);
    rig.run();
    expect([completed(rig).status, completed(rig).faultAddress]).toEqual([5, SOURCE]);
    expect([rig.fn.configRead(0x134, 4), rig.fn.configRead(0x148, 4), rig.fn.configRead(0x4a, 2)]).toEqual([0x4000, 14, 0x2]);
    rig.fn.configWrite(0x144, 4, 0); // Advisory Non-Fatal is not masked
    held[0].answer.ended = held[0].completion;
    settle();
    expect([rig.fn.configRead(0x134, 4), rig.fn.configRead(0x140, 4), rig.fn.configRead(0x4a, 2)]).toEqual([0x1_4000, 0x2000, 0x3]);
    expect([settle(), rig.fn.configRead(0x134, 4)]).toEqual([undefined, 0x1_4000]); // once
  });
  it("waits without end with Completion Timeout Disable (PCIe 7.5.3.16)", () => {
    const { rig, settle } = job();
    rig.fn.configWrite(0x68, 2, 0x10);
    settle();
    expect([rig.timers, completionOf(rig.upstream.peek(PASID, DONE, 32)).status]).toEqual([[], 0]);
  });
});
