import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { SendResult } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import {
  virtio_iommu_fault,
  virtio_iommu_req_attach,
  virtio_iommu_req_attach_pst_arm,
  virtio_iommu_req_invalidate,
  virtio_iommu_req_page_resp,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { TaskExecution, turns } from "../../../test/support/task-execution.ts";
import { FakeHost } from "../test-support/fake-host.ts";
import { Vmm } from "./vmm.ts";

const GPA = 0x8000_0000,
  RAM = 2 ** 20,
  HVA = 0x7f00_0000_0000;
const OK = 0,
  INVAL = 4;
const FEATURES = 0b1_0001_0111n | (1n << 6n) | (1n << 9n) | (1n << 32n);
const LAST = 2,
  PASID_VALID = 1,
  NEEDS_PASID = 8;
const PAGE_REQUEST = PASID_VALID | NEEDS_PASID | LAST;

/** A guest on the VMM's edge: what came back, and how to ask. */
class Driver {
  readonly used: { queue: number; head: number; written: Uint8Array }[] = [];
  readonly interrupts: number[] = [];
  readonly slots: number[] = [];
  full = false;
  readonly #replies = new Map<number, VmmToGuest>();
  #wake = () => {};
  readonly vmm: ReturnType<Vmm["attachGuest"]>;
  #seq = 0;
  #head = 0;

  constructor(vmm: Vmm) {
    this.vmm = vmm.attachGuest({
      broken: false,
      post() {},
      request: async () => "broken",
      reply: (seq, body) => void this.#replies.set(seq, body),
      send: (body): SendResult => {
        if (this.full) return "full";
        if (body.kind === "used") this.used.push(body);
        if (body.kind === "interrupt" && body.source === "slot") this.slots.push(body.bdf);
        else if (body.kind === "interrupt") this.interrupts.push(body.vector);
        return "sent";
      },
      writable: () => (this.full ? new Promise((resolve) => (this.#wake = resolve)) : Promise.resolve()),
    });
  }
  release(): void {
    this.full = false;
    this.#wake();
  }
  async ask(body: GuestToVmm): Promise<VmmToGuest | undefined> {
    const seq = ++this.#seq;
    this.vmm.deliver(seq, body);
    await turns(8);
    return this.#replies.get(seq);
  }
  async start(features = FEATURES, bufferBytes = 48, buffers = 8): Promise<void> {
    await this.ask({ kind: "setFeatures", features: uint64Bytes(features) });
    await this.ask({ kind: "setStatus", status: 11 });
    await this.ask({ kind: "setStatus", status: 15 });
    for (let i = 0; i < buffers; i++) this.buffer(bufferBytes);
  }
  buffer(writableLength: number): void {
    this.vmm.deliver(++this.#seq, { kind: "available", queue: 1, head: 100 + this.#seq, readable: new Uint8Array(0), writableLength });
  }
  /** Status of a request; undefined while it is not used. */
  async request(bytes: Uint8Array): Promise<number | undefined> {
    const head = ++this.#head;
    this.vmm.deliver(++this.#seq, { kind: "available", queue: 0, head, readable: bytes.subarray(0, bytes.length - 4), writableLength: 4 });
    await turns(12);
    return this.used.find((used) => used.queue === 0 && used.head === head)?.written[0];
  }
  get events() {
    return this.used.filter(({ queue }) => queue === 1).map(({ written }) => virtio_iommu_fault.decode(written));
  }
  config(offset: number, ...value: number[]) {
    return this.ask({ kind: "pciWrite", bdf: 8, space: "config", offset, value: Uint8Array.from(value) });
  }
  bar(offset: number, value: number) {
    return this.ask({ kind: "pciWrite", bdf: 8, space: "bar0", offset, value: uint64Bytes(value).slice(0, 4) });
  }
  /** All vectors at `address`, then MSI-X on. */
  async enableMsix(address: number, vectors = 2): Promise<void> {
    for (let vector = 0; vector < vectors; vector++) {
      await this.bar(0x8000 + 16 * vector, address);
      await this.bar(0x800c + 16 * vector, 0);
    }
    await this.config(0x42, 0x08, 0x80);
  }
}

let host: FakeHost;
let vmm: Vmm;
let driver: Driver;
let execution: TaskExecution;
const machine = { ...defaultMachine, vms: [{ ...defaultMachine.vms[0], ram: RAM, slots: [{ gpa: GPA, size: RAM }] }] };
const respond = (fields: Record<string, number>) => virtio_iommu_req_page_resp.encode({ type: 8, endpoint: 8, ...fields });
const table = (s1contextptr = GPA + 0x10000) =>
  virtio_iommu_req_attach_pst_arm.encode({ type: 6, domain: 1, endpoint: 8, format: 2, s1dss: 2, s1contextptr, s1cdmax: 0 });

beforeEach(async () => {
  host = new FakeHost();
  execution = new TaskExecution();
  vmm = new Vmm(machine, 0, { memory: host.memory, host, execution, tracer: silentTracer, switches: new Set() });
  host.onWrite = (address, data) => vmm.applyWrite(address, data);
  host.onSignal = (fd) => vmm.fromHost(0, { kind: "signal", fd, value: 1 });
  expect(await vmm.boot()).toBe(0);
  driver = new Driver(vmm);
});

describe("boot (flow.md, S1)", () => {
  it("slots, then one container per group with guest RAM in it, then the device, the eventfd of its removal and that of its faults", () => {
    expect(host.calls.filter((call) => !call.includes("_INFO"))).toEqual([
      "open /dev/kvm",
      "KVM_CREATE_VM",
      "KVM_SET_USER_MEMORY_REGION",
      "open /dev/vfio/vfio",
      "VFIO_GET_API_VERSION",
      "open /dev/vfio/0",
      "VFIO_GROUP_GET_STATUS",
      "VFIO_GROUP_SET_CONTAINER",
      "VFIO_SET_IOMMU",
      "VFIO_IOMMU_MAP_DMA",
      "VFIO_GROUP_GET_DEVICE_FD",
      "open eventfd",
      "VFIO_DEVICE_SET_IRQS",
      "open eventfd",
      "VFIO_DEVICE_SET_IRQS",
    ]);
  });
});

describe("negotiation (virtio-iommu.md, 1.1)", () => {
  it.each([
    ["VERSION_1 is missing", FEATURES & ~(1n << 32n)],
    ["ATTACH_TABLE comes without PROBE", FEATURES & ~(1n << 4n)],
    ["a bit was not offered", FEATURES | (1n << 7n)],
  ])("FEATURES_OK reads back 0 when %s", async (_what, features) => {
    await driver.ask({ kind: "setFeatures", features: uint64Bytes(features) });
    expect(await driver.ask({ kind: "setStatus", status: 11 })).toEqual({ kind: "status", status: 3 });
  });
  it("bypass is the only writable byte; unattached endpoints follow it", async () => {
    await driver.start();
    await driver.ask({ kind: "writeConfig", offset: 36, data: Uint8Array.of(2) });
    await driver.ask({ kind: "writeConfig", offset: 0, data: Uint8Array.of(0) });
    expect(host.calls.filter((call) => call.includes("PASID_TABLE"))).toEqual([]);
    await driver.ask({ kind: "writeConfig", offset: 36, data: Uint8Array.of(0) });
    expect(host.calls.at(-1)).toBe("VFIO_IOMMU_SET_PASID_TABLE ABORT");
    expect(((await driver.ask({ kind: "readConfig", offset: 36, length: 1 })) as { data: Uint8Array }).data).toEqual(Uint8Array.of(0));
  });
});

describe("a page request on its way to the guest and back (flow.md, f and g)", () => {
  beforeEach(() => driver.start());
  it("becomes a 48-byte report, and the ring's new tail goes to the host", async () => {
    host.pageRequest({ grpid: 3, pasid: 5, flags: PAGE_REQUEST, perm: 3 });
    await turns(4);
    expect(driver.events).toMatchObject([{ reason: 2n, flags: 0x733n, endpoint: 8n, pasid: 5n, group_id: 3n, address: 0x7f0000001000n }]);
    expect(host.tail).toBe(1);
  });
  it("its answer goes into the response ring with the PASID the host's request needs, whatever the guest sent", async () => {
    host.pageRequest({ grpid: 3, pasid: 5, flags: PAGE_REQUEST });
    await turns(4);
    expect(await driver.request(respond({ group_id: 3, resp_code: 0 }))).toBe(OK);
    expect(await driver.request(respond({ group_id: 3, resp_code: 0 }))).toBe(INVAL);
    expect(host.responses).toEqual([{ grpid: 3, pasid: 5, code: 0 }]);
  });
  it("PASID_VALID is not sent when the host's request did not need it", async () => {
    host.pageRequest({ grpid: 3, pasid: 5, flags: PASID_VALID | LAST });
    await turns(4);
    await driver.request(respond({ group_id: 3, flags: 1, pasid: 5, resp_code: 1 }));
    expect(host.responses).toEqual([{ grpid: 3, pasid: null, code: 1 }]);
  });
  it("more records than the ring holds at once pass through it", async () => {
    for (let i = 0; i < 600; i++) {
      driver.buffer(48);
      host.pageRequest({ grpid: i % 512, pasid: 5, flags: PAGE_REQUEST });
      if (i % 100 === 99) await turns(3);
    }
    await turns(3);
    expect(driver.events).toHaveLength(600);
    expect(host.tail).toBe(600 % 512);
  });
  it("a response does not wait for an INVALIDATE that the host has not completed", async () => {
    let complete = () => {};
    host.slow.set("VFIO_IOMMU_CACHE_INVALIDATE", new Promise((resolve) => (complete = resolve)));
    await driver.request(table());
    const invalidate = virtio_iommu_req_invalidate.encode({ type: 7, inv_gran: 1, inv_type: 1, domain: 1, granule: 12 });
    expect(await driver.request(invalidate)).toBeUndefined();
    host.pageRequest({ grpid: 3, pasid: 5, flags: PAGE_REQUEST });
    await turns(4);
    expect(await driver.request(respond({ group_id: 3, resp_code: 0 }))).toBe(OK);
    complete();
    await turns(4);
    expect(driver.used.filter(({ queue }) => queue === 0).at(-1)?.head).toBe(2);
  });
  it("what finds no credit on the guest's edge waits in order", async () => {
    driver.full = true;
    for (const grpid of [1, 2, 3]) host.pageRequest({ grpid, pasid: 5, flags: PAGE_REQUEST });
    await turns(4);
    expect(driver.events).toEqual([]);
    driver.release();
    await turns(4);
    expect(driver.events.map((event) => event.group_id)).toEqual([1n, 2n, 3n]);
  });
});

describe("page requests that cannot reach the guest (virtio-iommu.md, 9; VI-X-14)", () => {
  it("no driver: the last of a group is answered INVALID at once", async () => {
    host.pageRequest({ grpid: 3, pasid: 5, flags: PASID_VALID | NEEDS_PASID });
    host.pageRequest({ grpid: 3, pasid: 5, flags: PAGE_REQUEST });
    await turns(4);
    expect(host.responses).toEqual([{ grpid: 3, pasid: 5, code: 1 }]);
  });
  it("buffers of 24 bytes: INVALID, and the buffer stays in the queue", async () => {
    await driver.start(FEATURES, 24);
    host.pageRequest({ grpid: 3, pasid: 5, flags: PAGE_REQUEST });
    await turns(4);
    expect(driver.used).toEqual([]);
    expect(host.responses).toEqual([{ grpid: 3, pasid: 5, code: 1 }]);
    expect(await driver.request(respond({ group_id: 3 }))).toBe(INVAL);
  });
  it("without a buffer 512 wait; above that a last is INVALID, and a dropped request makes its group's last INVALID", async () => {
    await driver.start(FEATURES, 48, 0);
    for (let i = 0; i < 512; i++) {
      host.pageRequest({ grpid: i % 500, pasid: 5, flags: PAGE_REQUEST });
      if (i % 100 === 99) await turns(3);
    }
    host.pageRequest({ grpid: 501, pasid: 5, flags: PASID_VALID | NEEDS_PASID });
    await turns(3);
    for (let i = 0; i < 2; i++) driver.buffer(48);
    host.pageRequest({ grpid: 501, pasid: 5, flags: PAGE_REQUEST });
    await turns(3);
    expect(driver.events.map((event) => event.group_id)).toEqual([0n, 1n]);
    expect(host.responses).toEqual([{ grpid: 501, pasid: 5, code: 1 }]);
  });
});

describe("ATTACH refused by the host", () => {
  it("gives the host's errno as status and leaves the endpoint as it was", async () => {
    await driver.start();
    await driver.request(virtio_iommu_req_attach.encode({ type: 1, domain: 9, endpoint: 8, flags: 1 }));
    host.refuse.set("VFIO_IOMMU_UNMAP_DMA", -22);
    expect(await driver.request(virtio_iommu_req_attach.encode({ type: 1, domain: 1, endpoint: 8 }))).toBe(INVAL);
    expect(vmm.endpoints.get(8)?.domain?.id).toBe(9);
    expect(host.calls.slice(-4)).toEqual([
      "VFIO_IOMMU_SET_PASID_TABLE ABORT",
      "VFIO_IOMMU_UNMAP_DMA",
      "VFIO_IOMMU_SET_PASID_TABLE ABORT",
      "VFIO_IOMMU_SET_PASID_TABLE BYPASS",
    ]);
  });
});

describe("MSI-X of an assigned function (flow.md, MSI in table mode)", () => {
  const IOVA = 0x5000;
  /** CD 0 whose stage 1 maps IOVA to the doorbell. */
  function doorbellTable(): void {
    let frame = GPA + 0x20000;
    const memory = translated();
    const pgtable = new IoPgtable({
      memory,
      allocFrame: () => (frame += 0x1000),
      freeFrame: () => {},
      format: "stage1",
      inputBits: 48,
      outputBits: 48,
    });
    pgtable.map(IOVA, 0x0808_0000, 0x1000, { read: true, write: true, exec: false, device: true });
    const cd = CD.encode({ V: 1, AA64: 1, T0SZ: 16, IPS: 5, TTB0: pgtable.root / 16, ASID: 1 });
    memory.write(GPA + 0x10000, cd);
  }
  const translated = () => {
    const hva = (gpa: number) => gpa - GPA + HVA;
    const { memory } = host;
    return {
      base: GPA,
      size: RAM,
      contains: (a: number, n: number) => memory.contains(hva(a), n),
      load64: (a: number, out: Uint32Array) => memory.load64(hva(a), out),
      store64: (a: number, low: number, high: number) => memory.store64(hva(a), low, high),
      load32: (a: number) => memory.load32(hva(a)),
      store32: (a: number, v: number) => memory.store32(hva(a), v),
      compareExchange64: (a: number, el: number, eh: number, l: number, h: number) => memory.compareExchange64(hva(a), el, eh, l, h),
      read: (a: number, n: number) => memory.read(hva(a), n),
      write: (a: number, b: Uint8Array) => memory.write(hva(a), b),
      owner: () => ({ host: 0, guest: 0 }),
      setOwner: () => {},
    };
  };
  const msixFds = () => host.eventfdsOfIrq.get(2) ?? [];
  beforeEach(async () => {
    await driver.start();
    doorbellTable();
    await driver.request(table());
  });

  it("the doorbell is found through CD 0 and stage 1, bound, and only then the eventfds are installed", async () => {
    await driver.enableMsix(IOVA + 0x40);
    expect(host.calls.slice(-4)).toEqual(["VFIO_IOMMU_SET_MSI_BINDING BIND 5000 8080000", "open eventfd", "open eventfd", "VFIO_DEVICE_SET_IRQS"]);
    host.onSignal(msixFds()[1]);
    expect(driver.interrupts).toEqual([1]);
  });
  it("the REQ eventfd (the host's function was pulled out) becomes the event of the guest's slot, not a vector (PCIe 6.7.3)", () => {
    const [request] = host.eventfdsOfIrq.get(4) ?? [];
    host.onSignal(request);
    expect([driver.slots, driver.interrupts]).toEqual([[8], []]);
  });
  it("an address that stage 1 does not map leaves the vectors without eventfds", async () => {
    await driver.enableMsix(0x9000);
    expect(msixFds()).toEqual([]);
    expect(host.calls.at(-1)).not.toContain("IRQS");
  });
  it("a vector that is unmasked after MSI-X was enabled is armed then", async () => {
    await driver.config(0x42, 0x08, 0x80);
    expect(msixFds()).toEqual([]);
    await driver.bar(0x8000, IOVA + 0x40);
    await driver.bar(0x800c, 0);
    expect(msixFds()).toHaveLength(1);
  });
  it("a masked vector stays pending and is injected when it is unmasked", async () => {
    await driver.enableMsix(IOVA + 0x40);
    await driver.bar(0x800c, 1);
    host.onSignal(msixFds()[0]);
    expect(driver.interrupts).toEqual([]);
    await driver.bar(0x800c, 0);
    expect(driver.interrupts).toEqual([0]);
  });
  it("leaving the table removes the eventfds and unbinds the doorbell before the table goes", async () => {
    await driver.enableMsix(IOVA + 0x40);
    await driver.request(virtio_iommu_req_attach.encode({ type: 1, domain: 7, endpoint: 8, flags: 1 }));
    const at = host.calls.lastIndexOf("VFIO_IOMMU_SET_MSI_BINDING UNBIND 5000");
    expect(at).toBeGreaterThan(0);
    expect(host.calls.indexOf("VFIO_IOMMU_SET_PASID_TABLE ABORT", at)).toBeGreaterThan(at);
  });
  it("the guest reads back its own table and control bits", async () => {
    await driver.enableMsix(IOVA + 0x40);
    expect(await driver.ask({ kind: "pciRead", bdf: 8, space: "bar0", offset: 0x8000, size: 4 })).toEqual({
      kind: "pciReadResult",
      value: Uint8Array.of(0x40, 0x50, 0, 0),
    });
    expect(await driver.ask({ kind: "pciRead", bdf: 8, space: "config", offset: 0x42, size: 2 })).toEqual({ kind: "pciReadResult", value: Uint8Array.of(0x08, 0x80) });
  });
});

describe("function level reset by the guest", () => {
  it("becomes VFIO_DEVICE_RESET and closes the groups of before it, those in the ring too", async () => {
    await driver.start();
    host.pageRequest({ grpid: 3, pasid: 5, flags: PAGE_REQUEST });
    await turns(4);
    let drain = () => {};
    execution.held.set("vmm.fault-relay.before-drain", new Promise((resolve) => (drain = resolve)));
    host.pageRequest({ grpid: 4, pasid: 5, flags: PAGE_REQUEST });
    expect(await driver.config(0x68, 0x00, 0x80)).toEqual({ kind: "pciWriteDone" });
    expect(host.calls.at(-1)).toBe("VFIO_DEVICE_RESET");
    drain();
    await turns(4);
    expect(driver.events.map((event) => event.group_id)).toEqual([3n]);
    expect(host.tail).toBe(2);
    expect(await driver.request(respond({ group_id: 3 }))).toBe(INVAL);
    expect(host.responses).toEqual([]);
  });
  it("an unknown function reads all ones and ignores writes", async () => {
    expect(await driver.ask({ kind: "pciRead", bdf: 9, space: "config", offset: 0, size: 4 })).toEqual({
      kind: "pciReadResult",
      value: Uint8Array.of(255, 255, 255, 255),
    });
    expect(await driver.ask({ kind: "pciWrite", bdf: 9, space: "config", offset: 0, value: Uint8Array.of(1) })).toEqual({ kind: "pciWriteDone" });
  });
});

describe("reset and death of the guest (flow.md, T7 and T8)", () => {
  beforeEach(async () => {
    await driver.start();
    await driver.request(table());
    host.pageRequest({ grpid: 3, pasid: 5, flags: PAGE_REQUEST });
    await turns(4);
  });
  it("a device reset answers the groups INVALID once, drops domains and unsets the table", async () => {
    expect(await driver.ask({ kind: "setStatus", status: 0 })).toEqual({ kind: "status", status: 0 });
    expect(host.responses).toEqual([{ grpid: 3, pasid: 5, code: 1 }]);
    expect(vmm.attachments.domains.size).toBe(0);
    expect(host.calls.at(-1)).toBe("VFIO_IOMMU_SET_PASID_TABLE UNSET");
    await driver.start();
    expect(await driver.request(respond({ group_id: 3 }))).toBe(INVAL);
  });
  it("`rfc-v1`: a reset endpoint is refused all DMA, there is no bypass", async () => {
    const rfc = new Vmm({ ...machine, abi: "rfc-v1" }, 0, { memory: host.memory, host, execution, tracer: silentTracer, switches: new Set() });
    await rfc.boot();
    const guest = new Driver(rfc);
    await guest.start(0b1111_0111n | (1n << 32n));
    expect(await guest.request(table())).toBe(OK);
    await guest.ask({ kind: "setStatus", status: 0 });
    expect(host.calls.at(-1)).toBe("VFIO_IOMMU_SET_PASID_TABLE ABORT");
  });
  it("a dead guest's functions are reset, and the next guest starts clean", async () => {
    const closed = driver.vmm.closed();
    const next = new Driver(vmm);
    await closed;
    expect(host.responses).toEqual([{ grpid: 3, pasid: 5, code: 1 }]);
    expect(host.calls).toContain("VFIO_DEVICE_RESET");
    await next.start();
    expect(await next.request(table())).toBe(OK);
  });
});
