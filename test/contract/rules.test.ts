import type { EdgeDefinition } from "@faultline/shared/edge/definitions.ts";
import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import { EdgeRules } from "@faultline/shared/edge/rules.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { type HostToVmm, regionAddress, type VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { EdgeDo, When } from "@faultline/shared/lab/fault-rule.ts";
import { loadFaultRules } from "@faultline/shared/lab/load-fault-rules.ts";
import type { TraceFields, Tracer } from "@faultline/shared/trace/tracer.ts";
import { afterEach, describe, expect, it } from "vitest";
import { type End, join, transports, until } from "../support/edge-pair.ts";

/** Little-endian words from a byte offset on. */
function record(size: number, ...words: [offset: number, value: number][]): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [offset, value] of words) view.setUint32(offset, value, true);
  return bytes;
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const word = (value: number): Uint8Array => record(4, [0, value]);

/** CMD_PRI_RESP (0x41), StreamID 8, PRGIndex n, Success. Arm IHI 0070 G.b, 4.5.2. */
const priResp = (n: number) => record(16, [0, 0x41], [4, 8], [8, n | 0x2000]);
/** A PRI queue record: StreamID 8, R, Last, PRGIndex n. Arm IHI 0070 G.b, 8.1. */
const ppr = (n: number) => record(16, [0, 8], [4, 0x5000_0000], [8, n]);
/** struct iommu_page_response: argsz, version 1, flags PASID, pasid 5, grpid n, SUCCESS. */
const pageResponse = (n: number) => record(24, [0, 24], [4, 1], [8, 1], [12, 5], [16, n]);
/** struct iommu_fault, a page request: type 2, flags PASID and LAST, pasid 5, grpid n, read. */
const dmaFault = (n: number) => record(64, [0, 2], [8, 3], [12, 5], [16, n], [20, 1]);
/** struct virtio_iommu_req_page_resp without its tail: type 0x08, endpoint 8, flags, pasid 5, group n. */
const pageResp = (type: number, n: number) => record(28, [0, type], [4, 8], [8, 1], [12, 5], [16, n]);
/** struct virtio_iommu_fault: reason 2, flags PAGE_REQ and more, endpoint 8, pasid 5, group n. */
const eventReport = (n: number) => record(48, [0, 2], [4, 0x1f], [8, 8], [12, 5], [24, n]);

type Ends = { upper: End<never, never>; lower: End<never, never> };
interface Flow {
  definition: EdgeDefinition<never, never>;
  direction: string;
  from: "upper" | "lower";
  /** The record that a message carries, and its group number's field. */
  what: string;
  field: string;
  /** The message with group `n` leaves. "full" when the sender finds the window full. */
  send(edge: never, n: number): unknown;
  /** Which message a body is. */
  number(body: never): number;
  /** The bytes of the record with group `n`. */
  bytes(n: number): Uint8Array;
  answer?: { how: EdgeDo; seen: unknown };
  /** Its messages stay in order on the real link: what is kept keeps back those behind it. */
  ordered: boolean;
}
const PAGE_RESP_TYPE = 0x08;
const flow = <Upper, Lower>(row: Omit<Flow, "definition"> & { definition: EdgeDefinition<Upper, Lower> }): Flow => row as unknown as Flow;

