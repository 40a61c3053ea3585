import { hex } from "../../codec/uint64.ts";
import { ioctlLayout } from "../../linux-uapi/ioctl-structs.ts";
import { IOMMU_FAULT_PAGE_REQ, IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE, iommu_fault_event, iommu_fault_prm, iommu_page_response } from "../../linux-uapi/iommu.ts";
import { vfioCommandNames } from "../../linux-uapi/vfio.ts";
import type { PostedWrite } from "../envelope.ts";
import type { EdgeRecord } from "../records.ts";
import { type HostToVmm, regionOfAddress, type VmmToHost } from "../vfio.ts";

/** Ring entries stand behind the header page of their region. */
const RING = 4096;

/** Records of vfio/v1: 64 ring bytes from the host are a fault, 24 ring bytes from the VMM a page response. */
export function decodeVfio(body: VmmToHost | HostToVmm, writes: readonly PostedWrite[]): EdgeRecord[] {
  const records = writes.flatMap(({ address, data }, write): EdgeRecord[] => {
    if (regionOfAddress(address).offset < RING) return [];
    const bytes = { write, offset: 0 };
    if (data.length === 64) return [{ ...dmaFault(data), bytes }];
    return data.length === 24 ? [{ ...pageResponse(data), bytes }] : [];
  });
  if (body.kind === "ioctl") {
    const { fd, cmd, arg } = body;
    records.push({ record: "request", ids: { fd }, fields: { name: vfioCommandNames[cmd] ?? hex(cmd) }, bytes: { field: "arg" }, layout: ioctlLayout(cmd, arg) });
  }
  return records;
}

function dmaFault(data: Uint8Array): EdgeRecord {
  const f = iommu_fault_prm.decode(data);
  if (Number(f.type) !== IOMMU_FAULT_PAGE_REQ) return { record: "dma-fault", ids: {}, fields: { type: Number(f.type) }, layout: iommu_fault_event.layout };
  return {
    record: "dma-fault",
    ids: { pasid: Number(f.pasid), grpid: Number(f.grpid), iova: hex(f.addr) },
    layout: iommu_fault_prm.layout,
    fields: { type: Number(f.type), last: (Number(f.flags) & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) !== 0, perm: Number(f.perm) },
  };
}

function pageResponse(data: Uint8Array): EdgeRecord {
  const r = iommu_page_response.decode(data);
  return {
    record: "page-response",
    ids: { pasid: Number(r.pasid), grpid: Number(r.grpid) },
    layout: iommu_page_response.layout,
    fields: { code: Number(r.code), flags: Number(r.flags) },
  };
}
