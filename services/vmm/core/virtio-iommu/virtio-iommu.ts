import { hex, uint64Bytes, uint64Of } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE, IOMMU_FAULT_PAGE_REQUEST_PASID_VALID, IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID, IOMMU_PAGE_RESP_INVALID } from "@faultline/shared/linux-uapi/iommu.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import {
  EVENT_QUEUE, FEATURES_OK, PROBE_SIZE, REQUEST_QUEUE, VIRTIO_F_VERSION_1, VIRTIO_IOMMU_F_ATTACH_TABLE, VIRTIO_IOMMU_F_BYPASS_CONFIG, VIRTIO_IOMMU_F_DOMAIN_RANGE, VIRTIO_IOMMU_F_INPUT_RANGE,
  VIRTIO_IOMMU_F_MAP_UNMAP, VIRTIO_IOMMU_F_MMIO, VIRTIO_IOMMU_F_PAGE_REQUEST, VIRTIO_IOMMU_F_PROBE, virtio_iommu_config,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { PageRequestFault, UnrecoverableFault } from "../vfio/fault-relay.ts";
import type { Attachments } from "./attach.ts";
import type { Endpoint } from "./endpoint.ts";
import { EventQueue } from "./event-queue.ts";
import { pageRequestReport, unrecoverableReport } from "./fault-report.ts";
import type { EndpointFacts } from "./probe.ts";
import { Requests } from "./requests.ts";

/** What the `review` device offers (virtio-iommu.md, section 2). */
const OFFERED = [
  VIRTIO_IOMMU_F_INPUT_RANGE, VIRTIO_IOMMU_F_DOMAIN_RANGE, VIRTIO_IOMMU_F_MAP_UNMAP, VIRTIO_IOMMU_F_PROBE, VIRTIO_IOMMU_F_MMIO, VIRTIO_IOMMU_F_BYPASS_CONFIG, VIRTIO_IOMMU_F_ATTACH_TABLE,
  VIRTIO_IOMMU_F_PAGE_REQUEST, VIRTIO_F_VERSION_1,
].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
const BYPASS_OFFSET = 36;

export interface VirtioIommuPorts { tracer: Tracer; execution: Execution; isRam(gpa: number, size: number): boolean; facts(endpoint: Endpoint): EndpointFacts }

/** The virtio-iommu device of one guest (virtio-iommu.md): status and features, configuration, the two queues. */
export class VirtioIommu {
  readonly edge: EdgePort<VmmToGuest, GuestToVmm>;
  readonly #endpoints: ReadonlyMap<number, Endpoint>;
  readonly #attachments: Attachments;
  readonly #ports: VirtioIommuPorts;
  readonly #requests: Requests;
  #events: EventQueue;
  #features = 0n;
  #status = 0;
  /** Requests are executed in the order they were made available. */
  #order: Promise<void> = Promise.resolve();

