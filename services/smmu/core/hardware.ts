import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { HostToSmmu } from "@faultline/shared/edge/smmu.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { createFunction } from "./endpoint/create-function.ts";
import { type IdRegisters, idRegisters } from "./identity.ts";
import type { MemoryReadCompletion, MemoryWriteOutcome, PasidPrefix, PciFunction, Stalled, Upstream } from "./link.ts";
import { MemoryRequests } from "./memory-request.ts";
import type { HardwarePorts } from "./ports.ts";
import { type CacheName, Smmu, type SmmuBehaviour } from "./smmu.ts";

export type { HardwarePorts } from "./ports.ts";

const inside = (address: number, { base, size }: { base: number; size: number }) => address >= base && address < base + size;
const ALL_ONES = 2 ** 32 - 1;
const PAGE = 4096;

/** `stalled`: it has not ended, and may still go through (CMD_RESUME). */
export type DmaResult = { ok: true; data?: Uint8Array } | { ok: false; stalled?: Stalled<MemoryReadCompletion | MemoryWriteOutcome> };

export interface HardwareOptions extends SmmuBehaviour {
  /** ID registers that replace those of the machine file (replay of vectors and images). */
  idr?: Partial<IdRegisters>;
}

/** SMMU, root complex, PCI functions: decodes what arrives on the bus and routes what functions send. One input to completion; `step` advances work in progress. */
export class Hardware {
  readonly smmu: Smmu;
  readonly functions = new Map<number, PciFunction>();
  readonly #ports: HardwarePorts;
  readonly #requests: MemoryRequests;

  constructor(machine: Machine, ports: HardwarePorts, options: HardwareOptions = {}) {
    this.#ports = ports;
    this.smmu = new Smmu({ ...idRegisters(machine.smmu), ...options.idr }, machine.smmu.caches, ports, (sid) => this.functions.get(sid), options);
    this.#requests = new MemoryRequests(this.smmu, ports);
    for (const endpoint of machine.endpoints) {
      this.functions.set(
        endpoint.bdf,
        createFunction(endpoint, this.#upstream(endpoint.bdf), { tracer: ports.tracer, timer: ports.timer, held: ports.held, engine: ports.engine, now: ports.now }),
      );
    }
  }

  /** Set: a cache that never evicts was full (M-never-evict), and what the run shows from here on is no evidence. Whoever drives the hardware ends the run as an error. */
  get exhausted(): { cache: CacheName; capacity: number } | null {
    return this.smmu.exhausted;
  }

  /** A message of the host. Reads are answered at once; writes take effect at once, queues advance by `step`. */
  deliver(seq: number, body: HostToSmmu): void {
    const { host } = this.#ports;
    switch (body.kind) {
      case "mmioRead":
        host.reply(seq, { kind: "mmioReadResult", value: this.#read(body.address, body.size) });
        return;
      case "mmioWrite":
        this.#write(body.address, body.value);
        return;
      case "configWrite":
        this.#write(body.address, body.value);
        host.reply(seq, { kind: "configWriteDone" });
        return;
      case "power":
        this.reset();
        host.reply(seq, { kind: "powerDone" });
        return;
    }
  }

  /** One step of something: a command, or a function's work. False: idle, waiting or held. */
  step(): boolean {
    let progressed = this.smmu.step();
    for (const fn of this.functions.values()) progressed = fn.step() || progressed;
    return progressed;
  }

  /** The machine is powered on again; memory is the caller's. */
  reset(): void {
    this.smmu.reset();
    for (const fn of this.functions.values()) fn.reset();
  }

  #read(address: number, size: number): Uint8Array {
    if (inside(address, addressMap.smmuRegisters)) {
      const [low, high] = this.smmu.regs.read(address - addressMap.smmuRegisters.base, size);
      return uint64Bytes((BigInt(high) << 32n) | BigInt(low)).subarray(0, size);
    }
    if (inside(address, addressMap.ecam)) {
      const offset = address - addressMap.ecam.base;
      const fn = this.functions.get(Math.floor(offset / PAGE));
      // No function there: the root complex completes a configuration read with all ones.
      return uint64Bytes(fn ? fn.configRead(offset % PAGE, size) : ALL_ONES % 2 ** (8 * size)).subarray(0, size);
    }
    const target = this.#bar(address);
    return target ? target.fn.barRead(target.bar, target.offset, size) : new Uint8Array(size).fill(0xff);
  }

  #write(address: number, value: Uint8Array): void {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    const low = value.length >= 4 ? view.getUint32(0, true) : value.length === 2 ? view.getUint16(0, true) : (value[0] ?? 0);
    if (inside(address, addressMap.smmuRegisters)) {
      this.smmu.regs.write(address - addressMap.smmuRegisters.base, value.length, low, value.length === 8 ? view.getUint32(4, true) : 0);
      return;
    }
    if (inside(address, addressMap.ecam)) {
      const offset = address - addressMap.ecam.base;
      this.functions.get(Math.floor(offset / PAGE))?.configWrite(offset % PAGE, value.length, low);
      return;
    }
    const target = this.#bar(address);
    target?.fn.barWrite(target.bar, target.offset, value);
  }

  #bar(address: number): { fn: PciFunction; bar: number; offset: number } | null {
    if (!inside(address, addressMap.barWindow)) return null;
    for (const fn of this.functions.values()) {
      for (const bar of fn.bars()) if (inside(address, bar)) return { fn, bar: bar.bar, offset: address - bar.base };
    }
    return null;
  }

  #upstream(sid: number): Upstream {
    return {
      memoryRead: (tlp) => this.#requests.read(sid, tlp),
      memoryWrite: (tlp) => this.#requests.write(sid, tlp),
      translationRequest: (tlp) => this.smmu.ats.request(sid, tlp),
      pageRequest: (tlp) => this.smmu.priQueue.receive({ ...tlp, sid }),
      invalidateCompletion: ({ itagVector, count }) => this.smmu.invalidation.complete(sid, itagVector, count),
    };
  }

  /** One untranslated DMA of a requester that need not be a function. */
  dma(request: { sid: number; ssid?: number | null; write: boolean; iova: bigint; length: number; data?: Uint8Array; priv?: boolean; exec?: boolean }): DmaResult {
    const prefix: PasidPrefix = { pasid: request.ssid ?? null, priv: request.priv ?? false, exec: request.exec ?? false };
    const tlp = { ...prefix, at: "untranslated" as const, address: request.iova };
    if (request.write) {
      const outcome = this.#requests.write(request.sid, { ...tlp, data: request.data ?? new Uint8Array(request.length) });
      return outcome.status === "stalled" ? { ok: false, stalled: outcome } : { ok: outcome.status === "SC" };
    }
    const completion = this.#requests.read(request.sid, { ...tlp, length: request.length });
    if (completion.status === "stalled") return { ok: false, stalled: completion };
    return completion.status === "SC" ? { ok: true, data: completion.data } : { ok: false };
  }
}
