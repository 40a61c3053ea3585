import { featureWord } from "@faultline/shared/virtio/feature-bits.ts";
import {
  RFC_V1_VIRTIO_IOMMU_F_ATTACH_TABLE,
  RFC_V1_VIRTIO_IOMMU_F_SVA,
  VIRTIO_F_VERSION_1,
  VIRTIO_IOMMU_F_ATTACH_TABLE,
  VIRTIO_IOMMU_F_BYPASS_CONFIG,
  VIRTIO_IOMMU_F_DOMAIN_RANGE,
  VIRTIO_IOMMU_F_INPUT_RANGE,
  VIRTIO_IOMMU_F_MAP_UNMAP,
  VIRTIO_IOMMU_F_MMIO,
  VIRTIO_IOMMU_F_PAGE_REQUEST,
  VIRTIO_IOMMU_F_PROBE,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { PageRequestFault, UnrecoverableFault } from "../vfio/dma-fault-region.ts";
import { type Attached, pageRequestReport, rfcV1PageRequestReport, rfcV1UnrecoverableReport, specUnrecoverableReport, unrecoverableReport } from "./fault-report.ts";
import { decodePageResponse, decodeRfcV1PageResponse, type PageResponseRequest } from "./page-response.ts";
import { type EndpointFacts, type Probed, probeProperties, rfcV1ProbeProperties } from "./probe.ts";

/** Where the two ABIs of the virtio-iommu differ (virtio-iommu.md, section 9). */
export interface VirtioIommuAbi {
  offered: bigint;
  attachTable: number;
  pageRequest: number;
  /** Null: the ABI has no `bypass` in its configuration. */
  bypassConfig: number | null;
  /** FEATURES_OK is refused when ATTACH_TABLE or PAGE_REQUEST comes without PROBE. */
  tablesNeedProbe: boolean;
  probeProperties(facts: EndpointFacts, probed: Probed): Uint8Array;
  /** The readable part of PAGE_RESP; a status: refused. */
  decodePageResponse(readable: Uint8Array): PageResponseRequest | number;
  pageRequestReport(endpoint: number, fault: PageRequestFault): Uint8Array;
  unrecoverableReport(endpoint: number, fault: UnrecoverableFault, to: Attached, pageRequestNegotiated: boolean): Uint8Array;
  /** Bytes that an unrecoverable report may be cut to when the buffer is smaller. */
  prefixBytes: number;
}

const BASE = [VIRTIO_IOMMU_F_INPUT_RANGE, VIRTIO_IOMMU_F_DOMAIN_RANGE, VIRTIO_IOMMU_F_MAP_UNMAP, VIRTIO_IOMMU_F_PROBE, VIRTIO_IOMMU_F_MMIO, VIRTIO_F_VERSION_1];

export const review: VirtioIommuAbi = {
  offered: featureWord([...BASE, VIRTIO_IOMMU_F_BYPASS_CONFIG, VIRTIO_IOMMU_F_ATTACH_TABLE, VIRTIO_IOMMU_F_PAGE_REQUEST]),
  attachTable: VIRTIO_IOMMU_F_ATTACH_TABLE,
  pageRequest: VIRTIO_IOMMU_F_PAGE_REQUEST,
  bypassConfig: VIRTIO_IOMMU_F_BYPASS_CONFIG,
  tablesNeedProbe: true,
  probeProperties,
  decodePageResponse,
  pageRequestReport,
  unrecoverableReport: (endpoint, fault, to, negotiated) => (negotiated ? unrecoverableReport(endpoint, fault, to) : specUnrecoverableReport(endpoint, fault, to)),
  prefixBytes: 24,
};

export const rfcV1: VirtioIommuAbi = {
  offered: featureWord([...BASE, RFC_V1_VIRTIO_IOMMU_F_ATTACH_TABLE, RFC_V1_VIRTIO_IOMMU_F_SVA]),
  attachTable: RFC_V1_VIRTIO_IOMMU_F_ATTACH_TABLE,
  pageRequest: RFC_V1_VIRTIO_IOMMU_F_SVA,
  bypassConfig: null,
  tablesNeedProbe: false,
  probeProperties: rfcV1ProbeProperties,
  decodePageResponse: decodeRfcV1PageResponse,
  pageRequestReport: rfcV1PageRequestReport,
  unrecoverableReport: rfcV1UnrecoverableReport,
  prefixBytes: 48, // RR-01: cut to the buffer, whatever is left then
};
