import type { EdgeDo } from "../../lab/fault-rule.ts";
import type { PostedWrite } from "../envelope.ts";
import type { EdgeRecord } from "../records.ts";
import { bitsOf } from "./layouts.ts";

type Corrupt = Extract<EdgeDo, { action: "corrupt" }>;

export interface Payload<Body> {
  body: Body;
  writes: readonly PostedWrite[];
}

/** The message with one field of `record` changed (of the message itself when it is null); null when the field is not there or nothing would change. */
export function corrupted<Body extends { kind: string }>(payload: Payload<Body>, record: EdgeRecord | null, change: Corrupt): Payload<Body> | null {
  if (!record) return corruptedMessage(payload, change);
  const bits = record.layout && bitsOf(record.layout, change.field);
  if (!bits || !record.bytes) return null;
  if ("field" in record.bytes) {
    const { field } = record.bytes;
    const bytes = changedBytes((payload.body as Record<string, unknown>)[field] as Uint8Array, bits[0], bits[1], change);
    return bytes && { ...payload, body: { ...payload.body, [field]: bytes } };
  }
  const { write, offset } = record.bytes;
  const bytes = changedBytes(payload.writes[write].data, offset * 8 + bits[0], offset * 8 + bits[1], change);
  return bytes && { ...payload, writes: payload.writes.map((posted, index) => (index === write ? { ...posted, data: bytes } : posted)) };
}

function corruptedMessage<Body extends { kind: string }>({ body, writes }: Payload<Body>, change: Corrupt): Payload<Body> | null {
  const before = (body as Record<string, unknown>)[change.field];
  const after = before instanceof Uint8Array ? changedBytes(before, before.length * 8 - 1, 0, change) : changedValue(before, change);
  return after === null || after === before ? null : { body: { ...body, [change.field]: after }, writes };
}

function changedValue(before: unknown, change: Corrupt): number | string | boolean | null {
  if (typeof before === "boolean") return "bit" in change ? !before : change.value === true;
  if (typeof before === "string") return "bit" in change ? null : String(change.value);
  if (typeof before !== "number") return null;
  if (!("bit" in change)) return Number(change.value);
  const sign = before < 0 ? -1 : 1; // a result of a system call
  return sign * Number(BigInt(Math.abs(before)) ^ (1n << BigInt(change.bit)));
}

/** A copy with the bits [hi, lo] of the little-endian structure replaced, or one bit of them inverted. */
function changedBytes(bytes: Uint8Array, hi: number, lo: number, change: Corrupt): Uint8Array | null {
  if (hi >= bytes.length * 8 || hi < lo) return null;
  const copy = new Uint8Array(bytes);
  const flip = (bit: number) => void (copy[bit >> 3] ^= 1 << (bit & 7));
  if ("bit" in change) {
    if (lo + change.bit > hi) return null;
    flip(lo + change.bit);
    return copy;
  }
  const value = BigInt(change.value);
  if (value >> BigInt(hi - lo + 1) !== 0n) return null; // another record of the kind has it wider
  let differs = false;
  for (let bit = lo; bit <= hi; bit++) {
    const wanted = Number((value >> BigInt(bit - lo)) & 1n);
    if (((copy[bit >> 3] >> (bit & 7)) & 1) === wanted) continue;
    flip(bit);
    differs = true;
  }
  return differs ? copy : null;
}
