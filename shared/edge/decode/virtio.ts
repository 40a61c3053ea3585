import type { Layout } from "../../codec/bit-struct.ts";
import { hex } from "../../codec/uint64.ts";
import * as virtio from "../../virtio/virtio-iommu.ts";
import {
  RFC_V1_VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
  RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_LAST_PAGE,
  rfc_v1_virtio_iommu_fault,
  rfc_v1_virtio_iommu_req_page_resp,
} from "../../virtio/virtio-iommu-rfc-v1.ts";
import type { EdgeRecord } from "../records.ts";
import type { GuestToVmm, VmmToGuest } from "../virtio.ts";

const TAIL = 4;
const padded = (bytes: Uint8Array, size: number): Uint8Array => {
  const full = new Uint8Array(size);
  full.set(bytes.subarray(0, size));
  return full;
};

/** Requests that have no record of their own, by type. */
const requests: Record<number, Layout> = {
  [virtio.VIRTIO_IOMMU_T_ATTACH]: virtio.virtio_iommu_req_attach.layout,
  [virtio.VIRTIO_IOMMU_T_DETACH]: virtio.virtio_iommu_req_detach.layout,
  [virtio.VIRTIO_IOMMU_T_MAP]: virtio.virtio_iommu_req_map.layout,
  [virtio.VIRTIO_IOMMU_T_UNMAP]: virtio.virtio_iommu_req_unmap.layout,
  [virtio.VIRTIO_IOMMU_T_PROBE]: virtio.virtio_iommu_req_probe.layout,
  [virtio.VIRTIO_IOMMU_T_ATTACH_TABLE]: virtio.virtio_iommu_req_attach_pst_arm.layout,
};
/** Every layout that a record of the kind `request` can have. */
export const requestLayouts: readonly Layout[] = Object.values(requests);

/** Records of virtio/v1: chains of the request queue by their type, used buffers of the event queue, as the ABI of the machine has them. */
export function decodeVirtio(body: GuestToVmm | VmmToGuest, _writes: unknown, abi: string): EdgeRecord[] {
  if (body.kind === "available" && body.queue === virtio.REQUEST_QUEUE) return [{ ...request(body.readable, abi), bytes: { field: "readable" } }];
  if (body.kind === "used" && body.queue === virtio.EVENT_QUEUE && body.written.length === virtio.virtio_iommu_fault.sizeBytes)
    return [{ ...(abi === "rfc-v1" ? rfcV1EventReport : eventReport)(body.written), bytes: { field: "written" } }];
  return [];
}

function request(readable: Uint8Array, abi: string): EdgeRecord {
  const type = readable[0] ?? 0;
  const struct = abi === "rfc-v1" ? rfc_v1_virtio_iommu_req_page_resp : virtio.virtio_iommu_req_page_resp;
  if (type === virtio.VIRTIO_IOMMU_T_PAGE_RESP && readable.length >= struct.sizeBytes - TAIL) {
    const r: Record<string, bigint> = struct.decode(padded(readable.subarray(0, struct.sizeBytes - TAIL), struct.sizeBytes));
    return {
      record: "page-resp-request",
      ids: { endpoint: hex(r.endpoint), pasid: Number(r.pasid), grpid: Number(r.group_id ?? r.grpid) },
      layout: struct.layout,
      fields: { resp_code: Number(r.resp_code), flags: Number(r.flags) },
    };
  }
  if (type === virtio.VIRTIO_IOMMU_T_INVALIDATE && readable.length >= 60) {
    const r = virtio.virtio_iommu_req_invalidate.decode(padded(readable.subarray(0, 60), 64));
    return {
      record: "invalidate-request",
      ids: { domain: Number(r.domain), pasid: Number(r.pasid), asid: Number(r.archid), gva: hex(r.virt_start) },
      layout: virtio.virtio_iommu_req_invalidate.layout,
      fields: { inv_gran: Number(r.inv_gran), inv_type: Number(r.inv_type), nr_pages: Number(r.nr_pages) },
    };
  }
  return { record: "request", ids: {}, fields: { type }, layout: requests[type] };
}

function eventReport(written: Uint8Array): EdgeRecord {
  const f = virtio.virtio_iommu_fault.decode(written);
  const flags = Number(f.flags);
  return {
    record: "event-report",
    ids: { endpoint: hex(f.endpoint), pasid: Number(f.pasid), grpid: Number(f.group_id), iova: hex(f.address) },
    layout: virtio.virtio_iommu_fault.layout,
    fields: {
      reason: Number(f.reason),
      last: (flags & virtio.VIRTIO_IOMMU_FAULT_F_LAST) !== 0,
      pageRequest: (flags & virtio.VIRTIO_IOMMU_FAULT_F_PAGE_REQ) !== 0,
    },
  };
}

function rfcV1EventReport(written: Uint8Array): EdgeRecord {
  const f = rfc_v1_virtio_iommu_fault.decode(written);
  return {
    record: "event-report",
    ids: { endpoint: hex(f.endpoint), pasid: Number(f.pasid), grpid: Number(f.grpid), iova: hex(f.address) },
    layout: rfc_v1_virtio_iommu_fault.layout,
    fields: {
      reason: Number(f.reason),
      last: (Number(f.pr_evt_flags) & RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_LAST_PAGE) !== 0,
      pageRequest: Number(f.flt_type) === RFC_V1_VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
    },
  };
}
