import { hex, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { HostToSmmu } from "@faultline/shared/edge/smmu.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { Accelerator } from "./endpoint/accelerator.ts";
import { createFunction } from "./endpoint/create-function.ts";
import { ScriptedEndpoint } from "./endpoint/scripted-endpoint.ts";
import { FunctionHeaders } from "./function-header.ts";
import { type IdRegisters, idRegisters } from "./identity.ts";
import type { MemoryReadCompletion, MemoryWriteOutcome, PasidPrefix, PciFunction, Stalled, Upstream } from "./link.ts";
import { MemoryRequests } from "./memory-request.ts";
import type { HardwarePorts } from "./ports.ts";
import { type CacheName, Smmu, type SmmuBehaviour } from "./smmu.ts";

export type { HardwarePorts } from "./ports.ts";

const inside = (address: number, { base, size }: { base: number; size: number }) => address >= base && address < base + size;
/** 32 little-endian bits; bytes that are not there are 0. */
const wordAt = (bytes: Uint8Array, at: number): number => (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
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
  readonly #headers = new FunctionHeaders(this.functions);
  readonly #ports: HardwarePorts;
  readonly #requests: MemoryRequests;
  /** By Requester ID, in the order of the machine file. A function that is not busy did nothing in its last step, and nothing has reached it since. */
  readonly #places = new Map<number, { fn: PciFunction; busy: boolean }>();
  /** Devices whose link is down, by bus and device number. */
  readonly #down = new Set<number>();
  readonly #order: { fn: PciFunction; busy: boolean }[];

  constructor(machine: Machine, ports: HardwarePorts, options: HardwareOptions = {}) {
    this.#ports = ports;
    this.smmu = new Smmu({ ...idRegisters(machine.smmu), ...options.idr }, machine.smmu.caches, ports, (sid) => this.#reached(sid), {
      ...options,
      traceWalks: machine.smmu.traceWalks,
    });
    this.#requests = new MemoryRequests(this.smmu, ports);
    const { tracer, held, faults, engine, now } = ports;
    for (const endpoint of machine.endpoints) {
      const { bdf } = endpoint;
      const timer = (ns: number, expired: () => void) =>
        ports.timer(ns, () => {
          this.#reached(bdf);
          expired();
        });
      this.functions.set(bdf, createFunction(endpoint, this.#upstream(bdf), { tracer, timer, held, faults, engine, now }));
    }
    for (const [sid, fn] of this.functions) this.#places.set(sid, { fn, busy: true });
    this.#order = [...this.#places.values()];
  }

  /** A function to which something is sent: it may have something to do now. */
  #reached(sid: number): PciFunction | undefined {
    const place = this.#places.get(sid);
    if (place) place.busy = true;
    return place?.fn;
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
    for (const place of this.#order) if (place.busy) progressed = (place.busy = place.fn.step()) || progressed;
    if (progressed) return true;
    // Everybody is asked before all is idle: what lets a function go on may not have come through here (a point that was released, a stalled request that ended).
    for (const place of this.#order) progressed = (place.busy = place.fn.step()) || progressed;
    return progressed;
  }

  /**
   * The link of a device goes down, as when it is pulled out (surprise removal, PCIe 6.7.3), or comes up again with its functions as after power-on: `bdf` is one of them. Down:
   * configuration reads give ones, BARs do not decode, CMD_ATC_INV to them ends as UR, open groups are closed, PRG Responses to them are lost. Invalidations that they had
   * taken in time out. The slot tells its kernel (Data Link Layer State Changed, 6.7.3.3; of the port above it nothing else is modelled). False: there is no such function.
   */
  link(bdf: number, state: "up" | "down"): boolean {
    if (!this.functions.has(bdf)) return false;
    const device = bdf >> 3;
    if (this.#down.has(device) === (state === "down")) return true; // nothing changes
    if (state === "down") this.#down.add(device);
    else this.#down.delete(device);
    this.#ports.tracer.emit("endpoint.link", { sid: hex(bdf) }, { up: state === "up" });
    for (const place of this.#order) {
      const { fn } = place;
      if (fn.sid >> 3 !== device || !(fn instanceof Accelerator || fn instanceof ScriptedEndpoint)) continue;
      fn.link(state);
      place.busy = true;
      this.#headers.reset(fn.sid);
    }
    this.smmu.interrupts.signal("SLOT", bdf, 0);
    return true;
  }

  /** The machine is powered on again; memory is the caller's. */
  reset(): void {
    this.smmu.reset();
    for (const place of this.#order) {
      place.fn.reset();
      place.busy = true;
    }
    this.#headers.reset();
    this.#down.clear();
  }

  /** A configuration read of a function, as the bus makes it. */
  readonly configRead = (fn: PciFunction, offset: number, size: number): number => this.#headers.read(fn, offset, size);

  #read(address: number, size: number): Uint8Array {
    if (inside(address, addressMap.smmuRegisters)) {
      const [low, high] = this.smmu.regs.read(address - addressMap.smmuRegisters.base, size);
      return uint64Bytes(high === 0 ? low : (BigInt(high) << 32n) | BigInt(low)).subarray(0, size);
    }
    if (inside(address, addressMap.ecam)) {
      const offset = address - addressMap.ecam.base;
      const fn = this.functions.get(Math.floor(offset / PAGE));
      // No function there: the root complex completes a configuration read with all ones.
      return uint64Bytes(fn ? this.#headers.read(fn, offset % PAGE, size) : ALL_ONES % 2 ** (8 * size)).subarray(0, size);
    }
    const target = this.#bar(address);
    if (target) return target.fn.barRead(target.bar, target.offset, size);
    this.#refused({ write: false, address, bytes: size });
    return new Uint8Array(size).fill(0xff);
  }

  #write(address: number, value: Uint8Array): void {
    const low = wordAt(value, 0);
    if (inside(address, addressMap.smmuRegisters)) {
      this.smmu.regs.write(address - addressMap.smmuRegisters.base, value.length, low, value.length === 8 ? wordAt(value, 4) : 0);
      return;
    }
    if (inside(address, addressMap.ecam)) {
      const offset = address - addressMap.ecam.base;
      const fn = this.#reached(Math.floor(offset / PAGE));
      if (fn) this.#headers.write(fn, offset % PAGE, value.length, low);
      return;
    }
    const target = this.#bar(address);
    if (target) this.#reached(target.fn.sid)?.barWrite(target.bar, target.offset, value);
    else this.#refused({ write: true, address, bytes: value.length });
  }

  /** The link below which the address lies takes the request, and the function there refuses it. */
  #refused(access: { write: boolean; address: number; bytes: number }): void {
    if (inside(access.address, addressMap.barWindow)) for (const fn of this.functions.values()) if (fn.memoryRequestRefused(access)) return;
  }

  #bar(address: number): { fn: PciFunction; bar: number; offset: number } | null {
    if (!inside(address, addressMap.barWindow)) return null;
    for (const fn of this.functions.values()) {
      for (const bar of fn.bars()) if (inside(address, bar)) return { fn, bar: bar.bar, offset: address - bar.base };
    }
    return null;
  }

  /** A stalled request: how it ends is not told to the header. */
  #completed<C extends { status: "SC" | "UR" | "CA" | "stalled" }>(sid: number, completion: C): C {
    if (completion.status !== "SC") this.#headers.completed(sid, completion.status);
    return completion;
  }

  #upstream(sid: number): Upstream {
    return {
      memoryRead: (tlp) => this.#completed(sid, this.#requests.read(sid, tlp)),
      memoryWrite: (tlp) => this.#requests.write(sid, tlp),
      translationRequest: (tlp) => this.#completed(sid, this.smmu.ats.request(sid, tlp)),
      pageRequest: (tlp) => this.smmu.priQueue.receive({ ...tlp, sid }),
      invalidateCompletion: ({ itagVector, count }) => this.smmu.invalidation.complete(sid, itagVector, count),
    };
  }

  /** 64 bytes read or written by the function at a Translated address that no completion gave it: what a hostile device does. The SMMU answers it as any other (ATSCHK). */
  rogue(sid: number, address: bigint, write: boolean): void {
    const tlp = { pasid: null, priv: false, exec: false, at: "translated" as const, address };
    if (write) this.#requests.write(sid, { ...tlp, data: new Uint8Array(64).fill(0xa5) });
    else this.#requests.read(sid, { ...tlp, length: 64 });
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
