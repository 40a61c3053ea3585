import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { ACKNOWLEDGE, DEVICE_NEEDS_RESET, DRIVER, DRIVER_OK, EVENT_QUEUE, FEATURES_OK, REQUEST_QUEUE } from "@faultline/shared/virtio/virtio-iommu.ts";
import { Stuck } from "../replay-machine.ts";

/** Buffers that the event queue has, each as long as a report of the specification (virtio-iommu.md, 1 and 7.1). */
const EVENT_BUFFERS = 64;
const REPORT_BYTES = 24;
const NOTHING = new Uint8Array(0);

/** How the guest reaches its VMM. `request` rejects when the VMM is gone or does not answer. */
export interface GuestPort {
  request(body: GuestToVmm): Promise<VmmToGuest>;
  send(body: GuestToVmm): Promise<void>;
  /** Never waits for ever. */
  within<T>(work: Promise<T>): Promise<T>;
}

/** A driver that does what a vector says and nothing else. */
export class VirtioDriver {
  readonly #port: GuestPort;
  readonly #used = new Map<number, (written: Uint8Array) => void>();
  #reports: Uint8Array[] = [];
  #head = 0;

  constructor(port: GuestPort) {
    this.#port = port;
  }

  /** A message of the VMM that answers nothing. */
  deliver(body: VmmToGuest): void {
    if (body.kind !== "used") return;
    if (body.queue === EVENT_QUEUE) {
      this.#reports.push(body.written);
      void this.#post(body.head).catch(() => {}); // whoever waits for something hears that the VMM is gone
      return;
    }
    this.#used.get(body.head)?.(body.written);
    this.#used.delete(body.head);
  }

  async reset(): Promise<void> {
    await this.#setStatus(0);
  }

  /** Negotiates exactly these features; true: the device took them, and the driver runs. */
  async features(accept: bigint): Promise<boolean> {
    await this.#setStatus(ACKNOWLEDGE | DRIVER);
    await this.#port.request({ kind: "setFeatures", features: uint64Bytes(accept) });
    const ok = ((await this.#setStatus(ACKNOWLEDGE | DRIVER | FEATURES_OK)) & FEATURES_OK) !== 0;
    if (!ok) return false;
    await this.#setStatus(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    for (let head = 0; head < EVENT_BUFFERS; head++) await this.#post(head);
    return true;
  }

  /** One chain on the request queue: what the device wrote, or null when `returns` is false and it kept the chain. */
  async request(readable: Uint8Array, writableLength: number, returns: boolean): Promise<Uint8Array | null> {
    const head = this.#head++ % 256;
    const used = new Promise<Uint8Array>((resolve) => this.#used.set(head, resolve));
    await this.#port.send({ kind: "available", queue: REQUEST_QUEUE, head, readable, writableLength });
    if (returns) return this.#port.within(used);
    await this.#status(); // whatever the device did with the chain at once, it has said before this
    const kept = this.#used.delete(head);
    return kept ? null : used;
  }

  async readConfig(offset: number, length: number): Promise<Uint8Array> {
    const reply = await this.#port.request({ kind: "readConfig", offset, length });
    return reply.kind === "config" ? reply.data : Promise.reject(new Stuck(`readConfig was answered by ${reply.kind}`));
  }

  /** Byte by byte. True: the device needs a reset now. */
  async writeConfig(offset: number, bytes: Uint8Array): Promise<boolean> {
    for (const [index, byte] of bytes.entries()) await this.#port.request({ kind: "writeConfig", offset: offset + index, data: Uint8Array.of(byte) });
    return ((await this.#status()) & DEVICE_NEEDS_RESET) !== 0;
  }

  /** What the VMM has reported when it answers this. */
  async takeReports(): Promise<Uint8Array[]> {
    await this.#status();
    return this.#reports.splice(0);
  }

  #post(head: number): Promise<void> {
    return this.#port.send({ kind: "available", queue: EVENT_QUEUE, head, readable: NOTHING, writableLength: REPORT_BYTES });
  }

  async #status(): Promise<number> {
    return statusIn(await this.#port.request({ kind: "getStatus" }));
  }
  async #setStatus(status: number): Promise<number> {
    return statusIn(await this.#port.request({ kind: "setStatus", status }));
  }
}

function statusIn(reply: VmmToGuest): number {
  if (reply.kind !== "status") throw new Stuck(`the device status was answered by ${reply.kind}`);
  return reply.status;
}
