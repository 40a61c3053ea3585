import { uint64Bytes, uint64Of } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { Mutex } from "@faultline/shared/execution/mutex.ts";
import { IopfQueue } from "@faultline/shared/linux/iopf-queue.ts";
import { PasidAllocator } from "@faultline/shared/linux/pasid-allocator.ts";
import { RateLimit } from "@faultline/shared/linux/ratelimit.ts";
import { iommu_drop_pending } from "@faultline/shared/linux/report-device-fault.ts";
import { EINVAL, EIO, ENODEV } from "@faultline/shared/linux-uapi/errno.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import {
  ACKNOWLEDGE,
  DRIVER,
  DRIVER_OK,
  FAILED,
  FEATURES_OK,
  VIRTIO_F_VERSION_1,
  VIRTIO_IOMMU_F_DOMAIN_RANGE,
  VIRTIO_IOMMU_F_INPUT_RANGE,
  VIRTIO_IOMMU_F_MAP_UNMAP,
  VIRTIO_IOMMU_F_PROBE,
  virtio_iommu_config,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { FrameAllocator } from "../mm/frames.ts";
import type { Mm } from "../mm/mm.ts";
import { AsidAllocator } from "../sva/asid.ts";
import { handleIoPageFault } from "../sva/io-page-fault.ts";
import { Quarantine } from "../sva/quarantine.ts";
import type { VirtioIommuAbi } from "./abi.ts";
import { Endpoint } from "./endpoint.ts";
import { EventQueue } from "./event-queue.ts";
import { viommu_fault_handler } from "./fault-report.ts";
import { viommu_page_response } from "./page-response.ts";
import { noProperties, parseProperties, viommu_probe_endpoint } from "./probe.ts";
import { parseUnbounded } from "./probe-unbounded.ts";
import { RequestQueue } from "./request-queue.ts";

export interface ViommuPorts {
  memory: PhysicalMemory;
  frames: FrameAllocator;
  edge: EdgePort<GuestToVmm, VmmToGuest>;
  execution: Execution;
  tracer: Tracer;
  switches: ReadonlySet<string>;
  abi: VirtioIommuAbi;
}

/** The virtio-iommu driver of the guest (struct viommu_dev). */
export class Viommu implements Omit<ViommuPorts, "edge"> {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly execution: Execution;
  readonly tracer: Tracer;
  readonly switches: ReadonlySet<string>;
  readonly abi: VirtioIommuAbi;
  readonly requests: RequestQueue;
  readonly pasids = new PasidAllocator<Mm>();
  readonly quarantine = new Quarantine();
  readonly endpoints = new Map<number, Endpoint>();
  /** Newest first: there is one, but with RR-30. */
  readonly iopfQueues: IopfQueue[];
  /** iopf_lock, sva_lock: the features of an endpoint change one at a time. */
  readonly featureLock: Mutex;
  events: EventQueue | null = null;
  /** Of the lines about faults that nobody can answer. */
  readonly faultMessages: RateLimit;
  asids = new AsidAllocator(8);
  readonly domainIds = { first: 0, next: () => this.domainIds.first++ };
  readonly #edge: EdgePort<GuestToVmm, VmmToGuest>;
  #probeSize = 0;
  #pageRequests = false;
  #inputEnd = 2n ** 64n - 1n;

  constructor(ports: ViommuPorts) {
    this.memory = ports.memory;
    this.frames = ports.frames;
    this.execution = ports.execution;
    this.tracer = ports.tracer;
    this.switches = ports.switches;
    this.abi = ports.abi;
    this.faultMessages = new RateLimit(() => ports.execution.now());
    this.#edge = ports.edge;
    const { switches } = ports;
    this.requests = new RequestQueue(ports.edge, {
      requestLock: switches.has("RR-83") ? new Mutex("request_lock", ports.execution.locks) : null,
      unwrittenIsOk: switches.has("RR-58"),
      waitsForRoom: !switches.has("M-room-for-requests"),
    });
    this.featureLock = new Mutex("iopf_lock", ports.execution.locks);
    this.iopfQueues = [this.#allocIopfQueue()];
  }

  /** The queue of the driver. */
  get iopf(): IopfQueue {
    return this.iopfQueues[0];
  }

  #allocIopfQueue(): IopfQueue {
    const { execution, switches } = this;
    return new IopfQueue("viommu-iopfq", {
      execution,
      ignorePasid: switches.has("RR-75"),
      handlesPartial: switches.has("S23"),
      handleSingle: (device, fault) => handleIoPageFault(this, device, fault),
    });
  }

  /** The queue that an endpoint's faults go to. */
  iopfOf({ iommu }: Endpoint): IopfQueue {
    return iommu.iopfQueue ?? this.iopf;
  }

