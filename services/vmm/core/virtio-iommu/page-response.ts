import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import {
  VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID,
  VIRTIO_IOMMU_PAGE_RESP_FAILURE,
  VIRTIO_IOMMU_S_DEVERR,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_OK,
  virtio_iommu_req_page_resp,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import { rfc_v1_virtio_iommu_req_page_resp } from "@faultline/shared/virtio/virtio-iommu-rfc-v1.ts";
import type { Attachments } from "./attach.ts";
import type { Endpoint, OutstandingGroup } from "./endpoint.ts";

/** What PAGE_RESP says in either ABI. `pasid` null: without the PASID flag. */
export interface PageResponseRequest {
  endpoint: number;
  /** `rfc-v1` alone. */
  domain?: number;
  pasid: number | null;
  grpid: number;
  code: number;
}

/** PAGE_RESP of `review`; INVAL: short, reserved bytes, an unknown flag or code. */
export function decodePageResponse(readable: Uint8Array): PageResponseRequest | number {
  const r = padded(readable, virtio_iommu_req_page_resp.sizeBytes);
  if (!r) return VIRTIO_IOMMU_S_INVAL;
  const { endpoint, flags, pasid, group_id, resp_code, reserved } = virtio_iommu_req_page_resp.decode(r);
  if (reserved !== 0n || flags > VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID || resp_code > VIRTIO_IOMMU_PAGE_RESP_FAILURE) return VIRTIO_IOMMU_S_INVAL;
  return { endpoint: Number(endpoint), pasid: flags ? Number(pasid) : null, grpid: Number(group_id), code: Number(resp_code) };
}

/** PAGE_RESP of `rfc-v1`: `pasid_valid` is ignored, flags win (RR-66); a grpid above 16 bits is INVAL. */
export function decodeRfcV1PageResponse(readable: Uint8Array): PageResponseRequest | number {
  const r = padded(readable, rfc_v1_virtio_iommu_req_page_resp.sizeBytes);
  if (!r) return VIRTIO_IOMMU_S_INVAL;
  const { endpoint, domain, flags, pasid, grpid, resp_code, reserved } = rfc_v1_virtio_iommu_req_page_resp.decode(r);
  if (reserved !== 0n || flags > VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID || resp_code > VIRTIO_IOMMU_PAGE_RESP_FAILURE || grpid > 0xffff) return VIRTIO_IOMMU_S_INVAL;
  return { endpoint: Number(endpoint), domain: Number(domain), pasid: flags ? Number(pasid) : null, grpid: Number(grpid), code: Number(resp_code) };
}

export interface ResponseContext {
  endpoints: ReadonlyMap<number, Endpoint>;
  attachments: Pick<Attachments, "domains">;
  tracer: Tracer;
  switches: ReadonlySet<string>;
}

/**
 * Completes the oldest open group of the endpoint that fits, once (virtio-iommu.md, 6.6). Keyed by endpoint and group id, never by domain. OK as soon as the response is stored in the
 * host's ring; the PASID towards the host is that of the host's request, whatever the guest sent. NOENT: unknown endpoint; INVAL: no such group.
 */
export async function respond({ endpoints, attachments, tracer, switches }: ResponseContext, r: PageResponseRequest): Promise<number> {
  const endpoint = endpoints.get(r.endpoint);
  if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
  // RR-66: the ring is that of the first endpoint of the domain that the guest names, which is none when the endpoint was detached meanwhile.
  const [first] = switches.has("RR-66") && r.domain !== undefined ? (attachments.domains.get(r.domain)?.endpoints ?? []) : [endpoint];
  if (!first) return VIRTIO_IOMMU_S_NOENT;
  const candidates = switches.has("M-match-outstanding") ? endpoint.outstanding.slice(0, 1) : endpoint.outstanding;
  const at = candidates.findIndex((group) => group.grpid === r.grpid && (r.pasid === null || group.pasid === r.pasid));
  if (at < 0 && !switches.has("M-match-response")) return VIRTIO_IOMMU_S_INVAL;
  const [group] = at < 0 ? [{ grpid: r.grpid, pasid: r.pasid, needsPasid: r.pasid !== null }] : endpoint.outstanding.splice(at, 1);
  tracer.emit("vmm.page-response", { endpoint: hex(endpoint.id), pasid: group.pasid ?? undefined, grpid: group.grpid }, { code: r.code });
  return (await first.relay.respond(group.grpid, switches.has("RR-04") ? null : hostPasid(group), r.code)) < 0 ? VIRTIO_IOMMU_S_DEVERR : VIRTIO_IOMMU_S_OK;
}

/** The PASID of a response to the host: PASID_VALID exactly when the host's request had NEEDS_PASID, else the host drops it (IC-418). */
export const hostPasid = (group: OutstandingGroup): number | null => (group.needsPasid ? group.pasid : null);

/** A whole request structure with a zero tail; null: the readable part is shorter than the request. */
function padded(readable: Uint8Array, size: number): Uint8Array | null {
  if (readable.length < size - 4) return null;
  const whole = new Uint8Array(size);
  whole.set(readable.subarray(0, size - 4));
  return whole;
}
