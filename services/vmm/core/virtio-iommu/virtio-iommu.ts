import { hex, uint64Bytes, uint64Of } from "@faultline/shared/codec/uint64.ts";
import type { GuestToVmm } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { Mutex } from "@faultline/shared/execution/mutex.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import {
  DRIVER_OK,
  EVENT_QUEUE,
  FEATURES_OK,
  hasFeature,
  REQUEST_QUEUE,
  VIRTIO_F_VERSION_1,
  VIRTIO_IOMMU_F_MAP_UNMAP,
  VIRTIO_IOMMU_F_MMIO,
  VIRTIO_IOMMU_F_PROBE,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { PageRequestFault, UnrecoverableFault } from "../vfio/dma-fault-region.ts";
import type { GuestEdge } from "../virtqueue/guest-edge.ts";
import type { VirtioIommuAbi } from "./abi.ts";
import type { Attachments } from "./attach.ts";
import { bypassWritten, readConfig } from "./config.ts";
import type { Endpoint } from "./endpoint.ts";
import { EventQueue } from "./event-queue.ts";
import type { Attached } from "./fault-report.ts";
import type { VirtioIommuOptions } from "./options.ts";
import { answerInvalid, pageRequestOf, relayPageRequest } from "./page-request.ts";
import type { EndpointFacts } from "./probe.ts";
import { type Negotiated, RequestQueue } from "./request-queue.ts";

export interface VirtioIommuPorts {
  edge: GuestEdge;
  endpoints: ReadonlyMap<number, Endpoint>;
  attachments: Attachments;
  abi: VirtioIommuAbi;
  tracer: Tracer;
  execution: Execution;
  switches: ReadonlySet<string>;
  options: VirtioIommuOptions;
  isRam(gpa: number, size: number): boolean;
  facts(endpoint: Endpoint): EndpointFacts;
}

/** The virtio-iommu device of one guest (virtio-iommu.md): status and features, configuration, the two queues. */
export class VirtioIommu {
  readonly #ports: VirtioIommuPorts;
  readonly #requests: RequestQueue;
  #events: EventQueue;
  #features = 0n;
  /** What `features` say. */
  #negotiated: Negotiated;
  #status = 0;
  /** Counts device resets: what was made available before one is never used after it. */
  #generation = 0;
  /** Requests that change domains are executed in the order they were made available. */
  readonly #domainLock: Mutex;

