import type { Envelope } from "./envelope.ts";
import type { Transport } from "./transport.ts";

/** A pair of connected ends in one process. `schedule` decides when a message arrives: the simulation's scheduler, or a test. Order is kept per direction by the caller. */
export function inMemoryPair<A, B>(schedule: (deliver: () => void) => void): [Transport<A, B>, Transport<B, A>] {
  let closed = false;
  const first: Transport<A, B> = { send: (envelope) => forward(() => second, envelope), close: (reason) => shut(() => second, reason), onMessage: () => {}, onClose: () => {} };
  const second: Transport<B, A> = { send: (envelope) => forward(() => first, envelope), close: (reason) => shut(() => first, reason), onMessage: () => {}, onClose: () => {} };

  function forward<T>(peer: () => { onMessage(envelope: Envelope<T>): void }, envelope: Envelope<T>): void {
    if (closed) return;
    Object.freeze(envelope);
    schedule(() => {
      if (!closed) peer().onMessage(envelope);
    });
  }
  function shut(peer: () => { onClose(reason: string): void }, reason: string): void {
    if (closed) return;
    closed = true;
    schedule(() => peer().onClose(reason));
  }
  return [first, second];
}
