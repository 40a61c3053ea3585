/** The PCIe link between a function and the root complex, as TLPs: what crosses between `endpoint/` and the SMMU, and nothing else does. */

/** The PASID prefix of a TLP; `pasid` null = no prefix, then `priv` and `exec` are false (PCIe 6.20). */
export interface PasidPrefix {
  pasid: number | null;
  priv: boolean;
  exec: boolean;
}

/** AT field of the header. */
export type AddressType = "untranslated" | "translated";

export type MemoryReadCompletion = { status: "SC"; data: Uint8Array } | { status: "UR" | "CA" };
/** A posted write has no completion; the root port reports here what became of it, so that the function can end its job, and for tests. */
export type MemoryWriteOutcome = { status: "SC" } | { status: "UR" | "CA" };

/**
 * The SMMU holds the request (CMD_RESUME, 4.6, lets it go on): `ended` is null until it has completed, then the completion. Nothing is sent again: the request is on its
 * way, and a function that forgets it cannot take it back.
 */
export interface Stalled<Completion> {
  status: "stalled";
  ended: Completion | null;
}

/** One entry of an ATS translation completion: `address` is the translated address (size bits removed), `sizeBytes` the region it covers. */
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
export type TranslationCompletion = { status: "SC"; entries: TranslationEntry[] } | { status: "UR" | "CA" };

/** What a function sees upstream. Every call is one TLP and runs to completion. Addresses are 64-bit. */
export interface Upstream {
  /** `into`: bytes of the function's own, at least `length`, that the completion's data is put into and shares. */
  memoryRead(tlp: PasidPrefix & { at: AddressType; address: bigint; length: number; into?: Uint8Array }): MemoryReadCompletion | Stalled<MemoryReadCompletion>;
  memoryWrite(tlp: PasidPrefix & { at: AddressType; address: bigint; data: Uint8Array }): MemoryWriteOutcome | Stalled<MemoryWriteOutcome>;
  /** `count` translations of one STU each, from `address`. */
  translationRequest(tlp: PasidPrefix & { address: bigint; count: number; noWrite: boolean }): TranslationCompletion;
  pageRequest(tlp: PasidPrefix & { address: bigint; prgi: number; last: boolean; read: boolean; write: boolean }): void;
  /** `itagVector`: one bit per ITag; `count`: completions the function sends for it (0 = 8). */
  invalidateCompletion(tlp: { itagVector: number; count: number }): void;
}

/** What the root complex sees downstream: one PCI function. */
export interface PciFunction {
  /** Requester ID = StreamID. */
  readonly sid: number;
  /** Configuration space, 4096 bytes; size 1, 2 or 4. */
  configRead(offset: number, size: number): number;
  configWrite(offset: number, size: number, value: number): void;
  /** The memory BARs that decode now (memory space enabled), for routing. */
  bars(): readonly { bar: number; base: number; size: number }[];
  /** `size` 4 or 8 bytes. */
  barRead(bar: number, offset: number, size: number): Uint8Array;
  barWrite(bar: number, offset: number, value: Uint8Array): void;
  /** A memory request to where a BAR of the function was put while Memory Space Enable is 0: the function answers UR. False: it is not the function's. */
  memoryRequestRefused(access: { write: boolean; address: number; bytes: number }): boolean;
  /** ATS Invalidate Request. UR: ATS is disabled, which completes it. Else the function answers by `invalidateCompletion`, now or later. */
  invalidateRequest(tlp: { pasid: number | null; global: boolean; address: bigint; sizeBytes: bigint; itag: number }): "accepted" | "UR";
  prgResponse(tlp: { pasid: number | null; prgi: number; code: number }): void;
  /** One step of the function's own work (one descriptor, one TLP). False: nothing to do. */
  step(): boolean;
  /** Power-on state. */
  reset(): void;
}
