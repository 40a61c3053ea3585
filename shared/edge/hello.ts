import type { ControlBody, Hello } from "./envelope.ts";

export interface Mismatch {
  field: string;
  reason: string;
}

/** Why the first message of a peer is not the hello that this end needs, or null. Both ends run one machine over one memory, or nothing. */
export function mismatch(own: Hello, body: ControlBody | { kind: string }): Mismatch | null {
  if (body.kind !== "hello") return { field: "body", reason: `the first message is hello, got ${body.kind}` };
  const peer = body as Hello;
  for (const field of ["protocol", "machineDigest", "abi"] as const) {
    if (peer[field] !== own[field]) return { field, reason: `this end has ${own[field]}, the peer ${peer[field]}` };
  }
  for (const field of ["backing", "bytes"] as const) {
    if (peer.memory[field] !== own.memory[field]) return { field: `memory.${field}`, reason: `this end has ${own.memory[field]}, the peer ${peer.memory[field]}` };
  }
  return null;
}
