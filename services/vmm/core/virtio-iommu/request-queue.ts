import type { BitStruct, Fields, Layout } from "@faultline/shared/codec/bit-struct.ts";
import { IOMMU_CACHE_INV_TYPE_PASID } from "@faultline/shared/linux-uapi/iommu.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import {
  PROBE_SIZE,
  VIRTIO_IOMMU_ATTACH_F_BYPASS,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_OK,
  VIRTIO_IOMMU_S_RANGE,
  VIRTIO_IOMMU_T_ATTACH,
  VIRTIO_IOMMU_T_ATTACH_TABLE,
  VIRTIO_IOMMU_T_DETACH,
  VIRTIO_IOMMU_T_INVALIDATE,
  VIRTIO_IOMMU_T_MAP,
  VIRTIO_IOMMU_T_PAGE_RESP,
  VIRTIO_IOMMU_T_PROBE,
  VIRTIO_IOMMU_T_UNMAP,
  virtio_iommu_req_attach,
  virtio_iommu_req_attach_pst_arm,
  virtio_iommu_req_detach,
  virtio_iommu_req_invalidate,
  virtio_iommu_req_map,
  virtio_iommu_req_probe,
  virtio_iommu_req_unmap,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { VirtioIommuAbi } from "./abi.ts";
import { attachTable, type TableContext } from "./attach-table.ts";
import { newDomain } from "./domain.ts";
import type { Endpoint } from "./endpoint.ts";
import { hostInvalidations, invalidateRefused } from "./invalidate.ts";
import { type MapLimits, map, unmap } from "./map-unmap.ts";
import { inDomainRange, reportedRegions } from "./options.ts";
import { respond } from "./page-response.ts";
import { statusOf } from "./status.ts";

const TAIL = 4;
const NOTHING = new Uint8Array(0);

export interface Negotiated {
  mapUnmap: boolean;
  probe: boolean;
  mmio: boolean;
  attachTable: boolean;
  pageRequest: boolean;
  bypassConfig: boolean;
}

export interface RequestContext extends TableContext {
  abi: VirtioIommuAbi;
  negotiated(): Negotiated;
  /** Held while a request changes or reads domains; the others need no domain. */
  inOrder<T>(body: () => Promise<T>): Promise<T>;
  tracer: Tracer;
  switches: ReadonlySet<string>;
}

/** Executes requests of queue 0; the result is what is written from the start of the writable part (virtio-iommu.md, sections 4 to 6). */
export class RequestQueue {
  readonly #c: RequestContext;

  constructor(context: RequestContext) {
    this.#c = context;
  }