  /** Feature negotiation, configuration, event buffers. -ENODEV: no VERSION_1; -EINVAL: FEATURES_OK refused, no page size, or neither MAP_UNMAP nor ATTACH_TABLE; -EIO: the edge broke. */
  async probe(): Promise<number> {
    await this.#setStatus(0);
    await this.#setStatus(ACKNOWLEDGE | DRIVER);
    const offered = await this.#edge.request({ kind: "getFeatures" });
    if (offered === "broken" || offered.kind !== "features") return -EIO;
    const offeredBits = uint64Of(offered.features);
    const has = (bit: number) => ((offeredBits >> BigInt(bit)) & 1n) === 1n;
    if (!has(VIRTIO_F_VERSION_1)) return this.#fail(-ENODEV);
    const { abi } = this;
    if (!has(VIRTIO_IOMMU_F_MAP_UNMAP) && !has(abi.attachTable)) return this.#fail(-EINVAL);
    let features = abi.wanted.filter(has).reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
    if (abi.tablesNeedProbe && !has(VIRTIO_IOMMU_F_PROBE)) features &= ~((1n << BigInt(abi.attachTable)) | (1n << BigInt(abi.pageRequest)));
    const negotiated = (bit: number) => ((features >> BigInt(bit)) & 1n) === 1n;
    await this.#edge.request({ kind: "setFeatures", features: uint64Bytes(features) });
    const status = await this.#setStatus(ACKNOWLEDGE | DRIVER | FEATURES_OK);
    if ((status & FEATURES_OK) === 0) return this.#fail(-EINVAL);

    const config = await this.#edge.request({ kind: "readConfig", offset: 0, length: virtio_iommu_config.sizeBytes });
    if (config === "broken" || config.kind !== "config") return -EIO;
    const fields = virtio_iommu_config.decode(config.data);
    if (fields.page_size_mask === 0n) return this.#fail(-EINVAL);
    if (negotiated(VIRTIO_IOMMU_F_INPUT_RANGE)) this.#inputEnd = fields.input_range_end;
    if (negotiated(VIRTIO_IOMMU_F_DOMAIN_RANGE)) this.domainIds.first = Number(fields.domain_range_start);
    if (negotiated(VIRTIO_IOMMU_F_PROBE)) this.#probeSize = Number(fields.probe_size);
    this.#pageRequests = negotiated(abi.pageRequest);
    this.events = new EventQueue(this.#edge, {
      execution: this.execution,
      abi,
      pageRequests: negotiated(abi.pageRequest),
      posted: { singleSlot: this.switches.has("RR-09"), readsBufferLate: this.switches.has("RR-10"), takesShort: this.switches.has("RR-72") },
      drains: !this.switches.has("M-drain-events"),
      handle: (report) => viommu_fault_handler(this, report),
    });
    await this.#setStatus(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    await this.events.postBuffers();
    return 0;
  }

  /** PROBE of one endpoint, which is then known to the fault path (RR-06: with F_PROBE alone). The endpoint, or -errno. */
  async probeEndpoint(id: number): Promise<Endpoint | number> {
    const properties =
      this.#probeSize > 0
        ? await viommu_probe_endpoint(this.requests, id, this.#probeSize, this.abi, this.switches.has("RR-48") ? parseUnbounded : parseProperties)
        : noProperties();
    if (typeof properties === "number") return properties;
    properties.inputEnd ||= this.#inputEnd;
    if (this.#pageRequests) properties.pageRequest ??= this.abi.pageRequestUnsaid;
    if (this.endpoints.size === 0) this.asids = new AsidAllocator(properties.asidBits ?? 8);
    const endpoint = new Endpoint(id, properties, this.execution.locks);
    endpoint.iommu.pageResponse = (fault, response) => viommu_page_response(this, endpoint, fault, response);
    if (this.switches.has("RR-30")) this.iopfQueues.unshift(this.#allocIopfQueue()); // over the one that has devices
    if (this.#probeSize > 0 || !this.switches.has("RR-06")) this.endpoints.set(id, endpoint);
    return endpoint;
  }

  /** A reset of the function closed its page request groups: nobody waits for their answers. */
  async functionReset(endpoint: Endpoint): Promise<void> {
    await iommu_drop_pending(endpoint.iommu);
    this.iopfOf(endpoint).iopf_queue_discard_partial(endpoint.iommu);
    endpoint.closeAllGroups();
  }

  async #setStatus(status: number): Promise<number> {
    const reply = await this.#edge.request({ kind: "setStatus", status });
    return reply === "broken" || reply.kind !== "status" ? 0 : reply.status;
  }

  async #fail(ret: number): Promise<number> {
    await this.#setStatus(FAILED);
    return ret;
  }
}
