import { completion } from "@faultline/shared/accelerator/completion.ts";
import { descriptor } from "@faultline/shared/accelerator/descriptor.ts";
import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { walkTable } from "@faultline/shared/arm-vmsa/table-walk.ts";
import { numberOf, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort, SendResult } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import {
  virtio_iommu_config,
  virtio_iommu_fault,
  virtio_iommu_probe_input_range,
  virtio_iommu_probe_output_size,
  virtio_iommu_probe_page_request,
  virtio_iommu_probe_pasid_size,
  virtio_iommu_probe_table_format,
  virtio_iommu_req_attach_pst_arm,
  virtio_iommu_req_page_resp,
} from "@faultline/shared/virtio/virtio-iommu.ts";

const FEATURES = (1n << 32n) | 0b1_0001_0111n | (1n << 9n);
const PAGE = 4096;

/** The other end of the guest's edge: a virtio-iommu, and an accelerator (copy only) that walks the guest's own tables and asks for missing pages. */
export class FakeVmm implements EdgePort<GuestToVmm, VmmToGuest> {
  readonly broken = false;
  readonly memory: PhysicalMemory;
  readonly bdf = 8;
  pasidBits = 8;
  features = FEATURES;
  /** What PROBE answers; null: the properties of an accelerator. */
  properties: Uint8Array | null = null;
  deliver: (body: VmmToGuest) => void = () => {};
  /** What the guest sent on the request queue: type and whole readable part. */
  readonly requests: { type: number; bytes: Uint8Array }[] = [];
  readonly eventHeads: number[] = [];
  readonly eventLengths: number[] = [];
  table = 0;
  cdmax = 0;
  /** Status answered to a request; may be changed by a test. */
  status: (type: number, bytes: Uint8Array) => number = () => 0;
  /** Types of requests that come back unwritten: used length 0 (VI-D-12). */
  readonly unwritten = new Set<number>();
  /** Drops page responses before the device sees them. */
  dropResponses = false;
  readonly config = new Uint8Array(4096);
  readonly bar = new Uint8Array(0x10000);
  flrs = 0;
  #groups = new Map<number, (code: number) => void>();
  #nextGroup = 0;
  #running = false;

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
    this.config.set([0x34, 0x12, 0x01, 0x5a]);
    this.config[0x34] = 0x40;
    this.config.set([0x11, 0x60, 8, 0, 0x00, 0x80, 0, 0], 0x40); // MSI-X: 9 vectors, table at 0x8000
    this.config.set([0x10, 0x00], 0x60); // PCI Express
    this.config.set([0x0f, 0, 0x01, 0x11], 0x100); // ATS, next 0x110
    this.config.set([0x13, 0, 0x01, 0x00, 0, 0, 0x00, 0x01, 32, 0, 0, 0], 0x110); // PRI: disabled, stopped, capacity 32
    this.bar.set(uint64Bytes(0x15a01).subarray(0, 4), 0);
  }

  send(body: GuestToVmm): SendResult {
    queueMicrotask(() => this.#handle(body));
    return "sent";
  }
  async request(body: GuestToVmm): Promise<VmmToGuest | "broken"> {
    await Promise.resolve();
    switch (body.kind) {
      case "getFeatures":
        return { kind: "features", features: uint64Bytes(this.features) };
      case "setFeatures":
        return { kind: "features", features: body.features };
      case "setStatus":
        return { kind: "status", status: body.status };
      case "readConfig":
        return {
          kind: "config",
          data: virtio_iommu_config.encode({ page_size_mask: 0x1000n, input_range_end: 2n ** 48n - 1n, domain_range_end: 0xffff, probe_size: 512 }),
        };
      case "pciRead":
        return { kind: "pciReadResult", value: (body.space === "config" ? this.config : this.bar).slice(body.offset, body.offset + body.size) };
      case "pciWrite":
        if (body.offset === 0x68 && numberOf(body.value) & 0x8000) this.#reset();
        else if (body.offset < 0x100) this.config.set(body.value, body.offset); // ATS and PRI are read-only (vfio-uapi.md, section 8)
        return { kind: "pciWriteDone" };
      default:
        throw new Error(`unexpected ${body.kind}`);
    }
  }
  reply(): void {}
  post(): void {}
  async writable(): Promise<void> {}

  /** Puts a report on the event queue. */
  event(fields: Parameters<typeof virtio_iommu_fault.encode>[0]): void {
    const head = this.eventHeads.shift();
    if (head === undefined) throw new Error("no event buffer");
    this.deliver({ kind: "used", queue: 1, head, written: virtio_iommu_fault.encode(fields), interrupt: true });
  }

  /** Answers of the guest, decoded. */
  get responses() {
    return this.requests.filter((request) => request.type === 8).map((request) => virtio_iommu_req_page_resp.decode(pad(request.bytes)));
  }

  cd(pasid: number) {
    return CD.decode(this.memory.read(this.table + 64 * pasid, 64)!);
  }

  #handle(body: GuestToVmm): void {
    if (body.kind === "available" && body.queue === 1) {
      this.eventHeads.push(body.head);
      this.eventLengths.push(body.writableLength);
    } else if (body.kind === "available") {
      const type = body.readable[0];
      this.requests.push({ type, bytes: body.readable });
      if (this.unwritten.has(type)) return this.deliver({ kind: "used", queue: 0, head: body.head, written: new Uint8Array(0), interrupt: false });
      const written = new Uint8Array(body.writableLength);
      written[written.length - 4] = this.status(type, body.readable);
      if (type === 5) written.set(this.properties ?? properties(this.pasidBits));
      if (type === 6 && written[written.length - 4] === 0) {
        const attach = virtio_iommu_req_attach_pst_arm.decode(pad(body.readable));
        this.table = Number(attach.s1contextptr);
        this.cdmax = Number(attach.s1cdmax);
      }
      if (type === 8 && !this.dropResponses) {
        const response = virtio_iommu_req_page_resp.decode(pad(body.readable));
        this.#groups.get(Number(response.group_id))?.(Number(response.resp_code));
      }
      this.deliver({ kind: "used", queue: 0, head: body.head, written, interrupt: false });
    } else if (body.kind === "pciWrite") {
      this.bar.set(body.value, body.offset);
      if (body.offset === 0x1018 && numberOf(body.value) === 7) {
        this.bar.set([1, 0, 0, 0], 0x1018);
        this.bar.fill(0, 0x1010, 0x1014); // enabled: HEAD = 0
      }
      if (body.offset === 0x1018 && numberOf(body.value) & 0x100) this.bar[0x1018] = 5; // stopped
      if (body.offset === 0x1014) void this.#run();
    }
  }

  #reset(): void {
    this.flrs++;
    this.#groups.clear();
    this.#running = false;
    this.bar.fill(0, 0x1000, 0x2000);
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const register = (offset: number, size: number) => numberOf(this.bar.slice(0x1000 + offset, 0x1000 + offset + size));
    for (let head = register(0x10, 4); head !== register(0x14, 4); head = (head + 1) % 2 ** register(8, 4)) {
      const fields = descriptor.decode((await this.#dma(register(0, 8) + 64 * head, 64))!);
      let status = 1;
      for (let at = 0; at < Number(fields.length) && status === 1; at += PAGE) {
        const take = Math.min(PAGE, Number(fields.length) - at);
        const data = await this.#dma(Number(fields.source) + at, take);
        if (!data || !(await this.#dma(Number(fields.destination) + at, take, data))) status = 3;
      }
      await this.#dma(Number(fields.completion), 32, completion.encode({ tag: fields.tag, status, bytesDone: fields.length, result: fields.length }));
      this.bar.set(uint64Bytes((head + 1) % 256).subarray(0, 4), 0x1010);
      this.deliver({ kind: "interrupt", source: "msix", bdf: this.bdf, vector: 0 });
    }
    this.#running = false;
  }

  /** One access of the device inside one page; `data` makes it a write. null: the guest refused the page. */
  async #dma(va: number, length: number, data?: Uint8Array): Promise<Uint8Array | null> {
    const pasid = numberOf(this.bar.slice(0x100c, 0x1010)) % 2 ** 20;
    for (;;) {
      const gpa = walkTable(this.memory, 1, Number(this.cd(pasid).TTB0) * 16, 0, 48, va, data !== undefined);
      if (gpa !== null && data) this.memory.write(gpa, data);
      if (gpa !== null) return data ?? this.memory.read(gpa, length);
      const group = this.#nextGroup++ % 512;
      const code = new Promise<number>((resolve) => this.#groups.set(group, resolve));
      this.event({
        reason: 2,
        flags: (data ? 2 : 1) | 0x10 | 0x20 | 0x100 | 0x200 | 0x400,
        endpoint: this.bdf,
        pasid,
        address: BigInt(va - (va % PAGE)),
        group_id: group,
      });
      if ((await code) !== 0) return null;
    }
  }
}

const pad = (readable: Uint8Array): Uint8Array => {
  const whole = new Uint8Array(readable.length + 4);
  whole.set(readable);
  return whole;
};

function properties(pasidBits: number): Uint8Array {
  const parts = [
    virtio_iommu_probe_input_range.encode({ type: 3, length: 20, end: 2n ** 48n - 1n }),
    virtio_iommu_probe_output_size.encode({ type: 4, length: 4, bits: 48 }),
    virtio_iommu_probe_pasid_size.encode({ type: 5, length: 4, bits: pasidBits }),
    virtio_iommu_probe_table_format.encode({ type: 6, length: 12, format: 1, flags: 1 }),
    virtio_iommu_probe_table_format.encode({ type: 6, length: 12, format: 2, flags: 2 }),
    virtio_iommu_probe_page_request.encode({ type: 8, length: 4, flags: 1 }),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
