import { hex } from "@faultline/shared/codec/uint64.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Ended } from "./event-queue/stall.ts";
import type { AddressType, MemoryReadCompletion, MemoryWriteOutcome, PasidPrefix, Stalled } from "./link.ts";
import type { HardwarePorts } from "./ports.ts";
import type { Smmu } from "./smmu.ts";

const PAGE = 4096;
const doubleword = new BigUint64Array(1);
const halves = new Uint32Array(doubleword.buffer);
type Request = PasidPrefix & { at: AddressType; address: bigint };
type Failure = { status: "UR" | "CA" };

/**
 * Memory requests of functions at the root complex: split at 4 KiB of the input address, translated by the SMMU, carried out in memory or at GITS_TRANSLATER. The first
 * refused piece ends a request; a stalled one holds back those behind it, and the request completes when the SMMU lets it go.
 */
export class MemoryRequests {
  readonly #bus: Bus;

  constructor(smmu: Smmu, ports: HardwarePorts) {
    this.#bus = { smmu, ports };
  }

  /** CA: terminated by the SMMU; UR: no memory there. RAZ reads as zeros. */
  read(sid: number, tlp: Request & { length: number; into?: Uint8Array }): MemoryReadCompletion | Stalled<MemoryReadCompletion> {
    return new Read(this.#bus, sid, tlp).start();
  }
  write(sid: number, tlp: Request & { data: Uint8Array }): MemoryWriteOutcome | Stalled<MemoryWriteOutcome> {
    return new Write(this.#bus, sid, tlp, tlp.data).start();
  }
}

interface Bus {
  smmu: Smmu;
  ports: HardwarePorts;
}

abstract class Pieces<C extends { status: "SC" }> {
  protected readonly bus: Bus;
  protected readonly sid: number;
  protected readonly tlp: Request;
  protected readonly length: number;
  readonly #write: boolean;
  /** Bytes before the piece in progress. */
  protected done = 0;
  #stalled: Stalled<C | Failure> | null = null;
  readonly #resume = (result: Ended): void => {
    const completion = this.#advance(result);
    if (completion && this.#stalled) this.#stalled.ended = completion;
  };

  constructor(bus: Bus, sid: number, tlp: Request, length: number, write: boolean) {
    this.bus = bus;
    this.sid = sid;
    this.tlp = tlp;
    this.length = length;
    this.#write = write;
  }

  start(): C | Failure | Stalled<C | Failure> {
    return this.#advance() ?? (this.#stalled = { status: "stalled", ended: null });
  }

  /** Null: a piece is stalled. `first`: how the piece in progress went, when that is known. */
  #advance(first?: Ended): C | Failure | null {
    const { sid, tlp, length } = this;
    const write = this.#write;
    let known = first;
    while (this.done < length) {
      const address = this.done === 0 ? tlp.address : tlp.address + BigInt(this.done);
      doubleword[0] = address;
      const size = Math.min(PAGE - (halves[0] & (PAGE - 1)), length - this.done);
      const transaction = { sid, ssid: tlp.pasid, translated: tlp.at === "translated", address, write, priv: tlp.priv, exec: tlp.exec && !write };
      const result = known ?? this.bus.smmu.transact(transaction, this.#resume);
      known = undefined;
      if (result === "stalled") return null;
      if (result === "abort") return this.#refused("CA", address, size);
      if (result === "raz-wi") this.ignore(size);
      else if (!this.access(result.pa, size, address)) return this.#refused("UR", address, size);
      this.done += size;
    }
    return this.complete();
  }

  #refused(status: "UR" | "CA", address: bigint, length: number): Failure {
    const { sid, tlp, bus } = this;
    const ids = { sid: hex(sid), pasid: tlp.pasid ?? undefined, iova: hex(address) };
    if (bus.ports.tracer.wants("dma.refused")) bus.ports.tracer.emit("dma.refused", ids, { status, write: this.#write, length, translated: tlp.at === "translated" });
    return { status };
  }

  /** Carries out one piece. False: no memory there. */
  protected abstract access(pa: number, size: number, address: bigint): boolean;
  /** RAZ/WI. */
  protected abstract ignore(size: number): void;
  protected abstract complete(): C;

  /** The owner epochs of the frame go into the event: that is how a use after free is seen. */
  protected trace(address: bigint, pa: number, length: number): void {
    const { memory, tracer } = this.bus.ports;
    if (!tracer.wants("dma.access")) return;
    const { host, guest } = memory.owner(pa);
    tracer.emit(
      "dma.access",
      { sid: hex(this.sid), pasid: this.tlp.pasid ?? undefined, iova: hex(address), pa: hex(pa) },
      { write: this.#write, length, hostEpoch: host, guestEpoch: guest },
    );
  }
}

class Read extends Pieces<{ status: "SC"; data: Uint8Array }> {
  readonly #into: Uint8Array | undefined;
  /** There once a piece has gone through. */
  #data: Uint8Array | null = null;

  constructor(bus: Bus, sid: number, tlp: Request & { length: number; into?: Uint8Array }) {
    super(bus, sid, tlp, tlp.length, false);
    this.#into = tlp.into;
  }

  protected access(pa: number, size: number, address: bigint): boolean {
    const { memory } = this.bus.ports;
    if (!memory.contains(pa, size)) return false;
    const piece = this.#piece(size);
    if (memory.readInto) memory.readInto(pa, piece);
    else {
      const data = memory.read(pa, size);
      if (!data) return false;
      piece.set(data);
    }
    this.trace(address, pa, size);
    return true;
  }
  /** Bytes of a read that nobody wrote are zero. */
  protected ignore(size: number): void {
    this.#piece(size).fill(0);
  }
  protected complete(): { status: "SC"; data: Uint8Array } {
    return { status: "SC", data: this.#all() };
  }

  #all(): Uint8Array {
    const into = this.#into;
    return (this.#data ??= into ? (into.length === this.length ? into : into.subarray(0, this.length)) : new Uint8Array(this.length));
  }
  #piece(size: number): Uint8Array {
    const data = this.#all();
    return size === data.length ? data : data.subarray(this.done, this.done + size);
  }
}

class Write extends Pieces<{ status: "SC" }> {
  readonly #data: Uint8Array;

  constructor(bus: Bus, sid: number, tlp: Request, data: Uint8Array) {
    super(bus, sid, tlp, data.length, true);
    this.#data = data;
  }
  protected access(pa: number, size: number, address: bigint): boolean {
    const data = this.#data.subarray(this.done, this.done + size);
    if (pa === addressMap.gitsTranslater) {
      // An MSI is one 32-bit write; the frame ignores other sizes.
      if (size === 4) this.bus.smmu.interrupts.signal("MSI", this.sid, new DataView(data.buffer, data.byteOffset).getUint32(0, true));
      return true;
    }
    if (!this.bus.ports.memory.write(pa, data)) return false;
    this.trace(address, pa, size);
    return true;
  }
  protected ignore(): void {}
  protected complete(): { status: "SC" } {
    return { status: "SC" };
  }
}
