import type { CdTable } from "../vfio/msi-binding.ts";
import type { Endpoint } from "./endpoint.ts";

/** `virtEnd` is inclusive. `flags` are those of MAP. */
export interface Mapping {
  virtStart: bigint;
  virtEnd: bigint;
  physStart: bigint;
  flags: number;
}

/** A domain of the virtio-iommu. It exists while an endpoint is attached to it (VI-D-28, VI-D-33). */
export interface Domain {
  id: number;
  kind: "map" | "bypass" | "table";
  endpoints: Set<Endpoint>;
  mappings: Mapping[];
  /** Table domains: format and body of ATTACH_TABLE, and what they say. */
  body: Uint8Array | null;
  table: CdTable | null;
}

export const newDomain = (id: number, kind: Domain["kind"]): Domain => ({ id, kind, endpoints: new Set(), mappings: [], body: null, table: null });
