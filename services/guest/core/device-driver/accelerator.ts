import { ACCELERATOR, accelerator, CTRL, ERROR_VECTOR, PASID_VALID, QSTATUS, queueOffset, queueRegisters } from "@faultline/shared/accelerator/registers.ts";
import { Mutex } from "@faultline/shared/execution/mutex.ts";
import { WaitQueue } from "@faultline/shared/execution/wait-queue.ts";
import { ENODEV, ENOSPC, ETIMEDOUT } from "@faultline/shared/linux-uapi/errno.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { MSI_DOORBELL_IOVA } from "../virtio-iommu/attach.ts";
import type { Endpoint } from "../virtio-iommu/endpoint.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";
import type { PciDevice } from "./pci.ts";

/** The PASID's outstanding requests must have drained this long after the stop request; else the driver resets the function. */
const STOP_TIMEOUT_NS = 2_000_000_000,
  STOP_POLL_NS = 100_000;

/**
 * The function waits between its tries (shared/accelerator/README.md): its limit of 16 after reset gives a page up after 65 ms, this one after 6 s. So long a host may take to
 * drain a PRI queue that overflows under every function it serves; and it is shorter than the time-out of a job (10 s), so that the function names what failed.
 */
const RETRY_LIMIT = 64;

/** Registers of the whole function (interfaces.md, section 5). */
export interface FunctionSettings {
  pagesPerGroup: number;
  retryLimit?: number;
}

/** One open queue of the function. */
export interface AcceleratorQueue {
  readonly index: number;
  readonly pasid: number;
  readonly ring: number;
  readonly log2Size: number;
  tail: number;
  /** Counts the queue's interrupts, so that none is missed between a look at memory and the wait. */
  interrupts: number;
  readonly interrupted: WaitQueue;
  /** The function was reset under the queue, or removed. */
  dead: boolean;
  /** QSTATUS.ERROR: the device could not reach ring or completion record. */
  error: boolean;
}

/** Driver of the accelerator (interfaces.md, section 5). */
export class AcceleratorDriver {
  readonly pci: PciDevice;
  readonly endpoint: Endpoint;
  readonly #viommu: Viommu;
  readonly #queues = new Map<number, AcceleratorQueue>();
  /** A reset takes back what was written before and ignores what is written meanwhile. */
  readonly #resetLock: Mutex;

  constructor(pci: PciDevice, endpoint: Endpoint, viommu: Viommu) {
    this.pci = pci;
    this.endpoint = endpoint;
    this.#viommu = viommu;
    this.#resetLock = new Mutex(`${endpoint.iommu.name} accelerator reset`, viommu.execution.locks);
  }

  /** -ENODEV: another function, or no MSI-X. */
  async probe(): Promise<number> {
    const id = await this.pci.read("config", 0, 4);
    if (id !== ACCELERATOR.vendorId + ACCELERATOR.deviceId * 0x10000) return -ENODEV;
    await this.pci.enable();
    const vectors = await this.pci.enableMsix(MSI_DOORBELL_IOVA + (addressMap.gitsTranslater - addressMap.gitsPage.base));
    if (vectors < 0) return vectors;
    if ((await this.pci.read("bar0", accelerator.ID.offset, 4)) !== ACCELERATOR.id) return -ENODEV;
    await this.pci.writeBar(accelerator.CTRL.offset, 4, CTRL.ENABLE);
    return 0;
  }

  interrupt(vector: number): void {
    if (vector === ERROR_VECTOR) this.#viommu.execution.spawn("accelerator error interrupt", () => this.#readErrors());
    const queue = this.#queues.get(vector);
    if (queue) {
      queue.interrupts++;
      queue.interrupted.wake();
    }
  }

  async #readErrors(): Promise<void> {
    for (const queue of [...this.#queues.values()]) {
      const status = await this.pci.read("bar0", queueOffset(queue.index) + queueRegisters.QSTATUS.offset, 4);
      if ((status & QSTATUS.ERROR) === 0) continue;
      queue.error = true;
      queue.interrupted.wake();
    }
  }

