import { hex, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { HostToSmmu } from "@faultline/shared/edge/smmu.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { createFunction } from "./endpoint/create-function.ts";
import { type IdRegisters, idRegisters } from "./identity.ts";
import type { MemoryReadCompletion, MemoryWriteOutcome, PasidPrefix, PciFunction, Upstream } from "./link.ts";
import type { HardwarePorts } from "./ports.ts";
import { Smmu } from "./smmu.ts";

export type { HardwarePorts } from "./ports.ts";

const inside = (address: number, { base, size }: { base: number; size: number }) => address >= base && address < base + size;
const ALL_ONES = 2 ** 32 - 1;
const PAGE = 4096;

export type DmaResult = { ok: true; data?: Uint8Array } | { ok: false };

export interface HardwareOptions {
  /** ID registers that replace those of the machine file (replay of vectors and images). */
  idr?: Partial<IdRegisters>;
  /** False: TLB entries of nG = 0 pages stay with their ASID, as in the model that the vectors were recorded on (spec/smmuv3.md, section 10, row 11). */
  globalMatchesAnyAsid?: boolean;
}

/** SMMU, root complex, PCI functions: decodes what arrives on the bus and routes what functions send. One input to completion; `step` advances work in progress. */
export class Hardware {
  readonly smmu: Smmu;
  readonly functions = new Map<number, PciFunction>();
  readonly #ports: HardwarePorts;

  constructor(machine: Machine, ports: HardwarePorts, options: HardwareOptions = {}) {
    this.#ports = ports;
    this.smmu = new Smmu({ ...idRegisters(machine.smmu), ...options.idr }, machine.smmu.caches, ports, (sid) => this.functions.get(sid), options.globalMatchesAnyAsid);
    for (const endpoint of machine.endpoints) {
      this.functions.set(
        endpoint.bdf,
        createFunction(endpoint, this.#upstream(endpoint.bdf), { tracer: ports.tracer, timer: ports.timer, held: ports.held, engine: ports.engine, now: ports.now }),
      );
    }
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
      memoryRead: (tlp) => this.#memoryRead(sid, tlp),
      memoryWrite: (tlp) => this.#memoryWrite(sid, tlp),
      translationRequest: (tlp) => this.smmu.ats.request(sid, tlp),
      pageRequest: (tlp) => this.smmu.priQueue.receive({ ...tlp, sid }),
      invalidateCompletion: ({ itagVector, count }) => this.smmu.invalidation.complete(sid, itagVector, count),
    };
  }

  #memoryRead(sid: number, tlp: PasidPrefix & { at: string; address: bigint; length: number }): MemoryReadCompletion {
    const parts: Uint8Array[] = [];
    for (const { address, length } of pieces(tlp.address, tlp.length)) {
      const result = this.smmu.transact({ sid, ssid: tlp.pasid, translated: tlp.at === "translated", address, write: false, priv: tlp.priv, exec: tlp.exec });
      if (result === "abort") return { status: "CA" };
      if (result === "raz-wi") {
        parts.push(new Uint8Array(length));
        continue;
      }
      const data = this.#ports.memory.read(result.pa, length);
      if (!data) return { status: "UR" };
      this.#traceAccess(sid, tlp, address, result.pa, length, false);
      parts.push(data);
    }
    return { status: "SC", data: parts.length === 1 ? parts[0] : concatenate(parts, tlp.length) };
  }

  #memoryWrite(sid: number, tlp: PasidPrefix & { at: string; address: bigint; data: Uint8Array }): MemoryWriteOutcome {
    let done = 0;
    for (const { address, length } of pieces(tlp.address, tlp.data.length)) {
      const result = this.smmu.transact({ sid, ssid: tlp.pasid, translated: tlp.at === "translated", address, write: true, priv: tlp.priv, exec: false });
      if (result === "abort") return { status: "CA" };
      const data = tlp.data.subarray(done, done + length);
      done += length;
      if (result === "raz-wi") continue;
      if (result.pa === addressMap.gitsTranslater) {
        this.smmu.interrupts.signal("MSI", sid, new DataView(data.buffer, data.byteOffset).getUint32(0, true));
        continue;
      }
      if (!this.#ports.memory.write(result.pa, data)) return { status: "UR" };
      this.#traceAccess(sid, tlp, address, result.pa, length, true);
    }
    return { status: "SC" };
  }

  /** The owner epochs of the frame go into the event: that is how a use after free is seen. */
  #traceAccess(sid: number, tlp: PasidPrefix, address: bigint, pa: number, length: number, write: boolean): void {
    if (!this.#ports.tracer.wants("dma.access")) return;
    const { host, guest } = this.#ports.memory.owner(pa);
    this.#ports.tracer.emit(
      "dma.access",
      { sid: hex(sid), pasid: tlp.pasid ?? undefined, iova: hex(address), pa: hex(pa) },
      { write, length, hostEpoch: host, guestEpoch: guest },
    );
  }

  /** One DMA of a scripted requester: split at 4 KiB of the input address, the first refused piece ends it. */
  dma(request: { sid: number; ssid?: number | null; write: boolean; iova: bigint; length: number; data?: Uint8Array; priv?: boolean; exec?: boolean }): DmaResult {
    const prefix: PasidPrefix = { pasid: request.ssid ?? null, priv: request.priv ?? false, exec: request.exec ?? false };
    if (request.write) {
      const outcome = this.#memoryWrite(request.sid, { ...prefix, at: "untranslated", address: request.iova, data: request.data ?? new Uint8Array(request.length) });
      return { ok: outcome.status === "SC" };
    }
    const completion = this.#memoryRead(request.sid, { ...prefix, at: "untranslated", address: request.iova, length: request.length });
    return completion.status === "SC" ? { ok: true, data: completion.data } : { ok: false };
  }
}

function* pieces(address: bigint, length: number): Generator<{ address: bigint; length: number }> {
  for (let done = 0; done < length; ) {
    const at = address + BigInt(done);
    const piece = Math.min(PAGE - Number(at & 0xfffn), length - done);
    yield { address: at, length: piece };
    done += piece;
  }
}

function concatenate(parts: Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
