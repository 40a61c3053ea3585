import type { CdTable } from "../pci/msi-x.ts";
import type { Endpoint } from "./endpoint.ts";

/** `virtEnd` is inclusive. */
export interface Mapping { virtStart: bigint; virtEnd: bigint; physStart: bigint; flags: number }

/** A domain of the virtio-iommu. It exists while an endpoint is attached to it (VI-D-28, VI-D-33). */
export interface Domain {
  id: number;
  kind: "map" | "bypass" | "table";
  endpoints: Set<Endpoint>;
  mappings: Mapping[];
  /** Table domains: the body of ATTACH_TABLE, and what it says. */
  body: Uint8Array | null;
  table: (CdTable & { s1dss: number }) | null;
}
