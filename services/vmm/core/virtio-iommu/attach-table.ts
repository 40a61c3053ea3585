import type { Fields } from "@faultline/shared/codec/bit-struct.ts";
import {
  VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE,
  VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3,
  VIRTIO_IOMMU_S_FAULT,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_RANGE,
  VIRTIO_IOMMU_S_UNSUPP,
  virtio_iommu_req_attach_pgt_arm,
  type virtio_iommu_req_attach_pst_arm,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Attachments } from "./attach.ts";
import { newDomain } from "./domain.ts";
import type { Endpoint } from "./endpoint.ts";
import { inDomainRange, type VirtioIommuOptions } from "./options.ts";
import type { EndpointFacts } from "./probe.ts";
import { statusOf } from "./status.ts";

/** CDs of one leaf, as a log2, by s1fmt: linear, 4KL2, 64KL2. */
const LEAF_BITS = [0, 6, 10];
const CD_BYTES = 64,
  L1CD_BYTES = 8;

export interface TableContext {
  endpoints: ReadonlyMap<number, Endpoint>;
  attachments: Attachments;
  options: VirtioIommuOptions;
  facts(endpoint: Endpoint): EndpointFacts;
  /** Is [gpa, gpa + size) guest RAM? */
  isRam(gpa: number, size: number): boolean;
}

/** ATTACH_TABLE (virtio-iommu.md, 6.4). `readable`: the 76 bytes of every form. */
export async function attachTable(c: TableContext, r: Fields<typeof virtio_iommu_req_attach_pst_arm.layout>, readable: Uint8Array): Promise<number> {
  const format = Number(r.format);
  if (format === VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE) return attachPageTable(c, readable);
  if (format !== VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3) return VIRTIO_IOMMU_S_INVAL;
  if (r.reserved_low !== 0n || r.reserved_high !== 0n || r.s1fmt > 2n || r.s1dss > 2n) return VIRTIO_IOMMU_S_INVAL;
  const endpoint = c.endpoints.get(Number(r.endpoint));
  if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
  if (!inDomainRange(c.options.domainRange, r.domain)) return VIRTIO_IOMMU_S_RANGE;
  const facts = c.facts(endpoint);
  if (r.s1fmt !== 0n && !facts.twoLevelCdTable) return VIRTIO_IOMMU_S_INVAL;
  const existing = c.attachments.domains.get(Number(r.domain));
  const body = readable.slice(12, 76);
  if (existing && (existing.kind !== "table" || !equal(existing.body, body))) return VIRTIO_IOMMU_S_INVAL; // the host refuses table to table (RR-81)
  const s1cdmax = Number(r.s1cdmax);
  if (s1cdmax > facts.pasidBits) return VIRTIO_IOMMU_S_RANGE;
  const size = r.s1fmt === 0n ? CD_BYTES * 2 ** s1cdmax : L1CD_BYTES * 2 ** Math.max(0, s1cdmax - LEAF_BITS[Number(r.s1fmt)]);
  if (r.s1contextptr % BigInt(Math.max(CD_BYTES, size))) return VIRTIO_IOMMU_S_RANGE;
  if (!c.isRam(Number(r.s1contextptr), size)) return VIRTIO_IOMMU_S_FAULT;
  const table = { s1contextptr: r.s1contextptr, s1cdmax, s1fmt: Number(r.s1fmt), s1dss: Number(r.s1dss) };
  return statusOf(await c.attachments.attach(endpoint, existing ?? { ...newDomain(Number(r.domain), "table"), body, table }));
}

/** Format 1 is described by PROBE but cannot be attached: its CD would have to be read through stage 2, and the host has no page-table bind. */
function attachPageTable(c: TableContext, readable: Uint8Array): number {
  const whole = new Uint8Array(virtio_iommu_req_attach_pgt_arm.sizeBytes);
  whole.set(readable.subarray(0, whole.length - 4));
  const r = virtio_iommu_req_attach_pgt_arm.decode(whole);
  if (r.reserved !== 0n) return VIRTIO_IOMMU_S_INVAL;
  return c.endpoints.has(Number(r.endpoint)) ? VIRTIO_IOMMU_S_UNSUPP : VIRTIO_IOMMU_S_NOENT;
}

const equal = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && a.length === b.length && a.every((byte, i) => byte === b[i]);
