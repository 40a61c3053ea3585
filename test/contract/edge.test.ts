import { smmuEdge, vfioEdge } from "@faultline/shared/edge/definitions.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { afterEach, describe, expect, it } from "vitest";
import { type Connect, type End, type Joined, type JoinOptions, join, transports, until } from "../support/edge-pair.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const prod = (value: number): HostToSmmu => ({ kind: "mmioWrite", address: 0x0905_0098, value: bytes(value, 0, 0, 0) });
const read: HostToSmmu = { kind: "mmioRead", address: 0x0905_0000, size: 4 };
const interrupt: SmmuToHost = { kind: "interrupt", source: "PRIQ", deviceId: 0, eventId: 0, eventqProd: 0, priqProd: 1, cmdqCons: 0, gerror: 0 };
/** Hardware whose registers all read 0x0a0b0c0d. */
const registers = (end: End<SmmuToHost, HostToSmmu>, seq: number, body: HostToSmmu): void => {
  if (body.kind === "mmioRead") end.edge.reply(seq, { kind: "mmioReadResult", value: bytes(0x0d, 0x0c, 0x0b, 0x0a) });
};

describe.each(transports)("an edge %s (interfaces.md, section 1)", (_, connect: Connect) => {
  const pairs: { close(): void }[] = [];
  afterEach(() => {
    for (const pair of pairs.splice(0)) pair.close();
  });
  const smmu = async (options: JoinOptions<HostToSmmu, SmmuToHost> = {}): Promise<Joined<HostToSmmu, SmmuToHost>> => {
    const joined = await join(connect, smmuEdge, { serve: registers, ...options });
    pairs.push(joined.pair);
    return joined;
  };
  const open = async (options: JoinOptions<HostToSmmu, SmmuToHost> = {}): Promise<Joined<HostToSmmu, SmmuToHost>> => {
    const joined = await smmu(options);
    await Promise.all([joined.upper.ready, joined.lower.ready]);
    return joined;
  };

  describe("hello", () => {
    it("goes both ways and names the peer; before it a send finds no credit and a request waits", async () => {
      const { upper, lower } = await smmu();
      expect(upper.edge.send(prod(1))).toBe("full");
      const answer = upper.edge.request(read);
      expect((await upper.ready).name).toBe("smmu");
      expect((await lower.ready).name).toBe("host");
      expect(await answer).toMatchObject({ kind: "mmioReadResult" });
    });
    for (const [field, change] of [
      ["machineDigest", { machineDigest: "d2" }],
      ["abi", { abi: "rfc-v1" }],
      ["protocol", { protocol: "smmu/v2" }],
      ["memory.bytes", { memory: { backing: "heap", path: "", bytes: 8192 } }],
    ] as const) {
      it(`of another ${field} ends the stream for both, naming the field; no core hears of it`, async () => {
        const { upper, lower } = await smmu({ upperHello: change });
        const answer = upper.edge.request(read);
        expect(await lower.broke).toContain(field);
        expect(await upper.broke).toContain(field);
        expect(await answer).toBe("broken");
        expect(lower.received).toEqual([]);
      });
    }
    it("of a peer that is not wanted is refused with the reason", async () => {
      const { upper } = await smmu({ lower: { accept: () => ({ field: "name", reason: "a host is connected" }) } });
      expect(await upper.broke).toMatch(/name: a host is connected/);
    });
  });

  describe("messages", () => {
    it("keep their fields, addresses up to 52 bits included", async () => {
      const { upper, lower } = await open();
      const write: HostToSmmu = { kind: "mmioWrite", address: 0xf_ffff_ffff_fff8, value: bytes(1, 2, 3, 4, 5, 6, 7, 255) };
      upper.edge.send(write);
      lower.edge.send(interrupt);
      await until(() => lower.received.length === 1 && upper.received.length === 1);
      expect(lower.received[0].body).toEqual(write);
      expect(upper.received[0].body).toEqual(interrupt);
    });
    it("arrive in the order in which they were sent, requests and posted ones alike", async () => {
      const { upper, lower } = await open();
      upper.edge.send(prod(1));
      const answer = upper.edge.request(read);
      upper.edge.send(prod(2));
      await answer;
      await until(() => lower.received.length === 3);
      expect(lower.log).toEqual(["deliver mmioWrite", "deliver mmioRead", "deliver mmioWrite"]);
    });
    it("are answered each by its own reply, in whatever order", async () => {
      const pending: number[] = [];
      const { upper, lower } = await open({ serve: (_end, seq) => void pending.push(seq) });
      const answers = [upper.edge.request(read), upper.edge.request(read)];
      await until(() => pending.length === 2);
      lower.edge.reply(pending[1], { kind: "mmioReadResult", value: bytes(2, 0, 0, 0) });
      lower.edge.reply(pending[0], { kind: "mmioReadResult", value: bytes(1, 0, 0, 0) });
      expect((await Promise.all(answers)).map((answer) => answer !== "broken" && answer.kind === "mmioReadResult" && answer.value[0])).toEqual([1, 2]);
    });
  });

  describe("credits", () => {
    it("a sender finds the window full, and writable once the peer has taken messages in", async () => {
      const { upper, lower } = await open({ credits: 4 });
      expect([1, 2, 3, 4, 5].map((n) => upper.edge.send(prod(n)))).toEqual(["sent", "sent", "sent", "sent", "full"]);
      await upper.edge.writable();
      expect(upper.edge.send(prod(6))).toBe("sent");
      await until(() => lower.received.length === 5);
    });
    it("a reply returns the credit of what it answers: a request over the window waits for one", async () => {
      const pending: number[] = [];
      const { upper, lower } = await open({ credits: 2, serve: (_end, seq) => void pending.push(seq) });
      const answers = [1, 2, 3].map(() => upper.edge.request(read));
      await until(() => pending.length === 2);
      expect(upper.edge.send(prod(1))).toBe("full");
      lower.edge.reply(pending[0], { kind: "mmioReadResult", value: bytes(1, 0, 0, 0) });
      await answers[0];
      await until(() => pending.length === 3);
      for (const seq of pending.slice(1)) lower.edge.reply(seq, { kind: "mmioReadResult", value: bytes(1, 0, 0, 0) });
      await Promise.all(answers);
    });
    it("the window never runs dry over many messages", async () => {
      const { upper, lower } = await open({ credits: 5 });
      for (let n = 0; n < 60; n++) {
        while (upper.edge.send(prod(n)) === "full") await upper.edge.writable();
      }
      await until(() => lower.received.length === 60);
    });
  });

  describe("rejected", () => {
    const cases: [string, HostToSmmu | SmmuToHost, string][] = [
      ["a size that no bus has", { kind: "mmioRead", address: 0, size: 3 }, "mmioRead.size"],
      ["a value that is no register's", { kind: "mmioWrite", address: 0, value: bytes(1, 2, 3) }, "mmioWrite.value"],
      ["a configuration write of 8 bytes", { kind: "configWrite", address: 0, value: new Uint8Array(8) }, "configWrite.value"],
      ["a message of the other end", interrupt, "body"],
    ];
    for (const [what, body, field] of cases) {
      it(`${what}: changes nothing, names ${field}, and the edge goes on`, async () => {
        const { upper, lower } = await open();
        upper.edge.post(0x4000_0000, bytes(1));
        upper.edge.send(body as HostToSmmu);
        await until(() => upper.log.length === 1);
        expect(upper.log).toEqual([`rejected ${field}`]);
        expect(lower.log).toEqual([]);
        expect(await upper.edge.request(read)).toMatchObject({ kind: "mmioReadResult" });
      });
    }
    it("a reply of the wrong kind, and one to a message that was never sent", async () => {
      const { upper, lower } = await open({ serve: () => {} });
      void upper.edge.request(read);
      await until(() => lower.received.length === 1);
      lower.edge.reply(lower.received[0].seq, { kind: "configWriteDone" });
      lower.edge.reply(999, { kind: "configWriteDone" });
      await until(() => lower.log.length === 3);
      expect(lower.log.slice(1)).toEqual(["rejected body", "rejected replyTo"]);
    });
  });

  describe("posted writes", () => {
    it("are in memory, in order, before the core sees the message that publishes them", async () => {
      const { upper, lower } = await open();
      upper.edge.post(0x4000_1000, bytes(1, 2));
      upper.edge.post(0x4000_1010, bytes(3));
      upper.edge.send(prod(1));
      await until(() => lower.received.length === 1);
      expect(lower.log).toEqual(["write 0x40001000 0102", "write 0x40001010 03", "deliver mmioWrite"]);
    });
    it("leave with a reply too: a driver that polls a register sees the records", async () => {
      const { upper } = await open({
        serve(end, seq) {
          end.edge.post(0x4000_2000, bytes(9));
          end.edge.reply(seq, { kind: "mmioReadResult", value: bytes(1, 0, 0, 0) });
        },
      });
      await upper.edge.request(read);
      expect(upper.log).toEqual(["write 0x40002000 09"]);
    });
    it("are copied when they are made", async () => {
      const { upper, lower } = await open();
      const buffer = bytes(1);
      upper.edge.post(0x4000_0000, buffer);
      buffer[0] = 2;
      upper.edge.send(prod(1));
      await until(() => lower.received.length === 1);
      expect(lower.log[0]).toBe("write 0x40000000 01");
    });
    it("stay when the window is full, and leave with the next message", async () => {
      const { upper, lower } = await open({ credits: 1 });
      upper.edge.send(prod(1));
      upper.edge.post(0x4000_0000, bytes(7));
      expect(upper.edge.send(prod(2))).toBe("full");
      await upper.edge.writable();
      upper.edge.send(prod(3));
      await until(() => lower.received.length === 2);
      expect(lower.log).toEqual(["deliver mmioWrite", "write 0x40000000 07", "deliver mmioWrite"]);
    });
    it("go to memory when the edge breaks before they left", async () => {
      const { upper, lower } = await open();
      upper.edge.post(0x4000_0000, bytes(7));
      lower.edge.close("power loss");
      await upper.broke;
      expect(upper.log).toEqual(["own 0x40000000 07", "break"]);
      upper.edge.post(0x4000_0001, bytes(8));
      expect(upper.log.at(-1)).toBe("own 0x40000001 08");
    });
  });

  describe("break", () => {
    it("resolves what waits: requests, requests without a credit, writers; and is final", async () => {
      const { upper, lower } = await open({ credits: 1, serve: () => {} });
      const waiting = [upper.edge.request(read), upper.edge.request(read)];
      const writable = upper.edge.writable();
      await until(() => lower.received.length === 1);
      lower.edge.close("the hardware lost its power");
      expect(await Promise.all(waiting)).toEqual(["broken", "broken"]);
      await writable;
      expect(upper.edge.send(prod(1))).toBe("broken");
      expect(await upper.edge.request(read)).toBe("broken");
      expect(upper.edge.broken).toBe(true);
    });
    it("is seen by both ends once, whoever closes", async () => {
      const { upper, lower } = await open();
      upper.edge.close("done");
      await lower.broke;
      lower.edge.close("done too");
      expect(upper.log).toEqual(["break"]);
      expect(lower.log).toEqual(["break"]);
    });
  });
});

describe("a system call's result crosses with its sign", () => {
  it.each(transports)("%s", async (_, connect) => {
    const { upper, pair } = await join(connect, vfioEdge, { serve: (end, seq) => end.edge.reply(seq, { kind: "ioctlResult", ret: -22, arg: bytes(1) }) });
    expect(await upper.edge.request({ kind: "ioctl", fd: -1, cmd: 0x4020_ae46, arg: new Uint8Array(0) })).toEqual({ kind: "ioctlResult", ret: -22, arg: bytes(1) });
    pair.close();
  });
});
