import { uint64Bytes, uint64Of } from "@faultline/shared/codec/uint64.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import type { Ram } from "@faultline/shared/physical-memory/ram.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Hardware } from "@faultline/smmu/core/hardware.ts";
import type { IdRegisters } from "@faultline/smmu/core/identity.ts";
import type { MachineFactory, VectorMachine } from "../conformance/smmu-vectors.ts";
import { HostEnd } from "./smmu-rig.ts";

/** Machines without functions for the replay of vectors: registers over the edge, scripted DMA, `cacheEntries` in the TLB and in the configuration cache. */
export const vectorMachines =
  (cacheEntries: number): MachineFactory =>
  (profile, ram) =>
    new VectorHardware(profile, ram, cacheEntries);

class VectorHardware implements VectorMachine {
  readonly #memory: Ram;
  readonly #host: HostEnd;
  readonly #hardware: Hardware;
  #seq = 0;

  constructor(idr: IdRegisters, ram: { base: number; size: number }, cacheEntries: number) {
    this.#memory = heapMemory(ram.base, ram.size);
    this.#host = new HostEnd(this.#memory);
    const none = () => {
      throw new Error("no engine");
    };
    const machine = { ...defaultMachine, endpoints: [], smmu: { ...defaultMachine.smmu, caches: { tlb: cacheEntries, config: cacheEntries, walk: 0 } } };
    this.#hardware = new Hardware(
      machine,
      {
        memory: this.#memory,
        host: this.#host,
        tracer: silentTracer,
        timer: () => ({ cancel() {} }),
        held: () => false,
        now: () => 0,
        engine: { sha256: none, gzip: none },
      },
      // The recorded model does not tell global entries apart (spec/smmuv3.md, section 10, row 11), and its pages have nG = 0.
      { idr, globalMatchesAnyAsid: false },
    );
  }

  write(offset: number, size: 4 | 8, value: bigint): void {
    this.#hardware.deliver(++this.#seq, { kind: "mmioWrite", address: addressMap.smmuRegisters.base + offset, value: uint64Bytes(value).subarray(0, size) });
    while (this.#hardware.step());
  }
  read(offset: number, size: 4 | 8): bigint {
    this.#hardware.deliver(++this.#seq, { kind: "mmioRead", address: addressMap.smmuRegisters.base + offset, size });
    const reply = this.#host.replies.pop();
    if (reply?.body.kind !== "mmioReadResult") throw new Error(`a read was answered by ${reply?.body.kind}`);
    return uint64Of(reply.body.value);
  }
  dma(request: { sid: number; write: boolean; iova: bigint; length: number; data?: Uint8Array }): Uint8Array | null {
    const result = this.#hardware.dma(request);
    return result.ok ? (result.data ?? new Uint8Array()) : null;
  }
  readMemory(address: number, length: number): Uint8Array | null {
    return this.#memory.read(address, length);
  }
  writeMemory(address: number, bytes: Uint8Array): boolean {
    return this.#memory.write(address, bytes);
  }
}
