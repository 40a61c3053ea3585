import { OPCODE } from "../../arm-smmu-v3/command.ts";
import { commandStruct } from "../../arm-smmu-v3/decode-command.ts";
import { EVENT } from "../../arm-smmu-v3/event-record.ts";
import { PRIQ_ENTRY } from "../../arm-smmu-v3/page-request.ts";
import type { Bits, Layout } from "../../codec/bit-struct.ts";
import type { Fields } from "../../lab/fault-rule.ts";
import { ioctlLayouts } from "../../linux-uapi/ioctl-structs.ts";
import { iommu_fault_event, iommu_fault_prm, iommu_page_response } from "../../linux-uapi/iommu.ts";
import { virtio_iommu_fault, virtio_iommu_req_invalidate, virtio_iommu_req_page_resp } from "../../virtio/virtio-iommu.ts";
import { rfc_v1_virtio_iommu_fault, rfc_v1_virtio_iommu_req_page_resp } from "../../virtio/virtio-iommu-rfc-v1.ts";
import type { PostedWrite } from "../envelope.ts";
import { type EdgeRecord, type RecordKind, recordFields } from "../records.ts";
import { requestLayouts } from "./virtio.ts";

/** Every layout that a record of the kind can have; a rule names fields of any of them. */
const layoutsOf: Record<RecordKind, readonly Layout[]> = {
  command: Object.values(OPCODE).map((opcode) => commandStruct(opcode)?.layout ?? {}),
  "priq-record": [PRIQ_ENTRY.layout],
  "event-record": [EVENT.layout],
  "dma-fault": [iommu_fault_prm.layout, iommu_fault_event.layout],
  "page-response": [iommu_page_response.layout],
  "event-report": [virtio_iommu_fault.layout, rfc_v1_virtio_iommu_fault.layout],
  "page-resp-request": [virtio_iommu_req_page_resp.layout, rfc_v1_virtio_iommu_req_page_resp.layout],
  "invalidate-request": [virtio_iommu_req_invalidate.layout],
  request: requestLayouts,
};
/** Names that are the same on every edge (interfaces.md, section 7), and what the documents call them: the first that the structure has. */
const DOCUMENT_NAMES: Record<string, readonly string[]> = {
  sid: ["StreamID"],
  pasid: ["SubstreamID", "pasid"],
  ssid: ["SubstreamID"],
  grpid: ["PRGIndex", "group_id", "grpid"],
  iova: ["InputAddr", "addr", "address"],
  gva: ["virt_start"],
  asid: ["archid", "ASID"],
};

/** Whose layouts those of a record are: system calls and requests of the virtio-iommu are both requests. */
const layoutsFor = (edge: string, record: RecordKind): readonly Layout[] => (record === "request" && edge === "vfio" ? ioctlLayouts : layoutsOf[record]);

/** The bits of a field under its document's name, or under the one that it has everywhere; undefined: the structure has no such field. */
export function bitsOf(layout: Layout, field: string): Bits | undefined {
  if (Object.hasOwn(layout, field)) return layout[field];
  const name = DOCUMENT_NAMES[field]?.find((one) => Object.hasOwn(layout, one));
  return name === undefined ? undefined : layout[name];
}

/** Fields that a record of the kind can have in its bytes, with their width in bits: the widest. */
export function byteFields(edge: string, record: RecordKind): Map<string, number> {
  const widths = new Map<string, number>();
  for (const layout of layoutsFor(edge, record)) {
    for (const field of [...Object.keys(layout), ...Object.keys(DOCUMENT_NAMES)]) {
      const bits = bitsOf(layout, field);
      if (bits) widths.set(field, Math.max(widths.get(field) ?? 0, bits[0] - bits[1] + 1));
    }
  }
  return widths;
}

/** What conditions on a record may name: what it is decoded to, and every field of its bytes. */
export const conditionFields = (edge: string, record: RecordKind): Fields => ({
  ...Object.fromEntries([...byteFields(edge, record).keys()].map((field) => [field, "int" as const])),
  ...recordFields[record],
});

/** Where the record's bytes are. */
function bytesOf({ bytes }: EdgeRecord, body: object, writes: readonly PostedWrite[]): Uint8Array | null {
  if (!bytes) return null;
  if ("write" in bytes) return writes[bytes.write]?.data.subarray(bytes.offset) ?? null;
  const field = (body as Record<string, unknown>)[bytes.field];
  return field instanceof Uint8Array ? field : null;
}

/** Everything that a condition may name of a record, or only the fields that it `reads`; a field that lies beyond its bytes is not there. */
export function allFields(record: EdgeRecord, body: object, writes: readonly PostedWrite[], reads?: readonly string[]): Record<string, unknown> {
  const { ids, fields, layout } = record;
  const bytes = layout ? bytesOf(record, body, writes) : null;
  const all: Record<string, unknown> = {};
  if (bytes && layout) {
    for (const field of reads ?? [...Object.keys(layout), ...Object.keys(DOCUMENT_NAMES)]) {
      const bits = field in fields || field in ids ? undefined : bitsOf(layout, field);
      if (!bits || bits[0] >= bytes.length * 8 || (PASIDS.has(field) && saysNoSubstream(bytes, layout))) continue;
      all[field] = valueAt(bytes, bits[0], bits[1]);
    }
  }
  return Object.assign(all, ids, fields);
}

/** SSV = 0: what stands in SubstreamID is none. */
const PASIDS: ReadonlySet<string> = new Set(["pasid", "ssid"]);
const saysNoSubstream = (bytes: Uint8Array, { SSV }: Layout): boolean => SSV !== undefined && valueAt(bytes, SSV[0], SSV[1]) === 0n;

function valueAt(bytes: Uint8Array, hi: number, lo: number): bigint {
  let value = 0n;
  for (let byte = hi >> 3; byte >= lo >> 3; byte--) value = (value << 8n) | BigInt(bytes[byte]);
  return (value >> BigInt(lo & 7)) & ((1n << BigInt(hi - lo + 1)) - 1n);
}
