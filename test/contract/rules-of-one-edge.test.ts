import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { afterEach, describe, expect, it } from "vitest";
import { type End, transports, until } from "../support/edge-pair.ts";
import { flowRigs, flows, hex, priResp, record, records, sendAll, turns, word } from "../support/message-flows.ts";

describe.each(transports)("rules that only one edge, or one direction of it, can obey (design.md, section 6): %s", (_, connect) => {
  const { rig, close } = flowRigs(connect);
  afterEach(close);

  it.each(flows.filter(({ answer }) => answer))("$direction answer: the lab answers and the receiver never sees it", async (flow) => {
    const { how, seen } = flow.answer!;
    const r = await rig(flow, how, { nth: 2 });
    const answers = [1, 2, 3].map((n) => r.send(n));
    await until(() => r.seen().length === 2);
    expect(r.seen()).toEqual([1, 3]);
    expect(r.records()).toEqual(records(flow, 1, 3));
    if (flow.definition.edge === "vfio") expect(await answers[1]).toEqual(seen);
    else {
      await until(() => r.back.length === 1);
      expect(r.back[0].body).toEqual(seen);
    }
    expect(r.events).toMatchObject([{ do: "answer" }]);
  });

  it("host->smmu corrupt: of several commands published at once, the one that the condition names", async () => {
    const r = await rig(flows[0], { action: "corrupt", field: "Resp", value: 1 }, { condition: "m.grpid == 2" });
    const { edge } = r.ends.upper as unknown as End<HostToSmmu, SmmuToHost>;
    edge.post(0x4000_0000, Uint8Array.of(...priResp(1), ...priResp(2), ...priResp(3)));
    edge.send({ kind: "mmioWrite", address: 0x0905_0098, value: word(3) });
    await until(() => r.seen().length === 1);
    // Resp is bits 77:76: Success is 2, InvalidRequest 1.
    expect(r.records()).toEqual([hex(priResp(1)) + hex(record(16, [0, 0x41], [4, 8], [8, 2 | 0x1000])) + hex(priResp(3))]);
  });
  it("host->smmu answer: a read that completes with UR reads as ones (PCIe 2.3.2)", async () => {
    const r = await rig(flows[0], { action: "answer", code: "UR" }, {}, "mmioRead");
    const { edge } = r.ends.upper as unknown as End<HostToSmmu, SmmuToHost>;
    expect(await edge.request({ kind: "mmioRead", address: 0x0905_0000, size: 4 })).toEqual({ kind: "mmioReadResult", value: new Uint8Array(4).fill(0xff) });
    expect(r.ends.lower.received).toEqual([]);
  });

  it.each([flows[1], flows[3]])("$direction lose-interrupt: the event is lost, its bytes go first with the next message", async (flow) => {
    const r = await rig(flow, { action: "lose-interrupt" }, { nth: 2 });
    await sendAll(r);
    await until(() => r.seen().length === 2);
    expect(r.seen()).toEqual([1, 3]);
    expect(r.records()).toEqual(records(flow, 1, 2, 3));
  });
  it("vmm->guest lose-interrupt: the used element is there, nobody is told", async () => {
    const r = await rig(flows[5], { action: "lose-interrupt" }, { nth: 2 });
    await sendAll(r);
    await until(() => r.seen().length === 3);
    expect(r.ends.upper.received.map(({ body }) => (body as { interrupt: boolean }).interrupt)).toEqual([true, false, true]);
  });

  it("vmm->host: a held system call blocks no other one but stores into its ring, even in a window of eight", async () => {
    const r = await rig(flows[2], { action: "hold" }, { times: 8 });
    const held = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => r.send(n));
    const { edge } = r.ends.upper as unknown as End<VmmToHost, HostToVmm>;
    expect(await edge.request({ kind: "pwrite", fd: 7, offset: 9 * 2 ** 40, data: word(9) })).toEqual({ kind: "pwriteResult", ret: 4 });
    const behind = r.send(10);
    r.rules.release("r");
    expect(await Promise.all([...held, behind])).toHaveLength(9);
    expect(r.seen()).toEqual([9, 1, 2, 3, 4, 5, 6, 7, 8, 10]);
  });
  it("host->smmu: a read does not pass a delayed write, which it pushes (PCIe 2.4.1)", async () => {
    const r = await rig(flows[0], { action: "delay", ns: 5000 }, {});
    void r.send(1);
    const { edge } = r.ends.upper as unknown as End<HostToSmmu, SmmuToHost>;
    void edge.request({ kind: "mmioRead", address: 0x0905_009c, size: 4 });
    await turns();
    expect(r.ends.lower.received).toEqual([]);
    r.timers[0]();
    await until(() => r.ends.lower.received.length === 2);
    expect(r.ends.lower.received.map(({ body }) => (body as { kind: string }).kind)).toEqual(["mmioWrite", "mmioRead"]);
  });
  it("smmu->host: a completion does not pass a held record, a wire without bytes does", async () => {
    const r = await rig(flows[1], { action: "hold" }, { times: 1 });
    void r.send(1);
    const { edge } = r.ends.lower as unknown as End<SmmuToHost, HostToSmmu>;
    edge.send({ kind: "interrupt", source: "GERROR", deviceId: 0, eventId: 0, eventqProd: 0, priqProd: 9, cmdqCons: 0, gerror: 1 });
    await until(() => r.seen().length === 1);
    void r.send(2);
    await turns();
    expect(r.seen()).toEqual([9]);
    r.rules.release("r");
    await until(() => r.seen().length === 3);
    expect(r.seen()).toEqual([9, 1, 2]);
  });
  it("host->smmu: bytes of what is held go to memory when the edge breaks, in order and once", async () => {
    const r = await rig(flows[0], { action: "hold" }, { times: 1 });
    for (const n of [1, 2]) void r.send(n);
    r.ends.upper.edge.close("the host died" as never);
    const own = () => r.ends.upper.log.filter((line) => line.startsWith("own ")).map((line) => line.split(" ")[2]);
    expect(own()).toEqual(records(flows[0], 1, 2));
    r.rules.release("r");
    expect(own()).toEqual(records(flows[0], 1, 2));
  });
  it("vmm->host: what is held when the edge breaks ends as broken", async () => {
    const r = await rig(flows[2], { action: "hold" }, {});
    const held = r.send(1);
    r.ends.upper.edge.close("the VMM died" as never);
    expect(await held).toBe("broken");
    r.rules.release("r");
  });
  it("vmm->host corrupt: a message field changes the call, and one that would make it no message is no match", async () => {
    const r = await rig(flows[2], { action: "corrupt", field: "fd", value: 3 }, {}, "ioctl");
    const { edge } = r.ends.upper as unknown as End<VmmToHost, HostToVmm>;
    void edge.request({ kind: "ioctl", fd: 7, cmd: 1, arg: new Uint8Array(4) });
    await until(() => r.ends.lower.received.length === 1);
    expect(r.ends.lower.received[0].body).toMatchObject({ kind: "ioctl", fd: 3, cmd: 1 });
    const s = await rig(flows[0], { action: "corrupt", field: "size", value: 3 }, {}, "mmioRead");
    void (s.ends.upper as unknown as End<HostToSmmu, SmmuToHost>).edge.request({ kind: "mmioRead", address: 0, size: 4 });
    await until(() => s.ends.lower.received.length === 1);
    expect(s.ends.lower.received[0].body).toMatchObject({ size: 4 });
    expect(s.rules.fired()).toEqual([{ id: "r", matches: 0, fired: 0 }]);
  });
});
