import { describe, expect, it } from "vitest";
import { silentTracer } from "../trace/tracer.ts";
import { lowerEnd, upperEnd } from "./connect.ts";
import { smmuEdge, vfioEdge } from "./definitions.ts";
import type { Edge } from "./edge.ts";
import type { Hello } from "./envelope.ts";
import { inMemoryPair } from "./in-memory-transport.ts";
import { loadRules, type RuleSource } from "./load-rules.ts";
import { EdgeRules } from "./rules.ts";
import type { HostToSmmu, SmmuToHost } from "./smmu.ts";
import { type HostToVmm, regionAddress, type VmmToHost } from "./vfio.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const hello = (protocol: string): Hello => ({ protocol, name: "x", machineDigest: "d", abi: "review", memory: { backing: "heap", path: "", bytes: 0 } });
const base = { credits: 8, lamport: { value: 0 }, tracer: silentTracer, onBreak: () => {} };

/** struct iommu_page_response, 24 bytes: argsz, version 1, flags PASID, pasid, grpid, code. */
const pageResponse = (pasid: number, grpid: number): Uint8Array => new Uint8Array(Uint32Array.from([24, 1, 1, pasid, grpid, 0]).buffer);
const respond = (vmm: Edge<VmmToHost, HostToVmm>, pasid: number, grpid: number): Promise<HostToVmm | "broken"> => {
  vmm.post(regionAddress(7, 10, 4096 + 24 * grpid), pageResponse(pasid, grpid));
  return vmm.request({ kind: "pwrite", fd: 7, offset: 10 * 2 ** 40, data: Uint8Array.from([1, 0, 0, 0]) });
};

/** A VMM and a host that logs what reaches it. */
async function vfio(sources: RuleSource[], definition = vfioEdge): Promise<{ vmm: Edge<VmmToHost, HostToVmm>; log: string[]; rules: EdgeRules; timers: (() => void)[] }> {
  const log: string[] = [];
  const timers: (() => void)[] = [];
  const rules = new EdgeRules((_, expired) => void timers.push(expired));
  rules.arm(loadRules(sources));
  const [up, down] = inMemoryPair<VmmToHost, HostToVmm>((deliver) => void setImmediate(deliver));
  const host: Edge<HostToVmm, VmmToHost> = lowerEnd(definition, down, {
    ...base,
    hello: hello("vfio/v1"),
    applyWrite: (address) => void log.push(`write ${address % 2 ** 32}`),
    deliver(seq, body) {
      log.push(body.kind);
      if (body.kind === "pwrite") host.reply(seq, { kind: "pwriteResult", ret: body.data.length });
    },
  });
  const vmm = upperEnd(definition, up, { ...base, hello: hello("vfio/v1"), rules, applyWrite: () => {}, deliver: () => {} });
  await turn();
  await turn();
  return { vmm, log, rules, timers };
}
const rule = (change: Partial<RuleSource> = {}): RuleSource => ({ id: "r", direction: "vmm->host", what: "page-response", do: "drop", ...change });

