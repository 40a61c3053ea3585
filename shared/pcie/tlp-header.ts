import { MESSAGE_CODE } from "./page-request-message.ts";
import { PASID_PREFIX_TYPE } from "./pasid.ts";

/** Four doublewords as they stand in a Header Log: the first byte on the link is bits 31:24 (PCIe 7.8.4.8). A header of three has 0 as its fourth. */
export type TlpHeader = readonly [number, number, number, number];

const WITH_DATA = 0x4000_0000,
  FOUR_DOUBLEWORDS = 0x2000_0000;
/** Type of a message with data, routed by ID (2.2.8). */
const MESSAGE_BY_ID = 0x1200_0000;
const ROOT_COMPLEX = 0;
/** 2.2.9.1 */
const COMPLETION_STATUS = { SC: 0b000, UR: 0b001, CA: 0b100 } as const;

/** A CPU's access to memory space, of 1 to 8 bytes in one or two doublewords (2.2.7). */
export function memoryRequestHeader({ write, address, bytes }: { write: boolean; address: number; bytes: number }): TlpHeader {
  const wide = address >= 2 ** 32;
  const doublewords = Math.ceil(((address % 4) + bytes) / 4);
  const enabled = (2 ** bytes - 1) * 2 ** (address % 4);
  const low = (address - (address % 4)) % 2 ** 32;
  const first = (write ? WITH_DATA : 0) + (wide ? FOUR_DOUBLEWORDS : 0) + doublewords;
  return [first, ROOT_COMPLEX * 0x10000 + Math.floor(enabled / 16) * 16 + (enabled % 16), wide ? Math.floor(address / 2 ** 32) : low, wide ? low : 0];
}

/** An Invalidate Request to the function `destination` (10.3.1): its ITag stands where another request has its tag. */
export const invalidateRequestHeader = (destination: number, itag: number): TlpHeader => [
  WITH_DATA + FOUR_DOUBLEWORDS + MESSAGE_BY_ID + 2,
  ROOT_COMPLEX * 0x10000 + itag * 256 + MESSAGE_CODE.InvalidateRequest,
  destination * 0x10000,
  0,
];

/** A completion to `requester` from the root complex, of the tag 0 (2.2.9): with data when it was successful. */
export function completionHeader(requester: number, completion: { status: "SC"; data: Uint8Array } | { status: "UR" | "CA" }): TlpHeader {
  const bytes = completion.status === "SC" ? completion.data.length : 4;
  const first = 0x0a00_0000 + (completion.status === "SC" ? WITH_DATA + (Math.ceil(bytes / 4) % 1024) : 0);
  return [first, ROOT_COMPLEX * 0x10000 + COMPLETION_STATUS[completion.status] * 0x2000 + (bytes % 4096), requester * 0x10000, 0];
}

/** The PASID prefix of a message (6.20.2.1). */
export const pasidPrefix = (pasid: number): number => PASID_PREFIX_TYPE * 2 ** 24 + pasid;