  /** A queue whose ring, descriptors and data are addresses of `pasid`. The settings are the function's: the last ones given hold. -ENOSPC: all are open; -ENODEV: the function is gone. */
  openQueue(pasid: number, ring: number, log2Size: number, { pagesPerGroup, retryLimit = RETRY_LIMIT }: FunctionSettings): Promise<AcceleratorQueue | number> {
    return this.#resetLock.with(async () => {
      if (this.pci.disconnected) return -ENODEV;
      await this.pci.writeBar(accelerator.PAGES_PER_GROUP.offset, 4, pagesPerGroup);
      await this.pci.writeBar(accelerator.RETRY_LIMIT.offset, 4, retryLimit);
      return this.#openQueue(pasid, ring, log2Size);
    });
  }

  async #openQueue(pasid: number, ring: number, log2Size: number): Promise<AcceleratorQueue | number> {
    let index = 0;
    while (this.#queues.has(index)) index++;
    if (index >= ACCELERATOR.queues) return -ENOSPC;
    const queue: AcceleratorQueue = { index, pasid, ring, log2Size, tail: 0, interrupts: 0, interrupted: new WaitQueue(), dead: false, error: false };
    this.#queues.set(index, queue);
    const base = queueOffset(index);
    // M-stop-pasid: the queue may still run for its last owner; its registers take nothing before it is disabled.
    if (this.#viommu.switches.has("M-stop-pasid")) await this.pci.writeBar(base + queueRegisters.QSTATUS.offset, 4, 0);
    await this.pci.writeBar(base + queueRegisters.RING_BASE.offset, 4, ring % 2 ** 32);
    await this.pci.writeBar(base + queueRegisters.RING_BASE.offset + 4, 4, Math.floor(ring / 2 ** 32));
    await this.pci.writeBar(base + queueRegisters.RING_LOG2.offset, 4, log2Size);
    await this.pci.writeBar(base + queueRegisters.PASID.offset, 4, PASID_VALID + pasid);
    await this.pci.writeBar(base + queueRegisters.MSIX_VECTOR.offset, 4, index);
    await this.pci.writeBar(base + queueRegisters.TAIL.offset, 4, 0); // HEAD becomes 0 at enable: nothing of an earlier ring may look published
    await this.pci.writeBar(base + queueRegisters.QSTATUS.offset, 4, QSTATUS.ENABLED | QSTATUS.ERROR | QSTATUS.STOPPED);
    queue.tail = await this.pci.read("bar0", base + queueRegisters.HEAD.offset, 4); // 0; the read also pushes the writes before it
    return queue;
  }

  /** Publishes the descriptors up to `queue.tail`. */
  async ringDoorbell(queue: AcceleratorQueue): Promise<void> {
    await this.pci.writeBar(queueOffset(queue.index) + queueRegisters.TAIL.offset, 4, queue.tail);
  }

  /**
   * Stops the PASID's requests and waits until the outstanding ones have drained, then disables the queue: after it the device uses the PASID no more (IC-108).
   * A function that does not drain is reset, which closes its groups. 0, or -ETIMEDOUT after such a reset.
   */
  async closeQueue(queue: AcceleratorQueue): Promise<number> {
    const { execution, tracer, switches } = this.#viommu;
    const { index, pasid } = queue;
    const held = execution.point("guest.stop-pasid.before-stop", { endpoint: this.endpoint.id, pasid, queue: index });
    if (held) await held;
    const status = queueOffset(index) + queueRegisters.QSTATUS.offset;
    const stops = !queue.dead && !switches.has("M-stop-pasid");
    if (stops) await this.pci.writeBar(status, 4, QSTATUS.ENABLED | QSTATUS.STOP);
    const ret = stops ? await this.#waitForStopped(queue, status) : 0;
    if (ret < 0) await this.reset();
    if (queue.dead)
      await this.#resetLock.with(() => {}); // only the end of a reset ends what the queue had begun
    else if (stops) await this.pci.writeBar(status, 4, QSTATUS.STOPPED | QSTATUS.ERROR);
    if (stops || queue.dead)
      tracer.emit(
        "guest.pasid-stopped",
        { endpoint: this.endpoint.name, pasid, queue: index },
        { ret, by: this.pci.disconnected ? "removal" : queue.dead ? "reset" : "stop" },
      );
    this.#queues.delete(index);
    return ret;
  }

  async #waitForStopped(queue: AcceleratorQueue, status: number): Promise<number> {
    const { execution } = this.#viommu;
    const deadline = execution.now() + STOP_TIMEOUT_NS;
    while (!queue.dead && ((await this.pci.read("bar0", status, 4)) & QSTATUS.STOPPED) === 0) {
      if (execution.now() >= deadline) return -ETIMEDOUT;
      await execution.sleep(STOP_POLL_NS);
    }
    return 0;
  }

  /** The hot-plug event of its slot (pciehp): the function was pulled out. Nothing of it is in flight any more, and who waits for it is told. Not modelled: one that is plugged in again is probed by the next kernel only. */
  remove(): void {
    if (this.pci.disconnected) return;
    this.pci.disconnected = true;
    this.#viommu.tracer.emit("guest.function-removed", { endpoint: this.endpoint.name }, { queues: this.#queues.size });
    for (const queue of this.#queues.values()) {
      queue.dead = true;
      queue.interrupted.wake();
    }
  }

  /** Queues that are open. */
  get openQueues(): number {
    return this.#queues.size;
  }

  /** Function Level Reset: every queue is dead, every page request group closed. */
  async reset(): Promise<number> {
    for (const queue of this.#queues.values()) queue.dead = true;
    return this.#resetLock.with(() => this.#reset());
  }

  async #reset(): Promise<number> {
    const held = this.#viommu.execution.point("guest.device-reset.before-flr", { endpoint: this.endpoint.id });
    if (held) await held;
    const ret = this.#viommu.switches.has("M-reset-function") ? 0 : await this.pci.reset();
    await this.#viommu.functionReset(this.endpoint);
    this.#viommu.tracer.emit("guest.function-reset", { endpoint: this.endpoint.name }, { ret });
    if (ret === 0) await this.pci.writeBar(accelerator.CTRL.offset, 4, CTRL.ENABLE);
    for (const queue of this.#queues.values()) queue.interrupted.wake();
    return ret;
  }
}