  constructor(ports: VirtioIommuPorts) {
    this.#ports = ports;
    this.#domainLock = new Mutex("virtio-iommu domains", ports.execution.locks);
    this.#events = new EventQueue(ports.edge);
    this.#requests = new RequestQueue({
      ...ports,
      inOrder: (body) => this.#domainLock.with(body),
      isRam: (gpa, size) => ports.isRam(gpa, size),
      facts: (endpoint) => ports.facts(endpoint),
      negotiated: () => this.#negotiated,
    });
    this.#negotiated = this.#negotiate(0n);
  }

  #negotiate(features: bigint): Negotiated {
    const { abi } = this.#ports;
    this.#features = features;
    return {
      mapUnmap: this.#has(VIRTIO_IOMMU_F_MAP_UNMAP),
      probe: this.#has(VIRTIO_IOMMU_F_PROBE),
      mmio: this.#has(VIRTIO_IOMMU_F_MMIO),
      attachTable: this.#has(abi.attachTable),
      pageRequest: this.#has(abi.pageRequest),
      bypassConfig: this.#has(abi.bypassConfig),
    };
  }

  /** For live state. */
  state(): { features: string; status: string; eventBuffers: number; reportsWaiting: number } {
    return { features: hex(this.#features), status: hex(this.#status), eventBuffers: this.#events.posted, reportsWaiting: this.#events.waiting };
  }

  #has(bit: number | null): boolean {
    return bit !== null && hasFeature(this.#features, bit);
  }

  deliver(seq: number, body: Exclude<GuestToVmm, { kind: "pciRead" } | { kind: "pciWrite" }>): void {
    const { edge, abi, attachments } = this.#ports;
    switch (body.kind) {
      case "getFeatures":
        return edge.reply(seq, { kind: "features", features: uint64Bytes(abi.offered) });
      case "setFeatures":
        if ((this.#status & FEATURES_OK) === 0) this.#negotiated = this.#negotiate(uint64Of(body.features));
        return edge.reply(seq, { kind: "features", features: uint64Bytes(this.#features) });
      case "getStatus":
        return edge.reply(seq, { kind: "status", status: this.#status });
      case "setStatus":
        return this.#setStatus(seq, body.status);
      case "readConfig":
        return edge.reply(seq, {
          kind: "config",
          data: readConfig(body.offset, body.length, this.#ports.options, abi.bypassConfig === null ? null : attachments.bypass),
        });
      case "writeConfig":
        return this.#writeConfig(seq, body.offset, body.data);
      case "available":
        return this.#available(body);
    }
  }

  #setStatus(seq: number, status: number): void {
    const { edge, execution } = this.#ports;
    if (status === 0)
      return execution.spawn("virtio reset", async () => {
        await this.reset();
        edge.reply(seq, { kind: "status", status: 0 });
      });
    const refused = status & FEATURES_OK && (this.#status & FEATURES_OK) === 0 && !this.#acceptable();
    this.#status = refused ? status & ~FEATURES_OK : status;
    edge.reply(seq, { kind: "status", status: this.#status });
  }

  /** FEATURES_OK stays clear without VERSION_1, with a bit that was not offered, and in `review` with table or page requests but no PROBE. */
  #acceptable(): boolean {
    const { abi } = this.#ports;
    if (!this.#has(VIRTIO_F_VERSION_1) || (this.#features & ~abi.offered) !== 0n) return false;
    return !abi.tablesNeedProbe || this.#has(VIRTIO_IOMMU_F_PROBE) || !(this.#has(abi.attachTable) || this.#has(abi.pageRequest));
  }

  #writeConfig(seq: number, offset: number, data: Uint8Array): void {
    const { edge, execution, attachments, abi, endpoints } = this.#ports;
    const bypass = bypassWritten(offset, data);
    if (bypass === null || !this.#has(abi.bypassConfig)) return edge.reply(seq, { kind: "configWritten" });
    execution.spawn("virtio config", async () => {
      await this.#domainLock.with(() => attachments.setBypass(bypass, endpoints.values()));
      edge.reply(seq, { kind: "configWritten" });
    });
  }

  #available(body: Extract<GuestToVmm, { kind: "available" }>): void {
    if (body.queue === EVENT_QUEUE) return this.#events.available(body.head, body.writableLength);
    if (body.queue !== REQUEST_QUEUE) return;
    const generation = this.#generation;
    this.#ports.execution.spawn("virtio request", async () => {
      const held = this.#ports.execution.point("vmm.request-queue.before-request", { type: body.readable[0] ?? 0 });
      if (held) await held;
      if (generation !== this.#generation) return;
      const written = await this.#requests.execute(body.readable, body.writableLength);
      if (generation === this.#generation) this.#ports.edge.send({ kind: "used", queue: REQUEST_QUEUE, head: body.head, written, interrupt: false });
    });
  }

  /** A page request of the host: reported, or answered INVALID when the guest cannot take it (virtio-iommu.md, section 9). */
  pageRequest(endpoint: Endpoint, fault: PageRequestFault): void {
    const { abi } = this.#ports;
    const ready = this.#negotiated.pageRequest && (this.#status & DRIVER_OK) !== 0;
    relayPageRequest(endpoint, pageRequestOf(fault), abi.pageRequestReport(endpoint.id, fault), ready ? this.#events : null, this.#ports);
  }

  unrecoverable(endpoint: Endpoint, fault: UnrecoverableFault): void {
    const { abi } = this.#ports;
    if ((this.#status & DRIVER_OK) === 0) return;
    const bytes = abi.unrecoverableReport(endpoint.id, fault, this.#attached(endpoint), this.#negotiated.pageRequest);
    this.#events.report({ endpoint: endpoint.id, bytes, prefixBytes: abi.prefixBytes, used: () => {}, refused: () => {} }); // without room it is lost
  }

  /** Of the time when the report is made: a fault of before the last request is told by what that left. */
  #attached({ domain }: Endpoint): Attached {
    if (!domain) return this.#ports.attachments.bypass ? "elsewhere" : "nowhere";
    return domain.kind === "map" ? "map" : "elsewhere";
  }

  /** Reports of an endpoint that was reset need not reach the guest; those under way find no group. */
  endpointReset(endpoint: Endpoint): void {
    this.#events.discard(endpoint.id);
  }

  /** Device reset (VI-D-10): endpoints detached, domains gone, buffers gone; outstanding groups are answered INVALID (flow.md, T8). */
  async reset(): Promise<void> {
    const { edge, endpoints, attachments, tracer, switches } = this.#ports;
    this.#generation++;
    this.#status = 0;
    this.#negotiated = this.#negotiate(0n);
    this.#events = new EventQueue(edge);
    await this.#domainLock.with(async () => {
      for (const endpoint of endpoints.values()) {
        const open = endpoint.outstanding.splice(0);
        if (!switches.has("M-answer-at-reset")) for (const group of open) await answerInvalid(endpoint, group, tracer);
        if (!switches.has("S48")) await attachments.detachForReset(endpoint);
      }
    });
  }
}
