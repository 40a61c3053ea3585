import type { Transport } from "./transport.ts";

/**
 * A pair of connected ends in one process. `toSecond` and `toFirst` decide when a message arrives, in order per direction: the simulation's scheduler, or a
 * test. What was sent before a close still arrives, as on a socket.
 */
export function inMemoryPair<A, B>(toSecond: (deliver: () => void) => void, toFirst = toSecond): [Transport<A, B>, Transport<B, A>] {
  let closed = false;
  const first: Transport<A, B> = {
    send: (envelope) => {
      if (!closed) toSecond(() => second.onMessage(envelope));
    },
    close: (reason) => shut(toSecond, () => second, reason),
    onMessage: () => {},
    onClose: () => {},
  };
  const second: Transport<B, A> = {
    send: (envelope) => {
      if (!closed) toFirst(() => first.onMessage(envelope));
    },
    close: (reason) => shut(toFirst, () => first, reason),
    onMessage: () => {},
    onClose: () => {},
  };

  function shut(schedule: (deliver: () => void) => void, peer: () => { onClose(reason: string): void }, reason: string): void {
    if (closed) return;
    closed = true;
    schedule(() => peer().onClose(reason));
  }
  return [first, second];
}
