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
import { type Connect, type End, join } from "./edge-pair.ts";

/** Little-endian words from a byte offset on. */
export function record(size: number, ...words: [offset: number, value: number][]): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [offset, value] of words) view.setUint32(offset, value, true);
  return bytes;
}
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const word = (value: number): Uint8Array => record(4, [0, value]);

/** CMD_PRI_RESP (0x41), StreamID 8, PRGIndex n, Success. Arm IHI 0070 G.b, 4.5.2. */
export const priResp = (n: number) => record(16, [0, 0x41], [4, 8], [8, n | 0x2000]);
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
export interface Flow {
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

export const flows: Flow[] = [
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

export interface Rig {
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
export const turns = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
};

/** Edges over which messages of a flow go, with rules at the sender's end; `close` ends those that are open. */
export function flowRigs(connect: Connect): { rig(flow: Flow, what: EdgeDo, when: When, target?: string): Promise<Rig>; close(): void } {
  const pairs: { close(): void }[] = [];
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
  return {
    rig,
    close() {
      for (const pair of pairs.splice(0)) pair.close();
    },
  };
}

export const records = (flow: Flow, ...numbers: number[]) => numbers.map((n) => hex(flow.bytes(n)));
export async function sendAll(r: Rig, count = 3): Promise<void> {
  for (let n = 1; n <= count; n++) void r.send(n);
}
