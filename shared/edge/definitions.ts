import { EIO } from "../linux-uapi/errno.ts";
import { type Answer, answerSmmu, answerVfio, answerVirtio } from "./answers.ts";
import { decodeSmmu } from "./decode/smmu.ts";
import { decodeVfio } from "./decode/vfio.ts";
import { decodeVirtio } from "./decode/virtio.ts";
import type { PostedWrite } from "./envelope.ts";
import type { Mismatch } from "./hello.ts";
import { type Lanes, lanesOfSmmu, lanesOfVfio, lanesOfVirtio } from "./lanes.ts";
import type { EdgeRecord } from "./records.ts";
import type { HostToSmmu, SmmuToHost } from "./smmu.ts";
import { validateSmmu } from "./validate-smmu.ts";
import { validateVfio } from "./validate-vfio.ts";
import { validateVirtio } from "./validate-virtio.ts";
import type { HostToVmm, VmmToHost } from "./vfio.ts";
import type { GuestToVmm, VmmToGuest } from "./virtio.ts";

type Kind = "uint" | "int" | "bytes" | "string" | "bool" | "address";
/** Fields of every message kind; "address" is a number carried as 8 little-endian bytes, "int" may be negative, a list is an enumeration. */
export type MessageShape = Record<string, Kind | readonly string[]>;

/** What is particular to one edge: its protocol, who answers what, and its messages. */
export interface EdgeDefinition<Upper, Lower> {
  edge: "smmu" | "vfio" | "virtio";
  protocol: string;
  /** Names of the two ends: the upper one dials, the lower one serves. */
  upper: string;
  lower: string;
  /** Every kind that the upper end sends, and the kind that answers it; null: posted. The lower end's messages are never answered. */
  replies: Record<string, string | null>;
  /** Whether the lower end answers this message of the upper end. */
  answered(body: Upper): boolean;
  messages: Record<string, MessageShape>;
  /** What the shapes leave open. */
  limits(body: Upper | Lower): Mismatch | null;
  /** What the sender of a request sees when the lab loses it on the way: no answer, so what the bus or the kernel makes of that. */
  lost(body: Upper): Lower;
  /** What the lab answers a message of the upper end with in place of the lower one; null: nobody answers it, or not like this. */
  answer(body: Upper, how: Answer): Lower | null;
  /** Which word of an answer fits a message kind of the upper end. */
  answerable: Record<string, "errno" | "status" | "code">;
  /** An interrupt of the lower end without its event: null when nothing is left to send and its bytes go with the next message; undefined: it is no interrupt. */
  withoutInterrupt(body: Lower): Lower | null | undefined;
  /** `abi`: of the machine, which says how the requests and events of the virtio-iommu look. */
  decode(body: Upper | Lower, writes: readonly PostedWrite[], abi: string): EdgeRecord[];
  /** What stays in order on this edge although the lab keeps messages back. */
  lanes(body: Upper | Lower, writes: readonly PostedWrite[]): Lanes;
}

const allOnes = (size: number): Uint8Array => new Uint8Array(size).fill(0xff);

export const smmuEdge: EdgeDefinition<HostToSmmu, SmmuToHost> = {
  edge: "smmu",
  protocol: "smmu/v1",
  upper: "host",
  lower: "smmu",
  answered: ({ kind }) => kind !== "mmioWrite",
  decode: decodeSmmu,
  lanes: lanesOfSmmu,
  limits: validateSmmu,
  replies: { mmioRead: "mmioReadResult", mmioWrite: null, configWrite: "configWriteDone", power: "powerDone" },
  messages: {
    mmioRead: { address: "address", size: "uint" },
    mmioWrite: { address: "address", value: "bytes" },
    configWrite: { address: "address", value: "bytes" },
    power: { action: ["reset"] },
    mmioReadResult: { value: "bytes" },
    configWriteDone: {},
    powerDone: {},
    interrupt: {
      source: ["EVENTQ", "PRIQ", "CMD_SYNC", "GERROR", "MSI", "MEMORY", "SLOT"],
      deviceId: "uint",
      eventId: "uint",
      eventqProd: "uint",
      priqProd: "uint",
      cmdqCons: "uint",
      gerror: "uint",
    },
  },
  answer: answerSmmu,
  answerable: { mmioRead: "code", configWrite: "code" },
  withoutInterrupt: (body) => (body.kind === "interrupt" ? null : undefined),
  // A completion time-out reads as all ones.
  lost: (body) =>
    body.kind === "mmioRead" ? { kind: "mmioReadResult", value: allOnes(body.size) } : body.kind === "power" ? { kind: "powerDone" } : { kind: "configWriteDone" },
};

