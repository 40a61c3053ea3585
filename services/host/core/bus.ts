import { numberOf, uint32Bytes, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { type HeldLocks, Mutex } from "@faultline/shared/execution/mutex.ts";

/** The host's loads and stores to device memory: what readl and writel are on a real bus. Reads of a bus that is gone give all ones. */
export class Bus {
  readonly #edge: EdgePort<HostToSmmu, SmmuToHost>;
  readonly #order: Mutex;
  /** M-room-for-writes: a write that finds no credit is lost. */
  readonly #waits: boolean;

  constructor(edge: EdgePort<HostToSmmu, SmmuToHost>, locks: HeldLocks, waits = true) {
    this.#edge = edge;
    this.#waits = waits;
    this.#order = new Mutex("posted writes", locks);
  }

  get broken(): boolean {
    return this.#edge.broken;
  }

  /** Puts bytes of a queue into the store buffer: they arrive with the next write. */
  post(pa: number, bytes: Uint8Array): void {
    this.#edge.post(pa, bytes);
  }

  /** size 1, 2, 4 or 8. */
  async readBytes(address: number, size: number): Promise<Uint8Array> {
    const reply = await this.#edge.request({ kind: "mmioRead", address, size });
    if (reply === "broken" || reply.kind !== "mmioReadResult") return new Uint8Array(size).fill(0xff);
    return reply.value;
  }

  async read32(address: number): Promise<number> {
    return numberOf(await this.readBytes(address, 4));
  }

  /** Posted. Undefined: it is on its way; else waits for a credit, in order. */
  writeBytes(address: number, value: Uint8Array): Promise<void> | undefined {
    if (!this.#order.locked && this.#edge.send({ kind: "mmioWrite", address, value }) !== "full") return undefined;
    return this.#waits ? this.#writeInOrder(address, value) : undefined;
  }

  async #writeInOrder(address: number, value: Uint8Array): Promise<void> {
    await this.#order.with(async () => {
      while (this.#edge.send({ kind: "mmioWrite", address, value }) === "full") await this.#edge.writable();
    });
  }

  write32(address: number, value: number): Promise<void> | undefined {
    return this.writeBytes(address, uint32Bytes(value));
  }

  write64(address: number, value: bigint | number): Promise<void> | undefined {
    return this.writeBytes(address, uint64Bytes(value));
  }

  /** Non-posted: resolves when the function took it. */
  async configWrite(address: number, value: Uint8Array): Promise<void> {
    await this.#edge.request({ kind: "configWrite", address, value });
  }
}
