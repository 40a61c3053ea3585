/** The PASID prefix; without one `priv` and `exec` are not sent (PCIe 6.20). */
export interface Prefix {
  ssid: number | null;
  priv: boolean;
  exec: boolean;
}
/** Bytes of a read, or of `data`. 0: a zero-length request. */
export interface Payload {
  write: boolean;
  length: number;
  data?: Uint8Array;
}
/** An untranslated DMA request of interfaces.md, section 6. */
export interface DmaRequest extends Prefix, Payload {
  sid: number;
  iova: bigint;
}
export interface PageRequest extends Prefix {
  prgi: number;
  last: boolean;
  read: boolean;
  write: boolean;
  address: bigint;
  waitMs: number;
}

/** What a scripted endpoint does (interfaces.md, section 6). */
export type Action =
  | ({ kind: "dma"; iova: bigint } & Prefix & Payload)
  | ({ kind: "translate"; noWrite: boolean; address: bigint; count: number } & Prefix)
  | ({ kind: "translatedDma"; pa: bigint } & Payload)
  | ({ kind: "pageRequest" } & PageRequest)
  | { kind: "stopMarker"; ssid: number }
  | { kind: "completeInvalidation"; policy: InvalidationPolicy; itag: number; afterNs: number }
  | ({ kind: "flood"; count: number } & PageRequest)
  | { kind: "link"; up: boolean }
  | { kind: "flr" }
  | { kind: "received" };
export const INVALIDATION_POLICIES = ["answer", "never", "late", "itag"] as const;
export type InvalidationPolicy = (typeof INVALIDATION_POLICIES)[number];

export type Status = "SC" | "UR" | "CA";
/** `ok` false: terminated with an abort, or `stalled`: it has not ended. `pa`: of a zero-length request. */
export interface DmaResult {
  ok: boolean;
  data?: Uint8Array;
  pa?: number;
  stalled?: boolean;
  status?: Status;
}
/** As in a Translation Completion (PCIe 10.2.3). `address`: start of the region of `sizeBytes`. */
export interface TranslationEntry {
  address: number;
  sizeBytes: number;
  R: boolean;
  W: boolean;
  Exe: boolean;
  Priv: boolean;
  Global: boolean;
  N: boolean;
  U: boolean;
}
export interface PrgResponse {
  pasid: number | null;
  prgi: number;
  code: number;
  expected: boolean;
}
export interface InvalidateRequest {
  pasid: number | null;
  global: boolean;
  address: bigint;
  sizeBytes: number;
  itag: number;
}
export interface FunctionState {
  up: boolean;
  busMaster: boolean;
  pasidEnabled: boolean;
  atsEnabled: boolean;
  priEnabled: boolean;
  priStatus: string[];
  allocation: number;
}
export type Outcome =
  | ({ kind: "dma" | "translatedDma" } & DmaResult)
  | { kind: "translate"; status: Status; entries: (TranslationEntry & { raw?: bigint })[] }
  | { kind: "pageRequest" | "stopMarker" | "flood"; sent: number; responses: PrgResponse[] }
  | { kind: "completeInvalidation"; policy: InvalidationPolicy; completed: boolean; outstanding: number }
  | { kind: "link" | "flr"; state: FunctionState }
  | { kind: "received"; responses: PrgResponse[]; invalidations: InvalidateRequest[]; dropped: number; state: FunctionState };
