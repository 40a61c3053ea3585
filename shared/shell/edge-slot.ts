import type { EdgePort, SendResult } from "../edge/envelope.ts";

/** The place of an edge in a core that outlives its peers: hardware without a host, until another one dials. */
export class EdgeSlot<Out, In> implements EdgePort<Out, In> {
  readonly #toMemory: (address: number, data: Uint8Array) => void;
  #edge: EdgePort<Out, In> | null = null;

  constructor(toMemory: (address: number, data: Uint8Array) => void) {
    this.#toMemory = toMemory;
  }

  get taken(): boolean {
    return this.#edge !== null && !this.#edge.broken;
  }

  join(edge: EdgePort<Out, In>): void {
    this.#edge = edge;
  }

  get broken(): boolean {
    return !this.taken;
  }

  send(body: Out): SendResult {
    return this.#edge?.send(body) ?? "broken";
  }

  request(body: Out): Promise<In | "broken"> {
    return this.#edge?.request(body) ?? Promise.resolve("broken");
  }

  reply(seq: number, body: Out): void {
    this.#edge?.reply(seq, body);
  }

  /** Nobody to send them to: the bytes are in memory at once. */
  post(address: number, data: Uint8Array): void {
    if (this.#edge) this.#edge.post(address, data);
    else this.#toMemory(address, data);
  }

  writable(): Promise<void> {
    return this.#edge?.writable() ?? Promise.resolve();
  }
}
