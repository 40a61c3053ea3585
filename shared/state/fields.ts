import type { Layout } from "../codec/bit-struct.ts";
import { hex } from "../codec/uint64.ts";
import { hexString, integer, map, type Schema } from "./schema.ts";

/** A structure's fields by name: numbers up to 32 bits; wider ones, StreamIDs and memory attributes as hex. */
export const fieldValues: Schema = map({ anyOf: [integer(), hexString()] });

/** Every field of a structure in memory, as `fieldValues`. */
export const fieldsOf = (struct: { layout: Layout; decode(bytes: Uint8Array): Record<string, bigint> }, bytes: Uint8Array): Record<string, number | string> =>
  Object.fromEntries(Object.entries(struct.decode(bytes)).map(([name, value]) => [name, shown(name, value, struct.layout[name])]));

/** Fields that hold address bits from their own lowest bit up are shown as the address. */
const ADDRESS = /Ptr$|TTB[01]?$|^Addr$|^IPA$|^FetchAddr$/;

/** Fields that people read in hex whatever their width. */
const HEX = /^A?MAIR[01]$|^StreamID$/;

function shown(name: string, value: bigint, [hi, lo]: readonly [number, number]): number | string {
  if (ADDRESS.test(name)) return hex(value << BigInt(lo % 64));
  return hi - lo < 32 && !HEX.test(name) ? Number(value) : hex(value);
}

/** Little-endian doublewords as hex, the way descriptors are written. */
export const doublewords = (bytes: Uint8Array): string[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from(
    { length: bytes.length / 8 },
    (_, i) =>
      `0x${view
        .getBigUint64(i * 8, true)
        .toString(16)
        .padStart(16, "0")}`,
  );
};
