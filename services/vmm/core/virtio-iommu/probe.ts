import {
  PROBE_SIZE,
  VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE,
  VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3,
  VIRTIO_IOMMU_PAGE_REQUEST_F_RESP_PASID,
  VIRTIO_IOMMU_PGT_ARM64_F_ASID16,
  VIRTIO_IOMMU_PROBE_T_INPUT_RANGE,
  VIRTIO_IOMMU_PROBE_T_OUTPUT_SIZE,
  VIRTIO_IOMMU_PROBE_T_PAGE_REQUEST,
  VIRTIO_IOMMU_PROBE_T_PAGE_SIZE_MASK,
  VIRTIO_IOMMU_PROBE_T_PASID_SIZE,
  VIRTIO_IOMMU_PROBE_T_RESV_MEM,
  VIRTIO_IOMMU_PROBE_T_TABLE_FORMAT,
  VIRTIO_IOMMU_PST_ARM_SMMU3_F_CD2L,
  virtio_iommu_probe_input_range,
  virtio_iommu_probe_output_size,
  virtio_iommu_probe_page_request,
  virtio_iommu_probe_page_size_mask,
  virtio_iommu_probe_pasid_size,
  virtio_iommu_probe_resv_mem,
  virtio_iommu_probe_table_format,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import {
  RFC_V1_VIRTIO_IOMMU_PROBE_T_PAGE_TABLE_FMT,
  RFC_V1_VIRTIO_IOMMU_PROBE_T_PASID_TABLE_FMT,
  rfc_v1_virtio_iommu_probe_table_format,
} from "@faultline/shared/virtio/virtio-iommu-rfc-v1.ts";
import type { ReservedRegion } from "./options.ts";

/** What an endpoint can do, from the host's IOMMU and the function's capabilities. `inputRange.end` is inclusive. */
export interface EndpointFacts {
  pageSizeMask: bigint;
  inputRange: { start: bigint; end: bigint };
  outputBits: number;
  pasidBits: number;
  asid16: boolean;
  twoLevelCdTable: boolean;
  pageRequests: { responsePasid: boolean } | null;
}

/** What PROBE may speak of: the regions of the endpoint, and the extensions that the driver accepted. */
export interface Probed {
  reservedRegions: readonly ReservedRegion[];
  attachTable: boolean;
  pageRequest: boolean;
}

/**
 * The property list of PROBE in the `review` ABI: ascending type, RESV_MEM ascending by start, TABLE_FORMAT ascending by format; the rest is zero. `length` does not count the
 * 4-byte header. A driver that knows the specification alone sees what that has: the types after RESV_MEM come with the feature that they serve.
 */
export function probeProperties(facts: EndpointFacts, { reservedRegions, attachTable, pageRequest }: Probed): Uint8Array {
  const table = (format: number, flags: number) => virtio_iommu_probe_table_format.encode({ type: VIRTIO_IOMMU_PROBE_T_TABLE_FORMAT, length: 12, format, flags });
  const respPasid = facts.pageRequests?.responsePasid ? VIRTIO_IOMMU_PAGE_REQUEST_F_RESP_PASID : 0;
  return list([
    ...reservedRegions.map(region),
    ...(attachTable
      ? [
          ...tableFacts(facts),
          table(VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE, facts.asid16 ? VIRTIO_IOMMU_PGT_ARM64_F_ASID16 : 0),
          table(VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3, facts.twoLevelCdTable ? VIRTIO_IOMMU_PST_ARM_SMMU3_F_CD2L : 0),
        ]
      : []),
    ...(pageRequest && facts.pageRequests ? [virtio_iommu_probe_page_request.encode({ type: VIRTIO_IOMMU_PROBE_T_PAGE_REQUEST, length: 4, flags: respPasid })] : []),
  ]);
}

/** The property list of `rfc-v1`: two table formats with `asid_bits`, whatever was negotiated (RR-21); recoverable faults show in the PRI capability alone. */
export function rfcV1ProbeProperties(facts: EndpointFacts, { reservedRegions }: Probed): Uint8Array {
  const table = (type: number, format: number) => rfc_v1_virtio_iommu_probe_table_format.encode({ type, length: 12, format, asid_bits: facts.asid16 ? 16 : 8 });
  return list([
    ...reservedRegions.map(region),
    ...tableFacts(facts),
    table(RFC_V1_VIRTIO_IOMMU_PROBE_T_PAGE_TABLE_FMT, VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE),
    table(RFC_V1_VIRTIO_IOMMU_PROBE_T_PASID_TABLE_FMT, VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3),
  ]);
}

const region = ({ subtype, start, end }: ReservedRegion): Uint8Array =>
  virtio_iommu_probe_resv_mem.encode({ type: VIRTIO_IOMMU_PROBE_T_RESV_MEM, length: 20, subtype, start, end });

const tableFacts = (facts: EndpointFacts): Uint8Array[] => [
  virtio_iommu_probe_page_size_mask.encode({ type: VIRTIO_IOMMU_PROBE_T_PAGE_SIZE_MASK, length: 12, mask: facts.pageSizeMask }),
  virtio_iommu_probe_input_range.encode({ type: VIRTIO_IOMMU_PROBE_T_INPUT_RANGE, length: 20, ...facts.inputRange }),
  virtio_iommu_probe_output_size.encode({ type: VIRTIO_IOMMU_PROBE_T_OUTPUT_SIZE, length: 4, bits: facts.outputBits }),
  virtio_iommu_probe_pasid_size.encode({ type: VIRTIO_IOMMU_PROBE_T_PASID_SIZE, length: 4, bits: facts.pasidBits }),
];

function list(properties: readonly Uint8Array[]): Uint8Array {
  const area = new Uint8Array(PROBE_SIZE);
  let at = 0;
  for (const property of properties) {
    area.set(property, at);
    at += property.length;
  }
  return area;
}
