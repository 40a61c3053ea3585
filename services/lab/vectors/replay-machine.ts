import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { ReplayMachine } from "@faultline/shared/shell/endpoint-server.ts";

/** One zero-length access of an image. */
export interface Access {
  sid: number;
  ssid: number | null;
  iova: bigint;
  write: boolean;
}
export interface Dma {
  sid: number;
  write: boolean;
  iova: bigint;
  length: number;
  data: Uint8Array | undefined;
}

/**
 * What a replay needs of an SMMU. Register offsets are from the SMMU base, addresses physical. Each call ends when its effects can be seen: commands
 * are consumed, records are in memory. A call that does not get there rejects with `Stuck`, and the machine is not to be used again.
 */
export interface Replayed {
  /** Power-on: registers, caches and queues reset, RAM zero. */
  reset(): Promise<void>;
  write(offset: number, size: 4 | 8, value: bigint): Promise<void>;
  read(offset: number, size: 4 | 8): Promise<bigint>;
  /** The bytes read (empty for a write); null: terminated with an abort; stalled: not ended. */
  dma(request: Dma): Promise<Uint8Array | null | "stalled">;
  /** Where accesses go, in order; null: nowhere (refused, or held). */
  translate(accesses: readonly Access[]): Promise<(number | null)[]>;
  /** False or null: not all of it is RAM. */
  writeMemory(address: number, bytes: Uint8Array): Promise<boolean>;
  readMemory(address: number, length: number): Promise<Uint8Array | null>;
}

/** Starts (or finds) a machine of this description, in the state of power-on or any other. */
export interface Machines {
  of(machine: ReplayMachine): Promise<Replayed>;
  /** The machine is not to be used again. */
  discard(): Promise<void>;
  close(): Promise<void>;
}

/** The machine did not finish what it was given. */
export class Stuck extends Error {}
/** It ended over it: a bug of the hardware's. */
export class Crashed extends Stuck {}

/**
 * The machine of a file: no functions, its ID registers, `cacheEntries` (null: the default machine's) in the TLB and in the configuration cache.
 * Global entries stay with their ASID, which is always allowed (a TLB may hold as little as it likes): the model that the vectors were recorded on does not tell
 * them apart, and the pages of 13 vectors have nG = 0 (spec/smmuv3.md, section 10, row 11).
 */
export function replayMachine(identity: Readonly<Record<string, number>>, ram: { base: number; size: number }, cacheEntries: number | null): ReplayMachine {
  const { smmu } = defaultMachine;
  const caches = cacheEntries === null ? smmu.caches : { tlb: cacheEntries, config: cacheEntries, walk: 0 };
  return { ...defaultMachine, endpoints: [], smmu: { ...smmu, caches }, replay: { idr: identity, globalMatchesAnyAsid: false, ram } };
}
