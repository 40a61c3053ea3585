import { decodeEvent } from "@faultline/shared/arm-smmu-v3/decode-event.ts";
import type { Bits } from "@faultline/shared/codec/bit-struct.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Subject } from "./replay-vectors.ts";
import { registerAt } from "./vector-file.ts";

/** A mismatch for people: what the step was about, and expected and actual with their fields by name. */
export function described(subject: Subject, expected: unknown, actual: unknown): { about: string; expected: string; actual: string } {
  const both = (decode: (value: unknown) => string) => ({ expected: decode(expected), actual: decode(actual) });
  switch (subject.kind) {
    case "register": {
      const [name, register] = registerAt(subject.offset) ?? [hex(subject.offset), null];
      return { about: `register ${name}`, ...both((value) => (register ? registerText(value, register.fields, subject.offset - register.offset) : String(value))) };
    }
    case "dma":
      return { about: `${subject.length} bytes ${access(subject)}`, ...both(outcomeText) };
    case "access":
      return { about: access(subject), ...both((pa) => (pa === null ? "refused" : String(pa))) };
    case "memory":
      return { about: `memory at ${hex(subject.address)}`, ...both(String) };
    case "events":
      return { about: "event records", ...both(eventsText) };
    case "virtio-iommu":
      return { about: subject.about, ...both((value) => (typeof value === "string" ? value : JSON.stringify(value))) };
    case "machine":
      return { about: "the machine", ...both(String) };
  }
}

const access = ({ write, sid, iova, ...more }: { write: boolean; sid: number; iova: bigint; ssid?: number | null }): string =>
  `${write ? "write" : "read"} of iova ${hex(iova)} by sid ${hex(sid)}${more.ssid === undefined || more.ssid === null ? "" : ` ssid ${hex(more.ssid)}`}`;

function outcomeText(value: unknown): string {
  const { ok, data, stalled } = value as { ok: boolean; data?: string; stalled?: boolean };
  return ok ? `goes through${data === undefined ? "" : `, data ${data}`}` : stalled ? "is stalled" : "is aborted";
}

/** Fields that are not 0, after the value. `shift`: 4 for the high half of a 64-bit register. */
function registerText(value: unknown, fields: Record<string, Bits>, shift: number): string {
  const bits = BigInt(String(value)) << BigInt(8 * shift);
  const named = Object.entries(fields).map(([name, [hi, lo]]) => [name, BigInt.asUintN(hi - lo + 1, bits >> BigInt(lo))] as const);
  return [String(value), ...named.filter(([, field]) => field !== 0n).map(([name, field]) => `${name}=${hex(field)}`)].join(" ");
}

function eventsText(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? "none" : value.map((record) => eventText(String(record))).join("; ");
}

/** Fields that are 0, or that the mask of the step leaves out, are not told. */
function eventText(dump: string): string {
  const { name, fields } = decodeEvent(new Uint8Array(Buffer.from(dump, "hex")));
  const shown = Object.entries(fields).filter(([, value]) => value !== 0 && value !== "0x0");
  return [name, ...shown.map(([field, value]) => `${field}=${typeof value === "number" ? hex(value) : value}`)].join(" ");
}