  constructor(edge: EdgePort<VmmToGuest, GuestToVmm>, endpoints: ReadonlyMap<number, Endpoint>, attachments: Attachments, ports: VirtioIommuPorts) {
    this.edge = edge;
    this.#endpoints = endpoints;
    this.#attachments = attachments;
    this.#ports = ports;
    this.#events = new EventQueue(edge);
    this.#requests = new Requests({
      endpoints, attachments, tracer: ports.tracer, isRam: ports.isRam, facts: ports.facts, inputEnd: (1n << 48n) - 1n,
      negotiated: () => ({
        mapUnmap: this.#has(VIRTIO_IOMMU_F_MAP_UNMAP), probe: this.#has(VIRTIO_IOMMU_F_PROBE), attachTable: this.#has(VIRTIO_IOMMU_F_ATTACH_TABLE), pageRequest: this.#has(VIRTIO_IOMMU_F_PAGE_REQUEST),
        bypassConfig: this.#has(VIRTIO_IOMMU_F_BYPASS_CONFIG),
      }),
    });
  }

  #has(bit: number): boolean {
    return ((this.#features >> BigInt(bit)) & 1n) === 1n;
  }

  deliver(seq: number, body: Exclude<GuestToVmm, { kind: "pciRead" } | { kind: "pciWrite" }>): void {
    switch (body.kind) {
      case "getFeatures": return this.edge.reply(seq, { kind: "features", features: uint64Bytes(OFFERED) });
      case "setFeatures":
        if ((this.#status & FEATURES_OK) === 0) this.#features = uint64Of(body.features) & OFFERED;
        return this.edge.reply(seq, { kind: "features", features: uint64Bytes(this.#features) });
      case "getStatus": return this.edge.reply(seq, { kind: "status", status: this.#status });
      case "setStatus": return this.#setStatus(seq, body.status);
      case "readConfig": return this.edge.reply(seq, { kind: "config", data: this.#config().slice(body.offset, body.offset + body.length) });
      case "writeConfig":
        // Only `bypass` is writable, with 0 or 1, and only with F_BYPASS_CONFIG.
        if (body.offset === BYPASS_OFFSET && body.data.length === 1 && body.data[0] <= 1 && this.#has(VIRTIO_IOMMU_F_BYPASS_CONFIG)) this.#attachments.bypass = body.data[0] === 1;
        return this.edge.reply(seq, { kind: "configWritten" });
      case "available": return this.#available(body);
    }
  }

  #setStatus(seq: number, status: number): void {
    if (status === 0) {
      this.#status = 0;
      this.#features = 0n;
      return this.#ports.execution.spawn("virtio-reset", async () => {
        await this.reset();
        this.edge.reply(seq, { kind: "status", status: 0 });
      });
    }
    const needsProbe = this.#has(VIRTIO_IOMMU_F_ATTACH_TABLE) || this.#has(VIRTIO_IOMMU_F_PAGE_REQUEST);
    const refused = !this.#has(VIRTIO_F_VERSION_1) || (needsProbe && !this.#has(VIRTIO_IOMMU_F_PROBE));
    this.#status = status & FEATURES_OK && (this.#status & FEATURES_OK) === 0 && refused ? status & ~FEATURES_OK : status;
    this.edge.reply(seq, { kind: "status", status: this.#status });
  }

  #config(): Uint8Array {
    return virtio_iommu_config.encode({
      page_size_mask: 0x40201000n, input_range_end: (1n << 48n) - 1n, domain_range_end: 0xffffffffn, probe_size: PROBE_SIZE, bypass: Number(this.#attachments.bypass),
    });
  }

  #available(body: Extract<GuestToVmm, { kind: "available" }>): void {
    if (body.queue === EVENT_QUEUE) return this.#events.available(body.head, body.writableLength);
    if (body.queue !== REQUEST_QUEUE) return;
    const before = this.#order;
    let done = () => {};
    this.#order = new Promise((resolve) => (done = resolve));
    this.#ports.execution.spawn("virtio-request", async () => {
      await before;
      const held = this.#ports.execution.point("vmm.request-queue.before-request", { type: body.readable[0] ?? 0 });
      if (held) await held;
      const written = await this.#requests.execute(body.readable, body.writableLength);
      done();
      this.edge.send({ kind: "used", queue: REQUEST_QUEUE, head: body.head, written, interrupt: false });
    });
  }

  /** A page request of the host: reported, or answered INVALID when the guest cannot take it (virtio-iommu.md, section 9). */
  pageRequest(endpoint: Endpoint, fault: PageRequestFault): void {
    const flags = Number(fault.flags);
    const last = (flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) !== 0;
    const pasid = flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID ? Number(fault.pasid) : null;
    const group = { grpid: Number(fault.grpid), pasid, needsPasid: (flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) !== 0 };
    if (this.#has(VIRTIO_IOMMU_F_PAGE_REQUEST)) {
      if (last) endpoint.outstanding.push(group);
      this.#ports.tracer.emit("vmm.event-used", { endpoint: hex(endpoint.id), pasid: pasid ?? undefined, grpid: group.grpid, iova: hex(fault.addr) }, { last });
      if (this.#events.report({ endpoint: endpoint.id, bytes: pageRequestReport(endpoint.id, fault), pageRequest: true })) return;
      if (last) endpoint.outstanding.pop();
    }
    if (last) this.#refuse(endpoint, group);
  }

  #refuse(endpoint: Endpoint, group: Endpoint["outstanding"][number]): void {
    this.#ports.execution.spawn("refuse-page-request", () => endpoint.relay.respond(group.grpid, group.needsPasid ? group.pasid : null, IOMMU_PAGE_RESP_INVALID));
  }

  unrecoverable(endpoint: Endpoint, fault: UnrecoverableFault): void {
    const bytes = unrecoverableReport(endpoint.id, fault);
    this.#events.report({ endpoint: endpoint.id, bytes: this.#has(VIRTIO_IOMMU_F_PAGE_REQUEST) ? bytes : bytes.slice(0, 24), pageRequest: false });
  }

  /** Reports of an endpoint that was reset need not reach the guest; those under way find no group. */
  endpointReset(endpoint: Endpoint): void {
    this.#events.discard(endpoint.id);
  }

  /** Device reset (VI-D-10): endpoints detached, domains gone, buffers gone; outstanding groups are answered INVALID (flow.md, T8). */
  async reset(): Promise<void> {
    this.#events = new EventQueue(this.edge);
    for (const endpoint of this.#endpoints.values()) {
      for (const group of endpoint.outstanding.splice(0)) await endpoint.relay.respond(group.grpid, group.needsPasid ? group.pasid : null, IOMMU_PAGE_RESP_INVALID);
      if (endpoint.domain) await this.#attachments.attach(endpoint, null);
      await endpoint.device.container.unset();
    }
  }
}
