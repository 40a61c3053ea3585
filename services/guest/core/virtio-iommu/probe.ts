import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import {
  VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE,
  VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3,
  VIRTIO_IOMMU_PAGE_REQUEST_F_RESP_PASID,
  VIRTIO_IOMMU_PGT_ARM64_F_ASID16,
  VIRTIO_IOMMU_PROBE_T_INPUT_RANGE,
  VIRTIO_IOMMU_PROBE_T_NONE,
  VIRTIO_IOMMU_PROBE_T_OUTPUT_SIZE,
  VIRTIO_IOMMU_PROBE_T_PAGE_REQUEST,
  VIRTIO_IOMMU_PROBE_T_PAGE_SIZE_MASK,
  VIRTIO_IOMMU_PROBE_T_PASID_SIZE,
  VIRTIO_IOMMU_PROBE_T_TABLE_FORMAT,
  VIRTIO_IOMMU_PST_ARM_SMMU3_F_CD2L,
  VIRTIO_IOMMU_T_PROBE,
  virtio_iommu_probe_input_range,
  virtio_iommu_probe_output_size,
  virtio_iommu_probe_page_request,
  virtio_iommu_probe_page_size_mask,
  virtio_iommu_probe_pasid_size,
  virtio_iommu_probe_property,
  virtio_iommu_probe_table_format,
  virtio_iommu_req_probe,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import {
  RFC_V1_VIRTIO_IOMMU_PROBE_T_PAGE_TABLE_FMT,
  RFC_V1_VIRTIO_IOMMU_PROBE_T_PASID_TABLE_FMT,
  rfc_v1_virtio_iommu_probe_table_format,
} from "@faultline/shared/virtio/virtio-iommu-rfc-v1.ts";
import type { VirtioIommuAbi } from "./abi.ts";
import type { RequestQueue } from "./request-queue.ts";

/** What PROBE says about one endpoint. A width of 0: the property was not there. */
export interface EndpointProperties {
  pageSizeMask: bigint;
  inputEnd: bigint;
  outputBits: number;
  pasidBits: number;
  /** PGTF: null = format 1 not offered. */
  asidBits: 8 | 16 | null;
  /** PSTF: null = format 2 not offered. */
  pasidTable: { twoLevel: boolean } | null;
  /** Recoverable faults are reported: null = no. */
  pageRequest: { responseNeedsPasid: boolean } | null;
}

export const noProperties = (): EndpointProperties => ({
  pageSizeMask: 0n,
  inputEnd: 0n,
  outputBits: 0,
  pasidBits: 0,
  asidBits: null,
  pasidTable: null,
  pageRequest: null,
});

/** PROBE of one endpoint: its properties, or -errno. `parse`: another one under RR-48, from which it may never return. */
export async function viommu_probe_endpoint(
  queue: RequestQueue,
  endpoint: number,
  probeSize: number,
  abi: Pick<VirtioIommuAbi, "takeProperty">,
  parse: (list: Uint8Array, abi: Pick<VirtioIommuAbi, "takeProperty">) => EndpointProperties | number | "endless",
): Promise<EndpointProperties | number> {
  const answer = await queue.sendWithReply(virtio_iommu_req_probe.encode({ type: VIRTIO_IOMMU_T_PROBE, endpoint }), probeSize + 4);
  if (answer.ret < 0) return answer.ret;
  const properties = parse(answer.written.subarray(0, probeSize), abi);
  return properties === "endless" ? new Promise(() => {}) : properties;
}

/**
 * The property list (virtio-iommu.md, 5.5): the first property of a type or format wins, unknown types and formats are skipped, a header with reserved bits set
 * is ignored. -EINVAL: a property that reaches beyond the list, or is shorter than its structure (RR-48).
 */
export function parseProperties(list: Uint8Array, abi: Pick<VirtioIommuAbi, "takeProperty"> = { takeProperty: takeReviewProperty }): EndpointProperties | number {
  const out = noProperties();
  for (let at = 0; at + 4 <= list.length; ) {
    const { type, length } = virtio_iommu_probe_property.decode(list.subarray(at, at + 4));
    const next = at + 4 + Number(length);
    if (Number(type) === VIRTIO_IOMMU_PROBE_T_NONE) break;
    if (next > list.length) return -EINVAL;
    if (Number(type) <= 0xfff && !takeProperty(out, Number(type), list.subarray(at, next), abi)) return -EINVAL;
    at = next;
  }
  return out;
}

/** False: shorter than its structure. */
export function takeProperty(out: EndpointProperties, type: number, bytes: Uint8Array, abi: Pick<VirtioIommuAbi, "takeProperty">): boolean {
  switch (type) {
    case VIRTIO_IOMMU_PROBE_T_PAGE_SIZE_MASK:
      if (bytes.length < 16) return false;
      out.pageSizeMask ||= virtio_iommu_probe_page_size_mask.decode(bytes.subarray(0, 16)).mask;
      return true;
    case VIRTIO_IOMMU_PROBE_T_INPUT_RANGE:
      if (bytes.length < 24) return false;
      out.inputEnd ||= virtio_iommu_probe_input_range.decode(bytes.subarray(0, 24)).end;
      return true;
    case VIRTIO_IOMMU_PROBE_T_OUTPUT_SIZE:
      if (bytes.length < 8) return false;
      out.outputBits ||= Number(virtio_iommu_probe_output_size.decode(bytes.subarray(0, 8)).bits);
      return true;
    case VIRTIO_IOMMU_PROBE_T_PASID_SIZE:
      if (bytes.length < 8) return false;
      out.pasidBits ||= Number(virtio_iommu_probe_pasid_size.decode(bytes.subarray(0, 8)).bits);
      return true;
    default:
      return abi.takeProperty(out, type, bytes); // RESV_MEM too: table mode has no MSI region, the driver maps the doorbell itself (VI-G-36)
  }
}

/** Types of `review`. */
export function takeReviewProperty(out: EndpointProperties, type: number, bytes: Uint8Array): boolean {
  switch (type) {
    case VIRTIO_IOMMU_PROBE_T_TABLE_FORMAT:
      return bytes.length >= 16 && takeTableFormat(out, bytes.subarray(0, 16));
    case VIRTIO_IOMMU_PROBE_T_PAGE_REQUEST: {
      if (bytes.length < 8) return false;
      const { flags } = virtio_iommu_probe_page_request.decode(bytes.subarray(0, 8));
      out.pageRequest ??= { responseNeedsPasid: (Number(flags) & VIRTIO_IOMMU_PAGE_REQUEST_F_RESP_PASID) !== 0 };
      return true;
    }
    default:
      return true;
  }
}

/** Types of `rfc-v1`. No flag says that two-level tables can be had: they are taken (RR-44). */
export function takeRfcV1TableFormat(out: EndpointProperties, type: number, bytes: Uint8Array): boolean {
  if (type !== RFC_V1_VIRTIO_IOMMU_PROBE_T_PAGE_TABLE_FMT && type !== RFC_V1_VIRTIO_IOMMU_PROBE_T_PASID_TABLE_FMT) return true;
  if (bytes.length < 16) return false;
  const { format, asid_bits } = rfc_v1_virtio_iommu_probe_table_format.decode(bytes.subarray(0, 16));
  if (type === RFC_V1_VIRTIO_IOMMU_PROBE_T_PAGE_TABLE_FMT && Number(format) === VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE) out.asidBits ??= asid_bits === 16n ? 16 : 8;
  if (type === RFC_V1_VIRTIO_IOMMU_PROBE_T_PASID_TABLE_FMT && Number(format) === VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3) out.pasidTable ??= { twoLevel: true };
  return true;
}

function takeTableFormat(out: EndpointProperties, bytes: Uint8Array): boolean {
  const { format, flags } = virtio_iommu_probe_table_format.decode(bytes);
  if (Number(format) === VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE) out.asidBits ??= Number(flags) & VIRTIO_IOMMU_PGT_ARM64_F_ASID16 ? 16 : 8;
  if (Number(format) === VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3) out.pasidTable ??= { twoLevel: (Number(flags) & VIRTIO_IOMMU_PST_ARM_SMMU3_F_CD2L) !== 0 };
  return true;
}
