import type { BitStruct, Fields, Layout } from "@faultline/shared/codec/bit-struct.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import {
  PROBE_SIZE, VIRTIO_IOMMU_ATTACH_F_BYPASS, VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE, VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3, VIRTIO_IOMMU_MAP_F_MMIO, VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID, VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_FAULT, VIRTIO_IOMMU_S_NOENT, VIRTIO_IOMMU_S_OK, VIRTIO_IOMMU_S_RANGE, VIRTIO_IOMMU_S_UNSUPP, VIRTIO_IOMMU_T_ATTACH, VIRTIO_IOMMU_T_ATTACH_TABLE, VIRTIO_IOMMU_T_DETACH,
  VIRTIO_IOMMU_T_INVALIDATE, VIRTIO_IOMMU_T_MAP, VIRTIO_IOMMU_T_PAGE_RESP, VIRTIO_IOMMU_T_PROBE, VIRTIO_IOMMU_T_UNMAP, virtio_iommu_req_attach, virtio_iommu_req_attach_pst_arm, virtio_iommu_req_detach,
  virtio_iommu_req_invalidate, virtio_iommu_req_map, virtio_iommu_req_page_resp, virtio_iommu_req_probe, virtio_iommu_req_unmap,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Attachments } from "./attach.ts";
import type { Domain } from "./domain.ts";
import type { Endpoint, OutstandingGroup } from "./endpoint.ts";
import { hostInvalidations, invalidateRefused } from "./invalidate.ts";
import { type EndpointFacts, probeProperties } from "./probe.ts";
import { statusOf } from "./status.ts";

const TAIL = 4;
const PAGE = 4096n;
const NOTHING = new Uint8Array(0);

export interface RequestContext {
  endpoints: ReadonlyMap<number, Endpoint>;
  attachments: Attachments;
  facts(endpoint: Endpoint): EndpointFacts;
  /** Largest IOVA, inclusive. */
  inputEnd: bigint;
  /** Is [gpa, gpa + size) guest RAM? */
  isRam(gpa: number, size: number): boolean;
  /** Negotiated: which optional requests exist. */
  negotiated(): { mapUnmap: boolean; probe: boolean; attachTable: boolean; pageRequest: boolean; bypassConfig: boolean };
  tracer: Tracer;
}

/** Executes requests of queue 0, one after the other; the result is what is written from the start of the writable part (virtio-iommu.md, sections 4 to 6). */
export class Requests {
  readonly #c: RequestContext;

  constructor(context: RequestContext) {
    this.#c = context;
  }

  async execute(readable: Uint8Array, writableLength: number): Promise<Uint8Array> {
    if (readable.length < 4 || writableLength < TAIL) return NOTHING; // VI-D-13
    const type = readable[0];
    const features = this.#c.negotiated();
    if (type === VIRTIO_IOMMU_T_PROBE && features.probe) return this.#probe(readable, writableLength);
    const status = await this.#status(type, readable, features);
    this.#c.tracer.emit("vmm.request", {}, { type, status });
    return status === null ? NOTHING : Uint8Array.of(status, 0, 0, 0);
  }

