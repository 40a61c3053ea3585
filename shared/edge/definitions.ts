import { decodeSmmu } from "./decode/smmu.ts";
import { decodeVfio } from "./decode/vfio.ts";
import { decodeVirtio } from "./decode/virtio.ts";
import type { PostedWrite } from "./envelope.ts";
import type { EdgeRecord } from "./records.ts";
import type { HostToSmmu, SmmuToHost } from "./smmu.ts";
import type { HostToVmm, VmmToHost } from "./vfio.ts";
import type { GuestToVmm, VmmToGuest } from "./virtio.ts";

type Kind = "uint" | "bytes" | "string" | "bool" | "address";
/** Fields of every message kind, in the order of their proto field numbers; "address" is a number carried as 8 little-endian bytes, "int" fields may be negative. */
export type MessageShape = Record<string, Kind | "int" | readonly string[]>;

/** What is particular to one edge: its protocol, who answers what, and its messages. */
export interface EdgeDefinition<Upper, Lower> {
  edge: "smmu" | "vfio" | "virtio";
  protocol: string;
  /** Names of the two ends: the upper one dials, the lower one serves. */
  upper: string;
  lower: string;
  /** Whether the lower end answers a message of the upper end. The lower end's messages are never answered. */
  answered(body: Upper): boolean;
  messages: Record<string, MessageShape>;
  decode(body: Upper | Lower, writes: readonly PostedWrite[]): EdgeRecord[];
}

export const smmuEdge: EdgeDefinition<HostToSmmu, SmmuToHost> = {
  edge: "smmu", protocol: "smmu/v1", upper: "host", lower: "smmu", answered: ({ kind }) => kind !== "mmioWrite", decode: decodeSmmu,
  messages: {
    mmioRead: { address: "address", size: "uint" }, mmioWrite: { address: "address", value: "bytes" }, configWrite: { address: "address", value: "bytes" }, power: { action: ["reset"] },
    mmioReadResult: { value: "bytes" }, configWriteDone: {}, powerDone: {},
    interrupt: { source: ["EVENTQ", "PRIQ", "CMD_SYNC", "GERROR", "MSI", "MEMORY"], deviceId: "uint", eventId: "uint", eventqProd: "uint", priqProd: "uint", cmdqCons: "uint", gerror: "uint" },
  },
};

export const vfioEdge: EdgeDefinition<VmmToHost, HostToVmm> = {
  edge: "vfio", protocol: "vfio/v1", upper: "vmm", lower: "host", answered: () => true, decode: decodeVfio,
  messages: {
    open: { path: "string" }, ioctl: { fd: "int", cmd: "uint", arg: "bytes" }, mmap: { fd: "int", offset: "address", length: "address" }, pread: { fd: "int", offset: "address", length: "uint" },
    pwrite: { fd: "int", offset: "address", data: "bytes" }, close: { fd: "int" },
    openResult: { ret: "int" }, ioctlResult: { ret: "int", arg: "bytes" }, mmapResult: { ret: "int", hva: "address" }, preadResult: { ret: "int", data: "bytes" }, pwriteResult: { ret: "int" }, closeResult: { ret: "int" },
    signal: { fd: "int", value: "uint" },
  },
};

const posted: ReadonlySet<string> = new Set(["available"]);
/** Writes to a BAR are posted, writes to configuration space are not. */
const virtioAnswered = (body: GuestToVmm): boolean => (body.kind === "pciWrite" ? body.space === "config" : !posted.has(body.kind));

export const virtioEdge: EdgeDefinition<GuestToVmm, VmmToGuest> = {
  edge: "virtio", protocol: "virtio/v1", upper: "guest", lower: "vmm", answered: virtioAnswered, decode: decodeVirtio,
  messages: {
    getFeatures: {}, setFeatures: { features: "bytes" }, getStatus: {}, setStatus: { status: "uint" }, readConfig: { offset: "uint", length: "uint" }, writeConfig: { offset: "uint", data: "bytes" },
    available: { queue: "uint", head: "uint", readable: "bytes", writableLength: "uint" }, pciRead: { bdf: "uint", space: "string", offset: "uint", size: "uint" },
    pciWrite: { bdf: "uint", space: "string", offset: "uint", value: "bytes" },
    features: { features: "bytes" }, status: { status: "uint" }, config: { data: "bytes" }, configWritten: {}, pciReadResult: { value: "bytes" }, pciWriteDone: {},
    used: { queue: "uint", head: "uint", written: "bytes", interrupt: "bool" }, interrupt: { source: ["config", "msix"], bdf: "uint", vector: "uint" },
  },
};

/** The first field of a decoded message that does not fit its shape, or null. */
export function validate(definition: { messages: Record<string, MessageShape> }, body: { kind: string }): { field: string; reason: string } | null {
  const shape = definition.messages[body.kind];
  if (!shape) return { field: "body", reason: `unknown message ${body.kind}` };
  for (const [field, kind] of Object.entries(shape)) {
    const value = (body as Record<string, unknown>)[field];
    const reason = mismatch(kind, value);
    if (reason) return { field: `${body.kind}.${field}`, reason };
  }
  return null;
}

function mismatch(kind: MessageShape[string], value: unknown): string | null {
  if (typeof kind !== "string") return kind.includes(value as string) ? null : `must be one of ${kind.join(", ")}`;
  if (kind === "bytes") return value instanceof Uint8Array ? null : "must be bytes";
  if (kind === "string") return typeof value === "string" ? null : "must be a string";
  if (kind === "bool") return typeof value === "boolean" ? null : "must be a boolean";
  if (!Number.isSafeInteger(value)) return "must be an integer below 2^53";
  return kind !== "int" && (value as number) < 0 ? "must not be negative" : null;
}
