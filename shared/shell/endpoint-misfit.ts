import type { EndpointAction__Output } from "../gen/types/lab/v1/EndpointAction.ts";
import { INVALIDATION_POLICIES } from "./endpoint-actions.ts";

/** Bytes that one request may move or read. */
export const MAX_TRANSFER = 2 ** 26;
/** PCIe 6.20.1: a PASID has at most 20 bits. PCIe 10.4.1: a PRG Index has 9. PCIe 10.3.1: an ITag has 5. */
const PASIDS = 2 ** 20,
  PRG_INDEXES = 2 ** 9,
  ITAGS = 32;
/** PCIe 10.2.2: the length field of a translation request, two DW for each translation, has 10 bits. */
const MAX_TRANSLATIONS = 512;
export const MAX_FLOOD = 4096;
export const MAX_WAIT_MS = 60_000;

const bytes8 = (field: string, bytes: Uint8Array): string | null => (bytes.length === 8 ? null : `${field}: must be 8 little-endian bytes`);
const below = (field: string, value: number, end: number, text: string): string | null => (value < end ? null : `${field}: must be below ${text}, got ${value}`);
const atMost = (field: string, value: number, most: number): string | null => (value <= most ? null : `${field}: must be at most ${most}, got ${value}`);
const pasidOf = (field: string, { hasPasid, pasid }: { hasPasid: boolean; pasid: number }) => (hasPasid ? below(`${field}.pasid`, pasid, PASIDS, "2^20") : null);

/** The field of an action that does not fit, with the reason, or null. */
export function misfit(wire: EndpointAction__Output): string | null {
  switch (wire.action) {
    case undefined:
      return "action: is missing";
    case "dma":
      return bytes8("dma.iova", wire.dma!.iova) ?? pasidOf("dma", wire.dma!) ?? atMost("dma.length", wire.dma!.length, MAX_TRANSFER);
    case "translate":
      return (
        bytes8("translate.address", wire.translate!.address) ??
        pasidOf("translate", wire.translate!) ??
        atMost("translate.count", wire.translate!.count, MAX_TRANSLATIONS)
      );
    case "translatedDma":
      return bytes8("translatedDma.pa", wire.translatedDma!.pa) ?? atMost("translatedDma.length", wire.translatedDma!.length, MAX_TRANSFER);
    case "pageRequest":
      return pageRequest("pageRequest", wire.pageRequest!);
    case "stopMarker":
      return below("stopMarker.pasid", wire.stopMarker!.pasid, PASIDS, "2^20");
    case "completeInvalidation": {
      const { policy, itag, afterNs } = wire.completeInvalidation!;
      if (!INVALIDATION_POLICIES.some((known) => known === policy)) return `completeInvalidation.policy: must be one of ${INVALIDATION_POLICIES.join(", ")}`;
      if (!(afterNs >= 0)) return `completeInvalidation.after_ns: must not be negative, got ${afterNs}`;
      return below("completeInvalidation.itag", itag, ITAGS, `${ITAGS}`);
    }
    case "flood": {
      const { first, count } = wire.flood!;
      if (!first) return "flood.first: is missing";
      return count < 1 ? "flood.count: must be at least 1" : (atMost("flood.count", count, MAX_FLOOD) ?? pageRequest("flood.first", first));
    }
    case "link":
    case "flr":
    case "received":
      return null;
  }
}

const pageRequest = (field: string, request: { address: Uint8Array; hasPasid: boolean; pasid: number; prgi: number; waitMs: number }): string | null =>
  bytes8(`${field}.address`, request.address) ??
  pasidOf(field, request) ??
  below(`${field}.prgi`, request.prgi, PRG_INDEXES, "2^9") ??
  atMost(`${field}.wait_ms`, request.waitMs, MAX_WAIT_MS);
