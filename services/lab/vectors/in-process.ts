import { uint64Bytes, uint64Of } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { SparseMemory } from "@faultline/shared/physical-memory/sparse.ts";
import { dmaOn, type ReplayMachine } from "@faultline/shared/shell/endpoint-server.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Hardware } from "@faultline/smmu/core/hardware.ts";
import { type Access, Crashed, type Dma, type Machines, type Replayed, Stuck } from "./replay-machine.ts";

/** Steps after which the hardware is not idle for a reason: a command queue has at most 2^19 entries (6.3.2), a step consumes one. */
const MAX_STEPS = 2 ** 20;

const noEngine = () => {
  throw new Error("a replay has no functions, so nobody computes");
};

/** The hardware itself, without process and edge. */
export class InProcess implements Replayed {
  readonly #memory: SparseMemory;
  readonly #host: MemoryHost;
  readonly #hardware: Hardware;
  #seq = 0;

  constructor(machine: ReplayMachine & Required<Pick<ReplayMachine, "replay">>) {
    this.#memory = new SparseMemory(machine.replay.ram);
    this.#host = new MemoryHost(this.#memory);
    const ports = {
      memory: this.#memory,
      host: this.#host,
      tracer: silentTracer,
      timer: () => ({ cancel() {} }),
      held: () => false,
      now: () => 0,
      engine: { sha256: noEngine, gzip: noEngine },
    };
    this.#hardware = new Hardware(machine, ports, machine.replay);
  }

  async reset(): Promise<void> {
    this.#hardware.reset();
    this.#memory.clear();
  }

  async write(offset: number, size: 4 | 8, value: bigint): Promise<void> {
    const body = { kind: "mmioWrite", address: addressMap.smmuRegisters.base + offset, value: uint64Bytes(value).subarray(0, size) } as const;
    const idle = survived(() => {
      this.#hardware.deliver(++this.#seq, body);
      for (let steps = 0; steps < MAX_STEPS; steps++) if (!this.#hardware.step()) return true;
      return false;
    });
    if (!idle) throw new Stuck(`the SMMU is not idle after ${MAX_STEPS} steps`);
  }

  async read(offset: number, size: 4 | 8): Promise<bigint> {
    this.#hardware.deliver(++this.#seq, { kind: "mmioRead", address: addressMap.smmuRegisters.base + offset, size });
    const reply = this.#host.replies.pop();
    if (reply?.kind !== "mmioReadResult") throw new Stuck("a register read was not answered");
    return uint64Of(reply.value);
  }

  async dma(request: Dma): Promise<Uint8Array | null | "stalled"> {
    const { ok, data, stalled } = survived(() => dmaOn(this.#hardware, { ...request, ssid: null, priv: false, exec: false }));
    return ok ? (data ?? new Uint8Array()) : stalled ? "stalled" : null;
  }

  async translate(accesses: readonly Access[]): Promise<(number | null)[]> {
    return survived(() => accesses.map((access) => dmaOn(this.#hardware, { ...access, priv: false, exec: false, length: 0 }).pa ?? null));
  }

  async writeMemory(address: number, bytes: Uint8Array): Promise<boolean> {
    return this.#memory.write(address, bytes);
  }
  async readMemory(address: number, length: number): Promise<Uint8Array | null> {
    return this.#memory.read(address, length);
  }
}

/** What a process would end over is the end of this machine too, and of nothing else. */
function survived<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Crashed(`the SMMU ended: ${(error as Error).message}`);
  }
}

/** The other end of the hardware's bus: what is posted is in memory at once, interrupts are not looked at. */
class MemoryHost implements EdgePort<SmmuToHost, HostToSmmu> {
  readonly broken = false;
  readonly replies: SmmuToHost[] = [];
  readonly #memory: SparseMemory;

  constructor(memory: SparseMemory) {
    this.#memory = memory;
  }
  send(): "sent" {
    return "sent";
  }
  async request(): Promise<"broken"> {
    return "broken";
  }
  reply(_seq: number, body: SmmuToHost): void {
    this.replies.push(body);
  }
  post(address: number, data: Uint8Array): void {
    this.#memory.write(address, data);
  }
  async writable(): Promise<void> {}
}

/** Machines of this process; one is kept for files of the same description. */
export function machinesInProcess(): Machines {
  let last: { key: string; machine: Replayed } | null = null;
  return {
    async of(machine) {
      const key = JSON.stringify(machine);
      if (last?.key !== key) last = { key, machine: new InProcess({ ...machine, replay: machine.replay! }) };
      return last.machine;
    },
    async discard() {
      last = null;
    },
    async close() {},
  };
}