  async execute(readable: Uint8Array, writableLength: number): Promise<Uint8Array> {
    if (readable.length < 4 || writableLength < TAIL) return NOTHING; // VI-D-13
    const type = readable[0];
    const features = this.#c.negotiated();
    if (type === VIRTIO_IOMMU_T_PROBE && features.probe) return this.#probe(readable, writableLength, features);
    const status = await this.#status(type, readable, features);
    if (this.#c.tracer.wants("vmm.request", String(type))) this.#c.tracer.emit("vmm.request", {}, { type, status });
    return status === null ? NOTHING : Uint8Array.of(status, 0, 0, 0);
  }

  /** Null: an unknown type, used length 0 (VI-D-12). A response never waits for another request: neither its order nor its completion depends on the guest (RR-83). */
  async #status(type: number, readable: Uint8Array, features: Negotiated): Promise<number | null> {
    if (type === VIRTIO_IOMMU_T_PAGE_RESP) return features.pageRequest ? this.#pageResponse(readable) : null;
    return this.#c.inOrder(async () => {
      switch (type) {
        case VIRTIO_IOMMU_T_ATTACH:
          return decoded(virtio_iommu_req_attach, readable, (r) => this.#attach(r, features.bypassConfig));
        case VIRTIO_IOMMU_T_DETACH:
          return decoded(virtio_iommu_req_detach, readable, (r) => this.#detach(r));
        case VIRTIO_IOMMU_T_MAP:
          return features.mapUnmap ? decoded(virtio_iommu_req_map, readable, (r) => map(this.#c.attachments, r, this.#mapLimits(features))) : null;
        case VIRTIO_IOMMU_T_UNMAP:
          return features.mapUnmap ? decoded(virtio_iommu_req_unmap, readable, (r) => unmap(this.#c.attachments, r, this.#c.options)) : null;
        case VIRTIO_IOMMU_T_ATTACH_TABLE:
          return features.attachTable ? decoded(virtio_iommu_req_attach_pst_arm, readable, (r) => attachTable(this.#c, r, readable)) : null;
        case VIRTIO_IOMMU_T_INVALIDATE:
          return features.attachTable ? decoded(virtio_iommu_req_invalidate, readable, (r) => this.#invalidate(r)) : null;
        default:
          return null;
      }
    });
  }

  #isDomain(id: bigint): boolean {
    return inDomainRange(this.#c.options.domainRange, id);
  }

  #mapLimits({ mmio, attachTable }: Negotiated): MapLimits {
    const { pageSizeMask, reservedRegions, ...ranges } = this.#c.options;
    // The lowest bit of page_size_mask is the granularity (3).
    return { ...ranges, granule: pageSizeMask & -pageSizeMask, reservedRegions: reportedRegions(reservedRegions, attachTable), mmio };
  }

  #probe(readable: Uint8Array, writableLength: number, features: Negotiated): Uint8Array {
    const full = PROBE_SIZE + TAIL;
    const written = new Uint8Array(Math.min(writableLength, full));
    const status = written.length - TAIL; // a short writable part: no property, the tail in its last 4 bytes (VI-D-54)
    const endpoint = this.#probed(readable);
    if (written.length < full) written[status] = VIRTIO_IOMMU_S_INVAL;
    else if (typeof endpoint === "number") written[status] = endpoint;
    else
      written.set(
        this.#c.abi.probeProperties(this.#c.facts(endpoint), { ...features, reservedRegions: reportedRegions(this.#c.options.reservedRegions, features.attachTable) }),
      );
    this.#c.tracer.emit("vmm.request", {}, { type: VIRTIO_IOMMU_T_PROBE, status: written[status] });
    return written;
  }

  #probed(readable: Uint8Array): Endpoint | number {
    const { sizeBytes } = virtio_iommu_req_probe;
    if (readable.length < sizeBytes) return VIRTIO_IOMMU_S_INVAL;
    return this.#c.endpoints.get(Number(virtio_iommu_req_probe.decode(readable.slice(0, sizeBytes)).endpoint)) ?? VIRTIO_IOMMU_S_NOENT;
  }

  async #attach(r: Fields<typeof virtio_iommu_req_attach.layout>, bypassConfig: boolean): Promise<number> {
    const bypass = Number(r.flags) === VIRTIO_IOMMU_ATTACH_F_BYPASS;
    if (r.reserved !== 0n || r.flags > 1n || (bypass && !bypassConfig)) return VIRTIO_IOMMU_S_INVAL;
    const endpoint = this.#c.endpoints.get(Number(r.endpoint));
    if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
    if (!this.#isDomain(r.domain)) return VIRTIO_IOMMU_S_RANGE;
    const kind = bypass ? "bypass" : "map";
    const existing = this.#c.attachments.domains.get(Number(r.domain));
    if (existing && existing.kind !== kind) return VIRTIO_IOMMU_S_INVAL;
    return statusOf(await this.#c.attachments.attach(endpoint, existing ?? newDomain(Number(r.domain), kind)));
  }

  async #detach(r: Fields<typeof virtio_iommu_req_detach.layout>): Promise<number> {
    const endpoint = this.#c.endpoints.get(Number(r.endpoint));
    if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
    if (!this.#isDomain(r.domain)) return VIRTIO_IOMMU_S_RANGE;
    if (endpoint.domain?.id !== Number(r.domain)) return VIRTIO_IOMMU_S_INVAL;
    return statusOf(await this.#c.attachments.attach(endpoint, null));
  }

  /** Completes only after the host has: the guest may free the page then. Of a PASID, completes behind the page requests that the host had of it (IC-1105): the guest may give the PASID to another. */
  async #invalidate(r: Fields<typeof virtio_iommu_req_invalidate.layout>): Promise<number> {
    const refused = invalidateRefused(r);
    if (refused !== null) return refused;
    if (!this.#isDomain(r.domain)) return VIRTIO_IOMMU_S_RANGE;
    const domain = this.#c.attachments.domains.get(Number(r.domain));
    if (!domain) return VIRTIO_IOMMU_S_NOENT;
    if (domain.kind !== "table") return VIRTIO_IOMMU_S_INVAL;
    for (const { cache, granularity, granu } of hostInvalidations(r)) {
      for (const endpoint of domain.endpoints) {
        const call = endpoint.device.container.cacheInvalidate(cache, granularity, granu);
        if (this.#c.switches.has("M-early-invalidate")) continue;
        const ret = await call;
        if (ret < 0) return statusOf(ret);
        if (cache === IOMMU_CACHE_INV_TYPE_PASID && !this.#c.switches.has("M-drain-ring")) await endpoint.relay.drained();
      }
    }
    return VIRTIO_IOMMU_S_OK;
  }

  #pageResponse(readable: Uint8Array): number | Promise<number> {
    const request = this.#c.abi.decodePageResponse(readable);
    return typeof request === "number" ? request : respond(this.#c, request);
  }
}

/** A readable part shorter than the request is INVAL; the excess of a longer one is ignored. */
function decoded<L extends Layout>(struct: BitStruct<L>, readable: Uint8Array, run: (fields: Fields<L>) => number | Promise<number>): number | Promise<number> {
  const length = struct.sizeBytes - TAIL;
  if (readable.length < length) return VIRTIO_IOMMU_S_INVAL;
  const bytes = new Uint8Array(struct.sizeBytes);
  bytes.set(readable.subarray(0, length));
  return run(struct.decode(bytes));
}
