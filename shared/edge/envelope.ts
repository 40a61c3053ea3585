import type { Decoded } from "./decoded.ts";

/** Bytes that become visible at the receiver before its core sees the message: a PA on smmu/v1; a place in a region (vfio.ts) on vfio/v1. */
export interface PostedWrite {
  address: number;
  data: Uint8Array;
}

/** First message both ways. */
export interface Hello {
  protocol: string;
  name: string;
  machineDigest: string;
  abi: string;
  memory: { backing: string; path: string; bytes: number };
}

/** Bodies of the envelope itself, common to all edges. */
export type ControlBody = ({ kind: "hello" } & Hello) | { kind: "rejected"; field: string; reason: string } | { kind: "ack"; n: number };

/** One message of an edge. In one process both ends hold it: neither changes it, nor its body or bytes. `seq` from 1; `replyTo` 0 = no reply. `trace` is for the trace only. */
export interface Envelope<Body> {
  readonly seq: number;
  readonly replyTo: number;
  readonly lamport: number;
  readonly trace: Uint8Array;
  readonly writes: readonly PostedWrite[];
  readonly body: Body | ControlBody;
  /** What the sender decoded of body and writes for its trace; a receiver in the same process need not do it again. Never on the wire. */
  readonly decoded?: Decoded;
}

export type SendResult = "sent" | "full" | "broken";

/** What a core holds of an edge: its own end. `Out` goes to the peer. */
export interface EdgePort<Out, In> {
  /** Sends a message that gets no reply, with the bytes it publishes. `full`: no credit; nothing was sent and the bytes stay posted. */
  send(body: Out): SendResult;
  /** Sends a message and awaits its reply. `broken`: the edge broke before the reply came; waits for a credit when there is none. */
  request(body: Out): Promise<In | "broken">;
  /** Answers message `seq` of the peer. */
  reply(seq: number, body: Out): void;
  /** Puts bytes into the store buffer: they leave, in order, with the next message this way. */
  post(address: number, data: Uint8Array): void;
  /** Resolves when `send` may succeed again after `full`. */
  writable(): Promise<void>;
  readonly broken: boolean;
}