const flows: Flow[] = [
  flow({
    definition: smmuEdge,
    direction: "host->smmu",
    from: "upper",
    what: "command",
    ordered: true,
    field: "PRGIndex",
    send(edge: Edge<HostToSmmu, SmmuToHost>, n) {
      edge.post(0x4000_0000 + 16 * n, priResp(n));
      return edge.send({ kind: "mmioWrite", address: 0x0905_0098, value: word(n) });
    },
    number: (body: { value: Uint8Array }) => body.value[0],
    bytes: priResp,
  }),
  flow({
    definition: smmuEdge,
    direction: "smmu->host",
    from: "lower",
    what: "priq-record",
    ordered: true,
    field: "grpid",
    send(edge: Edge<SmmuToHost, HostToSmmu>, n) {
      edge.post(0x4000_0000 + 16 * n, ppr(n));
      return edge.send({ kind: "interrupt", source: "PRIQ", deviceId: 0, eventId: 0, eventqProd: 0, priqProd: n, cmdqCons: 0, gerror: 0 });
    },
    number: (body: { priqProd: number }) => body.priqProd,
    bytes: ppr,
  }),
  flow({
    definition: vfioEdge,
    direction: "vmm->host",
    from: "upper",
    what: "page-response",
    ordered: true,
    field: "grpid",
    send(edge: Edge<VmmToHost, HostToVmm>, n) {
      edge.post(regionAddress(7, 10, 4096 + 24 * n), pageResponse(n));
      return edge.request({ kind: "pwrite", fd: 7, offset: 10 * 2 ** 40, data: word(n) });
    },
    number: (body: { data: Uint8Array }) => body.data[0],
    bytes: pageResponse,
    answer: { how: { action: "answer", errno: "EIO" }, seen: { kind: "pwriteResult", ret: -5 } },
  }),
  flow({
    definition: vfioEdge,
    direction: "host->vmm",
    from: "lower",
    what: "dma-fault",
    ordered: true,
    field: "grpid",
    send(edge: Edge<HostToVmm, VmmToHost>, n) {
      edge.post(regionAddress(7, 9, 4096 + 64 * n), dmaFault(n));
      return edge.send({ kind: "signal", fd: 9, value: n });
    },
    number: (body: { value: number }) => body.value,
    bytes: dmaFault,
  }),
  flow({
    definition: virtioEdge,
    direction: "guest->vmm",
    from: "upper",
    what: "page-resp-request",
    ordered: false,
    field: "grpid",
    send: (edge: Edge<GuestToVmm, VmmToGuest>, n) => edge.send({ kind: "available", queue: 0, head: n, readable: pageResp(PAGE_RESP_TYPE, n), writableLength: 4 }),
    number: (body: { head: number }) => body.head,
    bytes: (n) => pageResp(PAGE_RESP_TYPE, n),
    answer: {
      how: { action: "answer", status: "VIRTIO_IOMMU_S_DEVERR" },
      seen: { kind: "used", queue: 0, head: 2, written: Uint8Array.of(3, 0, 0, 0), interrupt: true },
    },
  }),
  flow({
    definition: virtioEdge,
    direction: "vmm->guest",
    from: "lower",
    what: "event-report",
    ordered: false,
    field: "grpid",
    send: (edge: Edge<VmmToGuest, GuestToVmm>, n) => edge.send({ kind: "used", queue: 1, head: n, written: eventReport(n), interrupt: true }),
    number: (body: { head: number }) => body.head,
    bytes: eventReport,
  }),
];

interface Rig {
  send(n: number): unknown;
  /** Messages that the other end got, by number, and the bytes of their records. */
  seen(): number[];
  records(): string[];
  rules: EdgeRules;
  /** Delays that have not expired. */
  timers: (() => void)[];
  events: TraceFields[];
  back: { body: unknown }[];
  ends: Ends;
}

/** Long enough for whatever has left to arrive. */
const turns = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
};

