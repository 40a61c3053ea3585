import type { Envelope } from "../edge/envelope.ts";
import { Inlet, KEEPALIVE_NS } from "../edge/inlet.ts";
import type { Transport } from "../edge/transport.ts";

/** A transport whose messages, and whose end, arrive through an inlet. */
class CutTransport<Out, In> implements Transport<Out, In> {
  readonly inlet = new Inlet();
  readonly #wire: Transport<Out, In>;
  #listener: (envelope: Envelope<In>) => void = () => {};
  #onClose: (reason: string) => void = () => {};
  #over = false;

  constructor(wire: Transport<Out, In>) {
    this.#wire = wire;
  }

  get over(): boolean {
    return this.#over;
  }

  get onMessage(): (envelope: Envelope<In>) => void {
    return this.#listener;
  }
  set onMessage(listener: (envelope: Envelope<In>) => void) {
    this.#listener = listener;
    this.#wire.onMessage = (envelope) => {
      if (!this.inlet.isCut) return listener(envelope);
      this.inlet.arrive(() => this.#over || listener(envelope));
    };
  }

  get onClose(): (reason: string) => void {
    return this.#onClose;
  }
  set onClose(listener: (reason: string) => void) {
    this.#onClose = listener;
    this.#wire.onClose = (reason) => this.inlet.arrive(() => this.#end(reason));
  }

  send(envelope: Envelope<Out>): void {
    this.#wire.send(envelope);
  }

  close(reason: string): void {
    this.#over = true;
    this.#wire.close(reason);
  }

  /** Keepalive has given up: both ends see the edge break. */
  break(): void {
    this.inlet.lose();
    this.#wire.close("keepalive");
    this.#end("keepalive");
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#onClose(reason);
  }
}

/** The edges of a process as the lab cuts them: messages of some peers do not arrive, and after keepalive's time the edge is dead (design.md, section 2). */
export class EdgeCuts {
  readonly #timer: (ns: number, expired: () => void) => void;
  readonly #edges = new Map<string, CutTransport<never, never>>();
  #from: ReadonlySet<string> = new Set();
  readonly #broken = new Set<string>();

  constructor(timer: (ns: number, expired: () => void) => void) {
    this.#timer = timer;
  }

  /** The transport as its edge uses it; `named` says whose it is, once hello did. */
  over<Out, In>(wire: Transport<Out, In>): { transport: Transport<Out, In>; named(peer: string): void } {
    const transport = new CutTransport(wire);
    const named = (peer: string) => {
      this.#edges.set(peer, transport as unknown as CutTransport<never, never>);
      if (this.#from.has(peer)) this.#cut(peer);
    };
    return { transport, named };
  }

  /** From now on nothing arrives from these peers, and everything from all others. The peers whose edge died of a cut before. */
  set(from: readonly string[]): string[] {
    this.#from = new Set(from);
    for (const [peer, { inlet }] of this.#edges) {
      if (this.#from.has(peer)) this.#cut(peer);
      else inlet.join();
    }
    const broken = [...this.#broken];
    this.#broken.clear();
    return broken;
  }

  #cut(peer: string): void {
    const edge = this.#edges.get(peer)!;
    if (edge.inlet.isCut || edge.over) return;
    const cut = edge.inlet.cut();
    this.#timer(KEEPALIVE_NS, () => {
      if (edge.inlet.cuts !== cut || edge.over) return;
      this.#broken.add(peer);
      edge.break();
    });
  }
}