export const vfioEdge: EdgeDefinition<VmmToHost, HostToVmm> = {
  edge: "vfio",
  protocol: "vfio/v1",
  upper: "vmm",
  lower: "host",
  answered: () => true,
  decode: decodeVfio,
  lanes: lanesOfVfio,
  limits: validateVfio,
  replies: { open: "openResult", ioctl: "ioctlResult", mmap: "mmapResult", pread: "preadResult", pwrite: "pwriteResult", close: "closeResult" },
  messages: {
    open: { path: "string" },
    ioctl: { fd: "int", cmd: "uint", arg: "bytes" },
    mmap: { fd: "int", offset: "address", length: "address" },
    pread: { fd: "int", offset: "address", length: "uint" },
    pwrite: { fd: "int", offset: "address", data: "bytes" },
    close: { fd: "int" },
    openResult: { ret: "int" },
    ioctlResult: { ret: "int", arg: "bytes" },
    mmapResult: { ret: "int", hva: "address" },
    preadResult: { ret: "int", data: "bytes" },
    pwriteResult: { ret: "int" },
    closeResult: { ret: "int" },
    signal: { fd: "int", value: "uint" },
  },
  lost: lostSystemCall,
  answer: answerVfio,
  answerable: { open: "errno", ioctl: "errno", mmap: "errno", pread: "errno", pwrite: "errno", close: "errno" },
  withoutInterrupt: (body) => (body.kind === "signal" ? null : undefined),
};

/** A lost store into a region looks completed to its writer; a call that wants an answer failed. */
function lostSystemCall(body: VmmToHost): HostToVmm {
  switch (body.kind) {
    case "pwrite":
      return { kind: "pwriteResult", ret: body.data.length };
    case "open":
      return { kind: "openResult", ret: -EIO };
    case "ioctl":
      return { kind: "ioctlResult", ret: -EIO, arg: body.arg };
    case "mmap":
      return { kind: "mmapResult", ret: -EIO, hva: 0 };
    case "pread":
      return { kind: "preadResult", ret: -EIO, data: new Uint8Array(0) };
    case "close":
      return { kind: "closeResult", ret: -EIO };
  }
}

export const virtioEdge: EdgeDefinition<GuestToVmm, VmmToGuest> = {
  edge: "virtio",
  protocol: "virtio/v1",
  upper: "guest",
  lower: "vmm",
  decode: decodeVirtio,
  lanes: lanesOfVirtio,
  limits: validateVirtio,
  // Writes to a BAR are posted, writes to configuration space are not.
  answered: (body) => (body.kind === "pciWrite" ? body.space === "config" : body.kind !== "available"),
  replies: {
    getFeatures: "features",
    setFeatures: "features",
    getStatus: "status",
    setStatus: "status",
    readConfig: "config",
    writeConfig: "configWritten",
    available: null,
    pciRead: "pciReadResult",
    pciWrite: "pciWriteDone",
  },
  messages: {
    getFeatures: {},
    setFeatures: { features: "bytes" },
    getStatus: {},
    setStatus: { status: "uint" },
    readConfig: { offset: "uint", length: "uint" },
    writeConfig: { offset: "uint", data: "bytes" },
    available: { queue: "uint", head: "uint", readable: "bytes", writableLength: "uint" },
    pciRead: { bdf: "uint", space: "string", offset: "uint", size: "uint" },
    pciWrite: { bdf: "uint", space: "string", offset: "uint", value: "bytes" },
    features: { features: "bytes" },
    status: { status: "uint" },
    config: { data: "bytes" },
    configWritten: {},
    pciReadResult: { value: "bytes" },
    pciWriteDone: {},
    used: { queue: "uint", head: "uint", written: "bytes", interrupt: "bool" },
    interrupt: { source: ["config", "msix", "slot"], bdf: "uint", vector: "uint" },
  },
  lost: lostAccess,
  answer: answerVirtio,
  answerable: { available: "status", pciRead: "code", pciWrite: "code" },
  withoutInterrupt: (body) => (body.kind === "interrupt" ? null : body.kind === "used" && body.interrupt ? { ...body, interrupt: false } : undefined),
};