describe.each(transports)("rules on an edge (design.md, section 6): %s", (_, connect) => {
  const pairs: { close(): void }[] = [];
  const close = () => {
    for (const pair of pairs.splice(0)) pair.close();
  };
  afterEach(close);

  async function rig(flow: Flow, what: EdgeDo, when: When, target = flow.what): Promise<Rig> {
    const timers: (() => void)[] = [];
    const events: TraceFields[] = [];
    const tracer: Tracer = {
      wants: () => false,
      emit(kind, __, fields = {}) {
        if (kind === "edge.rule") events.push(fields);
        return 0;
      },
    };
    const rules = new EdgeRules((ns, expired) => void (ns === 0 ? setImmediate(expired) : timers.push(expired)));
    rules.arm(loadFaultRules([{ id: "r", where: { direction: flow.direction, what: target }, when, do: what }]));
    const own = { rules, tracer };
    const joined = await join(connect, flow.definition, {
      credits: 8,
      [flow.from]: own,
      serve(end, seq, body) {
        const kind = flow.definition.replies[(body as { kind: string }).kind];
        if (kind === "pwriteResult") end.edge.reply(seq, { kind, ret: 4 } as never);
      },
    });
    pairs.push(joined.pair);
    await Promise.all([joined.upper.ready, joined.lower.ready]);
    const ends = joined as unknown as Ends;
    const far = flow.from === "upper" ? ends.lower : ends.upper;
    const numbered = () => far.received.map(({ body }) => body).filter((body) => (body as { kind: string }).kind !== "ioctl");
    return {
      send: (n) => flow.send(ends[flow.from].edge as never, n),
      seen: () => numbered().map((body) => flow.number(body)),
      records() {
        const posted = far.log.filter((line) => line.startsWith("write ")).map((line) => line.split(" ")[2]);
        return flow.definition.edge === "virtio"
          ? numbered().map((body) => hex((body as { readable?: Uint8Array }).readable ?? (body as { written: Uint8Array }).written))
          : posted;
      },
      rules,
      timers,
      events,
      back: ends[flow.from].received,
      ends,
    };
  }
  const records = (flow: Flow, ...numbers: number[]) => numbers.map((n) => hex(flow.bytes(n)));
  async function sendAll(r: Rig, count = 3): Promise<void> {
    for (let n = 1; n <= count; n++) void r.send(n);
  }

  describe.each(flows)("$direction $what", (flow) => {
    it("drop: event and bytes are lost", async () => {
      const r = await rig(flow, { action: "drop" }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual([1, 3]);
      expect(r.records()).toEqual(records(flow, 1, 3));
      expect(r.events).toMatchObject([{ rule: "r", do: "drop", direction: flow.direction }]);
    });
    it(`delay: it arrives when its time is over, and what left meanwhile ${flow.ordered ? "waits behind it" : "passes it"}`, async () => {
      const r = await rig(flow, { action: "delay", ns: 5000 }, { nth: 2 });
      await sendAll(r);
      const [early, all] = flow.ordered
        ? [[1], [1, 2, 3]]
        : [
            [1, 3],
            [1, 3, 2],
          ];
      await until(() => r.seen().length === early.length);
      await turns();
      expect(r.seen()).toEqual(early);
      r.timers[0]();
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual(all);
      expect(r.records()).toEqual(records(flow, ...all));
    });
    it("duplicate: it arrives twice", async () => {
      const r = await rig(flow, { action: "duplicate" }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 2, 3]);
    });
    it("reorder: it arrives behind the next one", async () => {
      const r = await rig(flow, { action: "reorder" }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 3, 2]);
      expect(r.records()).toEqual(records(flow, 1, 3, 2));
    });
    it("reorder: the next one is not itself put behind another", async () => {
      const r = await rig(flow, { action: "reorder" }, {});
      await sendAll(r, 4);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([2, 1, 4, 3]);
    });
    it("reorder: without a next one it leaves when the rules end", async () => {
      const r = await rig(flow, { action: "reorder" }, { nth: 3 });
      await sendAll(r);
      await until(() => r.seen().length === 2);
      r.rules.arm([]);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
    });
    it(`hold: it arrives at the release, and what left meanwhile ${flow.ordered ? "behind it" : "before it"}`, async () => {
      const r = await rig(flow, { action: "hold" }, { nth: 2 });
      await sendAll(r);
      const [early, all] = flow.ordered
        ? [[1], [1, 2, 3]]
        : [
            [1, 3],
            [1, 3, 2],
          ];
      await until(() => r.seen().length === early.length);
      await turns();
      expect(r.seen()).toEqual(early);
      r.rules.release("r");
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual(all);
    });
    it("kept ones of two rules leave in their order where the link has one, whichever rule ends first", async () => {
      const r = await rig(flow, { action: "hold" }, { nth: 1 });
      const where = { direction: flow.direction, what: flow.what };
      r.rules.arm(loadFaultRules([1, 2].map((nth) => ({ id: `r${nth}`, where, when: nth === 1 ? { nth: 1 } : {}, do: { action: "hold" } }))));
      await sendAll(r, 2);
      r.rules.release("r2");
      await until(() => flow.ordered || r.seen().length === 1);
      await turns();
      expect(r.seen()).toEqual(flow.ordered ? [] : [2]);
      r.rules.release("r1");
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual(flow.ordered ? [1, 2] : [2, 1]);
    });
    it("hold until an event: other events let nothing go", async () => {
      const r = await rig(flow, { action: "hold", until: "lab.heal" }, { nth: 1 });
      void r.send(1);
      r.rules.heard("lab.workload-end");
      void r.send(2);
      await until(() => flow.ordered || r.seen().length === 1);
      await turns();
      expect(r.seen()).toEqual(flow.ordered ? [] : [2]);
      r.rules.heard("lab.heal");
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual(flow.ordered ? [1, 2] : [2, 1]);
    });
    it("hold: rules that end let everything go, in order", async () => {
      const r = await rig(flow, { action: "hold" }, {});
      await sendAll(r);
      r.rules.arm([]);
      void r.send(4);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 3, 4]);
    });
    it("replay: an old message arrives once more, with its bytes, and says so", async () => {
      const r = await rig(flow, { action: "replay" }, { nth: 3 });
      await sendAll(r);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 3, 2]);
      expect(r.records()).toEqual(records(flow, 1, 2, 3, 2));
      expect(r.events).toMatchObject([{ do: "replay" }]);
    });
    it("replay: `back` says which; the first match has nothing to replay", async () => {
      const r = await rig(flow, { action: "replay", back: 2 }, {});
      await sendAll(r, 4);
      await until(() => r.seen().length === 6);
      expect(r.seen()).toEqual([1, 2, 3, 1, 4, 2]);
    });
    it("replay: what left under earlier rules is forgotten", async () => {
      const r = await rig(flow, { action: "drop" }, { nth: 99 });
      const replay = loadFaultRules([{ id: "r", where: { direction: flow.direction, what: flow.what }, when: { nth: 2 }, do: { action: "replay" } }]);
      r.rules.arm(replay);
      void r.send(1);
      r.rules.arm(replay);
      for (const n of [2, 3]) void r.send(n);
      await until(() => r.seen().length === 4);
      expect(r.seen()).toEqual([1, 2, 3, 2]);
    });
    it("corrupt a field: the record arrives with another group, and says so", async () => {
      const r = await rig(flow, { action: "corrupt", field: flow.field, value: 0x55 }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
      expect(r.records()).toEqual(records(flow, 1, 0x55, 3));
      expect(r.events).toMatchObject([{ do: "corrupt", field: flow.field }]);
    });
    it("corrupt a bit: that bit of the field is inverted", async () => {
      const r = await rig(flow, { action: "corrupt", field: flow.field, bit: 4 }, { nth: 2 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.records()).toEqual(records(flow, 1, 0x12, 3));
    });
    it("full: the sender finds the window full until the release; then everything arrives, in order", async () => {
      const r = await rig(flow, { action: "full" }, { nth: 2 });
      void r.send(1);
      const sent = flow.definition.edge === "vfio" && flow.from === "upper" ? "waits" : r.send(2);
      if (sent === "waits") void r.send(2);
      else expect(sent).toBe("full");
      await until(() => r.seen().length === 1);
      expect(r.events).toMatchObject([{ do: "full" }]);
      const writable = r.ends[flow.from].edge.writable();
      r.rules.release("r");
      await writable;
      if (sent === "full") expect(r.send(2)).toBe("sent");
      await until(() => r.seen().length === 2);
      void r.send(3);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
    });
    it("release: at a message another rule lets go what it keeps; the message passes", async () => {
      const r = await rig(flow, { action: "hold" }, { nth: 1 });
      const where = { direction: flow.direction, what: flow.what };
      r.rules.arm(
        loadFaultRules([
          { id: "kept", where, when: { nth: 1 }, do: { action: "hold" } },
          { id: "go", where, when: { nth: 2 }, do: { action: "release", rule: "kept" } },
        ]),
      );
      await sendAll(r, 2);
      expect(r.events).toMatchObject([
        { rule: "kept", do: "hold" },
        { rule: "go", do: "release", releases: "kept", direction: flow.direction },
      ]);
      r.rules.release("kept"); // what whoever hears of the event does
      await until(() => r.seen().length === 2);
      expect(r.seen()).toEqual(flow.ordered ? [1, 2] : [2, 1]);
      expect(r.rules.fired()).toEqual([
        { id: "kept", matches: 2, fired: 1 },
        { id: "go", matches: 2, fired: 1 },
      ]);
    });
    it("after an event: what comes before it is no match", async () => {
      const r = await rig(flow, { action: "drop" }, { afterEvent: "guest.bind", nth: 1 });
      await sendAll(r, 2);
      expect(r.rules.awaits("guest.bind")).toBe(true);
      r.rules.heard("guest.bind");
      expect(r.rules.awaits("guest.bind")).toBe(false);
      for (const n of [3, 4]) void r.send(n);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 4]);
    });
    it("a rule that never matches does nothing", async () => {
      const r = await rig(flow, { action: "drop" }, { nth: 99 });
      await sendAll(r);
      await until(() => r.seen().length === 3);
      expect(r.seen()).toEqual([1, 2, 3]);
      expect(r.events).toEqual([]);
    });
    it("forty lost, kept or replayed messages leave the window of eight as it was", async () => {
      for (const what of [{ action: "drop" }, { action: "duplicate" }, { action: "replay" }, { action: "hold" }] as EdgeDo[]) {
        const r = await rig(flow, what, {});
        for (let n = 1; n <= 40; n++) {
          const result = r.send(n);
          if (result === "full") await r.ends[flow.from].edge.writable();
          else if (flow.from === "upper" && flow.definition.edge === "vfio" && what.action !== "hold") await result;
        }
        r.rules.arm([]);
        const before = r.seen().length;
        void r.send(41);
        await until(() => r.seen().length > before);
        close();
      }
    });
  });

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
