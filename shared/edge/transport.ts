import type { Envelope } from "./envelope.ts";

/** One end of a connection that carries envelopes in order: a gRPC stream or a pair of queues in memory. */
export interface Transport<Out, In> {
  send(envelope: Envelope<Out>): void;
  /** Ends the connection; the other side sees it break. */
  close(reason: string): void;
  onMessage: (envelope: Envelope<In>) => void;
  onClose: (reason: string) => void;
}
