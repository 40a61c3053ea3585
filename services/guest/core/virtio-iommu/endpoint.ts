import { hex } from "@faultline/shared/codec/uint64.ts";
import { type HeldLocks, Mutex } from "@faultline/shared/execution/mutex.ts";
import { WaitQueue } from "@faultline/shared/execution/wait-queue.ts";
import { IommuDevice } from "@faultline/shared/linux/report-device-fault.ts";
import type { Bond } from "../sva/bond.ts";
import type { Domain } from "./attach.ts";
import type { EndpointProperties } from "./probe.ts";

/** Page requests resolved with SUCCESS, and why the last one that was answered INVALID was: for the driver's error message. */
export interface FaultTally {
  handled: number;
  refusal: string | null;
}

/** One endpoint of the virtio-iommu as the guest's driver keeps it. `id` is its BDF. */
export class Endpoint {
  readonly id: number;
  /** For the trace and for messages. */
  readonly name: string;
  readonly iommu: IommuDevice;
  readonly properties: EndpointProperties;
  domain: Domain | null = null;
  iopfEnabled = false;
  svaEnabled = false;
  bonds: Bond[] = [];
  /** group->mutex: bind and unbind. */
  readonly groupMutex: Mutex;
  /** Groups whose last request arrived and whose answer the VMM has not taken yet. */
  #openGroups: { pasid: number; grpid: number }[] = [];
  readonly #answered = new WaitQueue();
  /** What became of the page requests of each PASID since its bind. */
  readonly #tallies = new Map<number, FaultTally>();

  constructor(id: number, properties: EndpointProperties, locks: HeldLocks) {
    this.id = id;
    this.name = hex(id);
    this.iommu = new IommuDevice(`endpoint ${this.name}`, locks);
    this.properties = properties;
    this.groupMutex = new Mutex(`${this.iommu.name} group mutex`, locks);
  }

  tally(pasid: number): FaultTally {
    let tally = this.#tallies.get(pasid);
    if (!tally) this.#tallies.set(pasid, (tally = { handled: 0, refusal: null }));
    return tally;
  }

  /** The PASID is free: what is counted next belongs to its next owner. */
  forgetTally(pasid: number): void {
    this.#tallies.delete(pasid);
  }

  openGroup(pasid: number, grpid: number): void {
    this.#openGroups.push({ pasid, grpid });
  }

  closeGroup(pasid: number, grpid: number): void {
    const at = this.#openGroups.findIndex((group) => group.pasid === pasid && group.grpid === grpid);
    if (at >= 0) this.#openGroups.splice(at, 1);
    this.#answered.wake();
  }

  /** The function was reset: no answer is owed. */
  closeAllGroups(): void {
    this.#openGroups = [];
    this.#answered.wake();
  }

  get openGroupTotal(): number {
    return this.#openGroups.length;
  }

  openGroupCount(pasid: number): number {
    return this.#openGroups.filter((group) => group.pasid === pasid).length;
  }

  allAnswered(pasid: number): Promise<void> {
    return this.#answered.until(() => this.openGroupCount(pasid) === 0);
  }
}
