import { IOMMU_PAGE_RESP_PASID_VALID } from "@faultline/shared/linux-uapi/iommu.ts";
import {
  RFC_V1_VIRTIO_IOMMU_F_ATTACH_TABLE,
  RFC_V1_VIRTIO_IOMMU_F_SVA,
  VIRTIO_F_VERSION_1,
  VIRTIO_IOMMU_F_ATTACH_TABLE,
  VIRTIO_IOMMU_F_DOMAIN_RANGE,
  VIRTIO_IOMMU_F_INPUT_RANGE,
  VIRTIO_IOMMU_F_MAP_UNMAP,
  VIRTIO_IOMMU_F_MMIO,
  VIRTIO_IOMMU_F_PAGE_REQUEST,
  VIRTIO_IOMMU_F_PROBE,
  VIRTIO_IOMMU_FAULT_F_GROUP_ID,
  VIRTIO_IOMMU_FAULT_F_LAST,
  VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
  VIRTIO_IOMMU_FAULT_F_PASID,
  VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID,
  VIRTIO_IOMMU_T_PAGE_RESP,
  virtio_iommu_fault,
  virtio_iommu_req_page_resp,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import {
  RFC_V1_VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
  RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_LAST_PAGE,
  RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_NEEDS_PASID,
  RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_PASID_VALID,
  rfc_v1_virtio_iommu_fault,
  rfc_v1_virtio_iommu_req_page_resp,
} from "@faultline/shared/virtio/virtio-iommu-rfc-v1.ts";
import type { FaultReport } from "./event-queue.ts";
import { type EndpointProperties, takeReviewProperty, takeRfcV1TableFormat } from "./probe.ts";

/** What PAGE_RESP says in either ABI. */
export interface PageRespFields {
  endpoint: number;
  domain: number;
  /** IOMMU_PAGE_RESP_PASID_VALID or 0. */
  flags: number;
  pasid: number;
  grpid: number;
  code: number;
}

/** Where the two ABIs of the virtio-iommu differ for its driver (virtio-iommu.md, 5.5, 6.6, 7.2, 9). */
export interface VirtioIommuAbi {
  /** Accepted when offered; the table requests and page requests are what vSVA needs. */
  wanted: readonly number[];
  attachTable: number;
  pageRequest: number;
  /** Both need PROBE. */
  tablesNeedProbe: boolean;
  /** A property that only this ABI has; false: shorter than its structure. Unknown types are skipped. */
  takeProperty(out: EndpointProperties, type: number, bytes: Uint8Array): boolean;
  /** What page requests an endpoint has when PROBE does not say it. */
  pageRequestUnsaid: EndpointProperties["pageRequest"];
  /** Bytes of a report with page requests negotiated, and without: what a buffer must hold, and what a report has at least. */
  reportBytes: { pageRequests: number; without: number };
  /** null: reserved bytes are set (VI-G-37). `whole` has 48 bytes. */
  decodeReport(whole: Uint8Array): FaultReport | null;
  encodePageResponse(fields: PageRespFields): Uint8Array;
}

const BASE = [VIRTIO_IOMMU_F_INPUT_RANGE, VIRTIO_IOMMU_F_DOMAIN_RANGE, VIRTIO_IOMMU_F_MAP_UNMAP, VIRTIO_IOMMU_F_PROBE, VIRTIO_IOMMU_F_MMIO, VIRTIO_F_VERSION_1];
const SPEC_REPORT_BYTES = 24;

export const review: VirtioIommuAbi = {
  wanted: [...BASE, VIRTIO_IOMMU_F_ATTACH_TABLE, VIRTIO_IOMMU_F_PAGE_REQUEST],
  attachTable: VIRTIO_IOMMU_F_ATTACH_TABLE,
  pageRequest: VIRTIO_IOMMU_F_PAGE_REQUEST,
  tablesNeedProbe: true,
  takeProperty: takeReviewProperty,
  pageRequestUnsaid: null,
  reportBytes: { pageRequests: virtio_iommu_fault.sizeBytes, without: SPEC_REPORT_BYTES },
  decodeReport(whole) {
    const { reserved, reason, flags, endpoint, pasid, address, group_id } = virtio_iommu_fault.decode(whole);
    if (reserved !== 0n) return null;
    return { reason: Number(reason), flags: Number(flags), endpoint: Number(endpoint), pasid: Number(pasid), address, grpid: Number(group_id) };
  },
  encodePageResponse: ({ endpoint, flags, pasid, grpid, code }) =>
    virtio_iommu_req_page_resp.encode({
      type: VIRTIO_IOMMU_T_PAGE_RESP,
      endpoint,
      flags: flags & IOMMU_PAGE_RESP_PASID_VALID ? VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID : 0,
      pasid,
      group_id: grpid,
      resp_code: code,
    }),
};

/** As posted. What the ABI says twice or in other words (`pr_evt_flags`, `pasid_valid`) is told in the words of `review` from here on. */
export const rfcV1: VirtioIommuAbi = {
  wanted: [...BASE, RFC_V1_VIRTIO_IOMMU_F_ATTACH_TABLE, RFC_V1_VIRTIO_IOMMU_F_SVA],
  attachTable: RFC_V1_VIRTIO_IOMMU_F_ATTACH_TABLE,
  pageRequest: RFC_V1_VIRTIO_IOMMU_F_SVA,
  tablesNeedProbe: false,
  takeProperty: takeRfcV1TableFormat,
  pageRequestUnsaid: { responseNeedsPasid: false }, // each request says it (RR-04)
  reportBytes: { pageRequests: rfc_v1_virtio_iommu_fault.sizeBytes, without: rfc_v1_virtio_iommu_fault.sizeBytes }, // RR-01: whatever was negotiated
  decodeReport(whole) {
    const { reserved, reason, flt_type, flags, pr_evt_flags, endpoint, pasid, grpid, address } = rfc_v1_virtio_iommu_fault.decode(whole);
    if (reserved !== 0n) return null;
    const report = { reason: Number(reason), endpoint: Number(endpoint), pasid: Number(pasid), address, grpid: Number(grpid) };
    if (Number(flt_type) !== RFC_V1_VIRTIO_IOMMU_FAULT_F_PAGE_REQ) return { ...report, flags: Number(flags) };
    const has = (bit: number, flag: number): number => (Number(pr_evt_flags) & bit ? flag : 0);
    return {
      ...report,
      flags:
        Number(flags) |
        VIRTIO_IOMMU_FAULT_F_PAGE_REQ |
        VIRTIO_IOMMU_FAULT_F_GROUP_ID |
        has(RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_PASID_VALID, VIRTIO_IOMMU_FAULT_F_PASID) |
        has(RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_LAST_PAGE, VIRTIO_IOMMU_FAULT_F_LAST),
      responseNeedsPasid: has(RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_NEEDS_PASID, 1) === 1,
    };
  },
  encodePageResponse({ endpoint, domain, flags, pasid, grpid, code }) {
    const valid = flags & IOMMU_PAGE_RESP_PASID_VALID ? 1 : 0;
    return rfc_v1_virtio_iommu_req_page_resp.encode({
      type: VIRTIO_IOMMU_T_PAGE_RESP,
      domain,
      endpoint,
      flags: valid,
      pasid,
      grpid,
      resp_code: code,
      pasid_valid: valid,
    });
  },
};
