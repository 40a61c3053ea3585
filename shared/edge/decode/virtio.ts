import { hex } from "../../codec/uint64.ts";
import {
  VIRTIO_IOMMU_FAULT_F_LAST,
  VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
  VIRTIO_IOMMU_T_INVALIDATE,
  VIRTIO_IOMMU_T_PAGE_RESP,
  virtio_iommu_fault,
  virtio_iommu_req_invalidate,
  virtio_iommu_req_page_resp,
} from "../../virtio/virtio-iommu.ts";
import type { EdgeRecord } from "../records.ts";
import type { GuestToVmm, VmmToGuest } from "../virtio.ts";

const padded = (bytes: Uint8Array, size: number): Uint8Array => {
  const full = new Uint8Array(size);
  full.set(bytes.subarray(0, size));
  return full;
};

/** Records of virtio/v1: chains of the request queue by their type, used buffers of the event queue. */
export function decodeVirtio(body: GuestToVmm | VmmToGuest): EdgeRecord[] {
  if (body.kind === "available" && body.queue === 0) return [{ ...request(body.readable), bytes: { field: "readable" } }];
  if (body.kind === "used" && body.queue === 1 && body.written.length === virtio_iommu_fault.sizeBytes)
    return [{ ...eventReport(body.written), bytes: { field: "written" } }];
  return [];
}

function request(readable: Uint8Array): EdgeRecord {
  const type = readable[0] ?? 0;
  if (type === VIRTIO_IOMMU_T_PAGE_RESP && readable.length >= 28) {
    const r = virtio_iommu_req_page_resp.decode(padded(readable.subarray(0, 28), 32));
    return {
      record: "page-resp-request",
      ids: { endpoint: hex(r.endpoint), pasid: Number(r.pasid), grpid: Number(r.group_id) },
      fields: { resp_code: Number(r.resp_code), flags: Number(r.flags) },
    };
  }
  if (type === VIRTIO_IOMMU_T_INVALIDATE && readable.length >= 60) {
    const r = virtio_iommu_req_invalidate.decode(padded(readable.subarray(0, 60), 64));
    return {
      record: "invalidate-request",
      ids: { domain: Number(r.domain), pasid: Number(r.pasid), asid: Number(r.archid), gva: hex(r.virt_start) },
      fields: { inv_gran: Number(r.inv_gran), inv_type: Number(r.inv_type), nr_pages: Number(r.nr_pages) },
    };
  }
  return { record: "request", ids: {}, fields: { type } };
}

function eventReport(written: Uint8Array): EdgeRecord {
  const f = virtio_iommu_fault.decode(written);
  const flags = Number(f.flags);
  return {
    record: "event-report",
    ids: { endpoint: hex(f.endpoint), pasid: Number(f.pasid), grpid: Number(f.group_id), iova: hex(f.address) },
    fields: { reason: Number(f.reason), last: (flags & VIRTIO_IOMMU_FAULT_F_LAST) !== 0, pageRequest: (flags & VIRTIO_IOMMU_FAULT_F_PAGE_REQ) !== 0 },
  };
}
