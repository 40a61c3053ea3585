import type { Transport } from "@faultline/shared/edge/transport.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { machineDigest } from "@faultline/shared/shell/config.ts";

export type Body = { kind: string; [field: string]: unknown };

/** The upper end of an edge without a state machine: it sends what it is told. */
export class RawPeer {
  readonly #transport: Transport<Body, Body>;
  readonly #waiting = new Map<number, (body: Body) => void>();
  readonly ended: Promise<string>;
  #seq = 0;

  constructor(transport: Transport<Body, Body>) {
    this.#transport = transport;
    this.ended = new Promise((resolve) => (transport.onClose = resolve));
    transport.onMessage = ({ replyTo, body }) => this.#waiting.get(replyTo)?.(body as Body);
  }

  send(body: Body, writes: { address: number; data: Uint8Array }[] = []): number {
    this.#transport.send({ seq: ++this.#seq, replyTo: 0, lamport: this.#seq, trace: new Uint8Array(0), writes, body });
    return this.#seq;
  }

  /** What answers the message: its reply, `rejected`, or the end of the stream. */
  async ask(body: Body): Promise<Body> {
    const answer = new Promise<Body>((resolve) => this.#waiting.set(this.#seq + 1, resolve));
    this.send(body);
    return Promise.race([answer, this.ended.then((reason) => ({ kind: "ended", reason }))]);
  }

  close(): void {
    this.#transport.close("done");
  }
}

/** The hello of a peer `name` that maps all of the machine's DRAM. */
export const hello = (machine: Machine, protocol: string, name: string): Body => ({
  kind: "hello",
  protocol,
  name,
  machineDigest: machineDigest(machine),
  abi: "review",
  memory: { backing: "mapped", path: "", bytes: machine.dram.size },
});