describe("rules on an edge (design.md, section 6)", () => {
  it("a dropped page response is lost, event and bytes; its writer sees a store that succeeded", async () => {
    const { vmm, log } = await vfio([rule({ nth: 2 })]);
    expect(await respond(vmm, 1, 0)).toEqual({ kind: "pwriteResult", ret: 4 });
    expect(await respond(vmm, 1, 1)).toEqual({ kind: "pwriteResult", ret: 4 });
    expect(await respond(vmm, 1, 2)).toEqual({ kind: "pwriteResult", ret: 4 });
    expect(log).toEqual(["write 4096", "pwrite", "write 4144", "pwrite"]);
  });
  it("messages of a direction that no rule names are not decoded", async () => {
    const decoded: string[] = [];
    const definition: typeof vfioEdge = {
      ...vfioEdge,
      decode(body, ...rest) {
        decoded.push(body.kind);
        return vfioEdge.decode(body, ...rest);
      },
    };
    const elsewhere = rule({ id: "elsewhere", direction: "host->vmm", what: "dma-fault" });
    await respond((await vfio([elsewhere], definition)).vmm, 1, 0);
    expect(decoded).toEqual([]);
    await respond((await vfio([elsewhere, rule({ nth: 9 })], definition)).vmm, 1, 0);
    expect(decoded).toEqual(["pwrite"]);
  });
  it("a dropped message returns its credit", async () => {
    const { vmm } = await vfio([rule()]);
    for (let n = 0; n < 40; n++) expect(await respond(vmm, 1, 0)).toEqual({ kind: "pwriteResult", ret: 4 });
  });
  it("a duplicated one arrives twice, and its second answer is nobody's", async () => {
    const { vmm, log } = await vfio([rule({ do: "duplicate", times: 1 })]);
    expect(await respond(vmm, 1, 0)).toEqual({ kind: "pwriteResult", ret: 4 });
    await turn();
    await turn();
    expect(log).toEqual(["write 4096", "pwrite", "write 4096", "pwrite"]);
    expect(vmm.broken).toBe(false);
  });
  it("a held one arrives when it is released: other calls pass it, stores into its ring do not", async () => {
    const { vmm, log, rules } = await vfio([rule({ do: "hold", times: 1 })]);
    const held = respond(vmm, 1, 0);
    const behind = respond(vmm, 1, 1);
    void vmm.request({ kind: "ioctl", fd: 7, cmd: 1, arg: new Uint8Array(4) });
    await turn();
    expect(log).toEqual(["ioctl"]);
    rules.release("r");
    await Promise.all([held, behind]);
    expect(log).toEqual(["ioctl", "write 4096", "pwrite", "write 4120", "pwrite"]);
  });
  it("a delayed one arrives when its time is over", async () => {
    const { vmm, log, timers } = await vfio([rule({ do: "delay", ns: 1000, times: 1 })]);
    const delayed = respond(vmm, 1, 0);
    await turn();
    expect(log).toEqual([]);
    timers[0]();
    await delayed;
    expect(log).toEqual(["write 4096", "pwrite"]);
  });
  it("a condition over the decoded fields chooses the record", async () => {
    const { vmm, log } = await vfio([rule({ conditionText: "m.pasid == 2 && m.grpid == 5" })]);
    await respond(vmm, 1, 5);
    await respond(vmm, 2, 5);
    expect(log).toEqual(["write 4216", "pwrite"]);
  });
  it("after, every and times count matches only", async () => {
    const { vmm, log } = await vfio([rule({ after: 1, every: 2, times: 1 })]);
    for (let n = 0; n < 5; n++) await respond(vmm, 1, n);
    expect(log.filter((line) => line.startsWith("write"))).toEqual(["write 4096", "write 4144", "write 4168", "write 4192"]);
  });
  it("a reply that pushed a lost record ahead of itself still arrives", async () => {
    const rules = new EdgeRules(() => {});
    rules.arm(loadRules([{ id: "r", direction: "smmu->host", what: "priq-record", do: "drop" }]));
    const [up, down] = inMemoryPair<HostToSmmu, SmmuToHost>((deliver) => void setImmediate(deliver));
    const writes: number[] = [];
    const smmu: Edge<SmmuToHost, HostToSmmu> = lowerEnd(smmuEdge, down, {
      ...base,
      hello: hello("smmu/v1"),
      rules,
      applyWrite: () => {},
      deliver(seq) {
        smmu.post(0x4000_0000, new Uint8Array(16));
        smmu.reply(seq, { kind: "mmioReadResult", value: new Uint8Array(4) });
      },
    });
    const host = upperEnd(smmuEdge, up, { ...base, hello: hello("smmu/v1"), applyWrite: (address) => void writes.push(address), deliver: () => {} });
    expect(await host.request({ kind: "mmioRead", address: 0, size: 4 })).toMatchObject({ kind: "mmioReadResult" });
    expect(writes).toEqual([]);
  });
});

describe("loading rules", () => {
  const cases: [string, RuleSource, RegExp][] = [
    ["an unknown field of the condition", rule({ conditionText: "m.grpidd == 1" }), /rule r: when.condition m\.grpidd == 1: No such key: grpidd/],
    ["a field of another record", rule({ conditionText: "m.Last == 1" }), /condition/],
    ["a condition that is no condition", rule({ conditionText: "m.grpid" }), /is int, not bool/],
    ["a condition that does not parse", rule({ conditionText: "m.grpid ==" }), /condition/],
    ["a direction that no edge has", rule({ direction: "guest->host" }), /direction guest->host is on no edge/],
    ["a record that nothing carries", rule({ what: "page-respnse" }), /what page-respnse/],
    ["an unknown action", rule({ do: "explode" as "drop" }), /do.action explode/],
    ["a count that is no count", rule({ nth: 0 }), /nth must be an integer from 1 to 4294967295/],
    ["a delay without a time", rule({ do: "delay" }), /ns must say how long/],
  ];
  for (const [what, source, message] of cases) it(`${what} is refused`, () => expect(() => loadRules([source])).toThrow(message));
  it("bit(x, n) and message fields can be used", () => {
    const [armed] = loadRules([rule({ what: "pwrite", conditionText: "bit(m.fd, 1) && m.offset > 0x100" })]);
    expect(armed.condition?.({ fd: 7, offset: 0x200 })).toBe(true);
    expect(armed.condition?.({ fd: 5, offset: 0x200 })).toBe(false);
  });
});
