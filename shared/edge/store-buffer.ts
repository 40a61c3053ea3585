import type { PostedWrite } from "./envelope.ts";

const NONE: readonly PostedWrite[] = [];

/** Bytes that this end posted and that no message has carried yet, in order (design.md, section 2). */
export class StoreBuffer {
  #writes: PostedWrite[] = [];

  /** Copies the bytes: a store is done when it is made, whatever the sender does with its buffer afterwards. */
  post(address: number, data: Uint8Array): void {
    this.#writes.push({ address, data: new Uint8Array(data) });
  }

  /** Everything posted so far; it stays. */
  peek(): readonly PostedWrite[] {
    return this.#writes;
  }

  /** Bytes whose message was lost are first again. */
  putBack(writes: readonly PostedWrite[]): void {
    this.#writes.unshift(...writes);
  }

  /** Everything posted so far, for the message that leaves now. */
  take(): readonly PostedWrite[] {
    if (this.#writes.length === 0) return NONE;
    const writes = this.#writes;
    this.#writes = [];
    return writes;
  }
}