/** A register access that nobody answers reads as all ones. */
function lostAccess(body: GuestToVmm): VmmToGuest {
  switch (body.kind) {
    case "getFeatures":
    case "setFeatures":
      return { kind: "features", features: allOnes(8) };
    case "getStatus":
    case "setStatus":
      return { kind: "status", status: 0xff };
    case "readConfig":
      return { kind: "config", data: allOnes(body.length) };
    case "writeConfig":
      return { kind: "configWritten" };
    case "pciRead":
      return { kind: "pciReadResult", value: allOnes(body.size) };
    case "pciWrite":
    case "available":
      return { kind: "pciWriteDone" };
  }
}

/** What is asked of one kind of message, worked out once. */
interface KindFacts {
  isUpper: boolean;
  isReply: boolean;
  fields: readonly (readonly [field: string, type: MessageShape[string]])[];
}

function factsOf({ messages, replies }: Pick<EdgeDefinition<never, never>, "messages" | "replies">): ReadonlyMap<string, KindFacts> {
  const answers = new Set(Object.values(replies));
  return new Map(
    Object.entries(messages).map(([kind, shape]) => {
      const isUpper = Object.hasOwn(replies, kind);
      return [kind, { isUpper, isReply: !isUpper && answers.has(kind), fields: Object.entries(shape) }];
    }),
  );
}

/**
 * Finds the first field of a decoded message that does not fit, or null: whether its sender, the end `from`, may send it, and with `replyTo` whether it is a reply where one is due.
 */
export function validator<Upper, Lower>(
  definition: EdgeDefinition<Upper, Lower>,
  from: "upper" | "lower",
): (body: { kind: string }, replyTo?: number) => Mismatch | null {
  const facts = factsOf(definition);
  return (body, replyTo) => {
    const { kind } = body;
    const known = facts.get(kind);
    if (!known) return { field: "body", reason: `unknown message ${kind}` };
    const { isUpper, isReply, fields } = known;
    if (isUpper !== (from === "upper")) return { field: "body", reason: `${definition[from]} does not send ${kind}` };
    if (replyTo !== undefined && isReply !== replyTo > 0) return { field: "replyTo", reason: isReply ? `${kind} answers a message` : `${kind} answers nothing` };
    for (const [field, type] of fields) {
      const reason = misfit(type, (body as Record<string, unknown>)[field]);
      if (reason) return { field: `${kind}.${field}`, reason };
    }
    return definition.limits(body as Upper & Lower & { kind: string });
  };
}

function misfit(type: MessageShape[string], value: unknown): string | null {
  if (typeof type !== "string") return type.includes(value as string) ? null : `must be one of ${type.join(", ")}`;
  if (type === "bytes") return value instanceof Uint8Array ? null : "must be bytes";
  if (type === "string") return typeof value === "string" ? null : "must be a string";
  if (type === "bool") return typeof value === "boolean" ? null : "must be a boolean";
  if (!Number.isSafeInteger(value)) return type === "address" ? "must be 8 little-endian bytes below 2^53" : "must be an integer below 2^53";
  return type !== "int" && (value as number) < 0 ? "must not be negative" : null;
}