  /** Null: an unknown type, used length 0 (VI-D-12). */
  async #status(type: number, readable: Uint8Array, features: ReturnType<RequestContext["negotiated"]>): Promise<number | null> {
    switch (type) {
      case VIRTIO_IOMMU_T_ATTACH: return this.#decoded(virtio_iommu_req_attach, readable, (r) => this.#attach(r, features.bypassConfig));
      case VIRTIO_IOMMU_T_DETACH: return this.#decoded(virtio_iommu_req_detach, readable, (r) => this.#detach(r));
      case VIRTIO_IOMMU_T_MAP: return features.mapUnmap ? this.#decoded(virtio_iommu_req_map, readable, (r) => this.#map(r)) : null;
      case VIRTIO_IOMMU_T_UNMAP: return features.mapUnmap ? this.#decoded(virtio_iommu_req_unmap, readable, (r) => this.#unmap(r)) : null;
      case VIRTIO_IOMMU_T_ATTACH_TABLE: return features.attachTable ? this.#decoded(virtio_iommu_req_attach_pst_arm, readable, (r) => this.#attachTable(r, readable)) : null;
      case VIRTIO_IOMMU_T_INVALIDATE: return features.attachTable ? this.#decoded(virtio_iommu_req_invalidate, readable, (r) => this.#invalidate(r)) : null;
      case VIRTIO_IOMMU_T_PAGE_RESP: return features.pageRequest ? this.#decoded(virtio_iommu_req_page_resp, readable, (r) => this.#pageResponse(r)) : null;
      default: return null;
    }
  }

  /** A readable part shorter than the request is INVAL; the excess of a longer one is ignored. */
  #decoded<L extends Layout>(struct: BitStruct<L>, readable: Uint8Array, run: (fields: Fields<L>) => number | Promise<number>): number | Promise<number> {
    const length = struct.sizeBytes - TAIL;
    if (readable.length < length) return VIRTIO_IOMMU_S_INVAL;
    const bytes = new Uint8Array(struct.sizeBytes);
    bytes.set(readable.subarray(0, length));
    return run(struct.decode(bytes));
  }

  #probe(readable: Uint8Array, writableLength: number): Uint8Array {
    const full = PROBE_SIZE + TAIL;
    if (writableLength < full) {
      const short = new Uint8Array(writableLength);
      short[writableLength - TAIL] = VIRTIO_IOMMU_S_INVAL;
      return short;
    }
    const written = new Uint8Array(full);
    const endpoint = readable.length >= virtio_iommu_req_probe.sizeBytes ? this.#c.endpoints.get(Number(virtio_iommu_req_probe.decode(readable.slice(0, virtio_iommu_req_probe.sizeBytes)).endpoint)) : null;
    if (endpoint === null) written[PROBE_SIZE] = VIRTIO_IOMMU_S_INVAL;
    else if (!endpoint) written[PROBE_SIZE] = VIRTIO_IOMMU_S_NOENT;
    else written.set(probeProperties(this.#c.facts(endpoint)));
    this.#c.tracer.emit("vmm.request", {}, { type: VIRTIO_IOMMU_T_PROBE, status: written[PROBE_SIZE] });
    return written;
  }

  async #attach(r: Fields<typeof virtio_iommu_req_attach.layout>, bypassConfig: boolean): Promise<number> {
    const bypass = Number(r.flags) === VIRTIO_IOMMU_ATTACH_F_BYPASS;
    if (r.reserved !== 0n || r.flags > 1n || (bypass && !bypassConfig)) return VIRTIO_IOMMU_S_INVAL;
    const endpoint = this.#c.endpoints.get(Number(r.endpoint));
    if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
    const kind = bypass ? "bypass" : "map";
    const existing = this.#c.attachments.domains.get(Number(r.domain));
    if (existing && existing.kind !== kind) return VIRTIO_IOMMU_S_INVAL;
    return statusOf(await this.#c.attachments.attach(endpoint, existing ?? newDomain(Number(r.domain), kind)));
  }

  async #detach(r: Fields<typeof virtio_iommu_req_detach.layout>): Promise<number> {
    const endpoint = this.#c.endpoints.get(Number(r.endpoint));
    if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
    if (endpoint.domain?.id !== Number(r.domain)) return VIRTIO_IOMMU_S_INVAL;
    return statusOf(await this.#c.attachments.attach(endpoint, null));
  }

  async #map(r: Fields<typeof virtio_iommu_req_map.layout>): Promise<number> {
    if (r.flags > 7n || Number(r.flags) & VIRTIO_IOMMU_MAP_F_MMIO) return VIRTIO_IOMMU_S_INVAL; // F_MMIO: offered, but no MMIO can be mapped for DMA in this machine
    const domain = this.#c.attachments.domains.get(Number(r.domain));
    if (!domain) return VIRTIO_IOMMU_S_NOENT;
    if (domain.kind !== "map") return VIRTIO_IOMMU_S_INVAL;
    if (r.virt_end <= r.virt_start || r.virt_end > this.#c.inputEnd) return VIRTIO_IOMMU_S_RANGE;
    if (r.virt_start % PAGE || r.phys_start % PAGE || (r.virt_end + 1n) % PAGE || r.phys_start + (r.virt_end - r.virt_start) >= 1n << 64n) return VIRTIO_IOMMU_S_RANGE;
    if (domain.mappings.some((m) => m.virtStart <= r.virt_end && r.virt_start <= m.virtEnd)) return VIRTIO_IOMMU_S_INVAL;
    const mapping = { virtStart: r.virt_start, virtEnd: r.virt_end, physStart: r.phys_start, flags: Number(r.flags) };
    const done: Endpoint[] = [];
    for (const endpoint of domain.endpoints) {
      const ret = await this.#c.attachments.mapOne(endpoint, mapping);
      if (ret < 0) {
        for (const undo of done) await this.#c.attachments.unmapOne(undo, mapping);
        return statusOf(ret);
      }
      done.push(endpoint);
    }
    domain.mappings.push(mapping);
    return VIRTIO_IOMMU_S_OK;
  }

  async #unmap(r: Fields<typeof virtio_iommu_req_unmap.layout>): Promise<number> {
    if (r.reserved !== 0n) return VIRTIO_IOMMU_S_INVAL;
    const domain = this.#c.attachments.domains.get(Number(r.domain));
    if (!domain) return VIRTIO_IOMMU_S_NOENT;
    if (domain.kind !== "map") return VIRTIO_IOMMU_S_INVAL;
    if (r.virt_end < r.virt_start) return VIRTIO_IOMMU_S_RANGE;
    const touched = domain.mappings.filter((m) => m.virtStart <= r.virt_end && r.virt_start <= m.virtEnd);
    if (touched.some((m) => m.virtStart < r.virt_start || m.virtEnd > r.virt_end)) return VIRTIO_IOMMU_S_RANGE; // VI-D-46
    for (const mapping of touched) {
      for (const endpoint of domain.endpoints) {
        const ret = await this.#c.attachments.unmapOne(endpoint, mapping);
        if (ret < 0) return statusOf(ret);
      }
      domain.mappings.splice(domain.mappings.indexOf(mapping), 1);
    }
    return VIRTIO_IOMMU_S_OK;
  }

  /** The rules of virtio-iommu.md 6.4. Format 1 is described by PROBE but refused here: the host has no page-table bind. */
  async #attachTable(r: Fields<typeof virtio_iommu_req_attach_pst_arm.layout>, readable: Uint8Array): Promise<number> {
    const format = Number(r.format);
    if (format !== VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3 && format !== VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE) return VIRTIO_IOMMU_S_INVAL;
    const endpoint = this.#c.endpoints.get(Number(r.endpoint));
    if (format === VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE) return endpoint ? VIRTIO_IOMMU_S_UNSUPP : VIRTIO_IOMMU_S_NOENT;
    if (r.reserved_low !== 0n || r.reserved_high !== 0n || r.s1fmt > 2n || r.s1dss > 2n) return VIRTIO_IOMMU_S_INVAL;
    if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
    const facts = this.#c.facts(endpoint);
    if (r.s1fmt !== 0n && !facts.twoLevelCdTable) return VIRTIO_IOMMU_S_INVAL;
    const s1cdmax = Number(r.s1cdmax);
    const existing = this.#c.attachments.domains.get(Number(r.domain));
    const body = readable.slice(12, 76);
    if (existing && (existing.kind !== "table" || !equal(existing.body, body))) return VIRTIO_IOMMU_S_INVAL;
    if (s1cdmax > facts.pasidBits) return VIRTIO_IOMMU_S_RANGE;
    const leafBits = r.s1fmt === 0n ? 0 : r.s1fmt === 1n ? 6 : 10;
    const size = leafBits === 0 ? 64 * 2 ** s1cdmax : 8 * 2 ** Math.max(0, s1cdmax - leafBits);
    if (r.s1contextptr % BigInt(Math.max(64, size))) return VIRTIO_IOMMU_S_RANGE;
    if (!this.#c.isRam(Number(r.s1contextptr), size)) return VIRTIO_IOMMU_S_FAULT;
    const domain = existing ?? { ...newDomain(Number(r.domain), "table"), body, table: { s1contextptr: r.s1contextptr, s1cdmax, s1fmt: Number(r.s1fmt), s1dss: Number(r.s1dss) } };
    return statusOf(await this.#c.attachments.attach(endpoint, domain));
  }

  /** Completes only after the host has: the guest may free the page then. */
  async #invalidate(r: Fields<typeof virtio_iommu_req_invalidate.layout>): Promise<number> {
    const refused = invalidateRefused(r);
    if (refused !== null) return refused;
    const domain = this.#c.attachments.domains.get(Number(r.domain));
    if (!domain) return VIRTIO_IOMMU_S_NOENT;
    if (domain.kind !== "table") return VIRTIO_IOMMU_S_INVAL;
    for (const { cache, granularity, granu } of hostInvalidations(r)) {
      for (const endpoint of domain.endpoints) {
        const ret = await endpoint.device.container.cacheInvalidate(cache, granularity, granu);
        if (ret < 0) return statusOf(ret);
      }
    }
    return VIRTIO_IOMMU_S_OK;
  }

  /** Keyed by endpoint and group id: the oldest open group that fits is completed, once. OK as soon as the response is stored in the host's ring. */
  async #pageResponse(r: Fields<typeof virtio_iommu_req_page_resp.layout>): Promise<number> {
    const withPasid = (Number(r.flags) & VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID) !== 0;
    if (r.reserved !== 0n || r.flags > 1n || r.resp_code > 2n) return VIRTIO_IOMMU_S_INVAL;
    const endpoint = this.#c.endpoints.get(Number(r.endpoint));
    if (!endpoint) return VIRTIO_IOMMU_S_NOENT;
    const fits = (group: OutstandingGroup) => group.grpid === Number(r.group_id) && (!withPasid || group.pasid === Number(r.pasid));
    const at = endpoint.outstanding.findIndex(fits);
    if (at < 0) return VIRTIO_IOMMU_S_INVAL;
    const [group] = endpoint.outstanding.splice(at, 1);
    this.#c.tracer.emit("vmm.page-response", { endpoint: `0x${endpoint.id.toString(16)}`, pasid: group.pasid ?? undefined, grpid: group.grpid }, { code: Number(r.resp_code) });
    await endpoint.relay.respond(group.grpid, group.needsPasid ? group.pasid : null, Number(r.resp_code));
    return VIRTIO_IOMMU_S_OK;
  }
}

const newDomain = (id: number, kind: Domain["kind"]): Domain => ({ id, kind, endpoints: new Set(), mappings: [], body: null, table: null });
const equal = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && a.length === b.length && a.every((byte, i) => byte === b[i]);
