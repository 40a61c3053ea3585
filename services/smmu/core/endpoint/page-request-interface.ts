import { hex } from "@faultline/shared/codec/uint64.ts";
import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import { PRI } from "@faultline/shared/pcie/capabilities.ts";
import type { Upstream } from "../link.ts";
import type { ConfigSpace } from "./config-space.ts";
import type { FunctionPorts } from "./ports.ts";

const PRG_INDEXES = 512;

export interface PageNeed {
  address: bigint;
  read: boolean;
  write: boolean;
  priv: boolean;
}
/** What became of a group: the response's meaning, or the reset that closed it. */
export type GroupOutcome = "success" | "invalid" | "failure" | "closed";
interface Group {
  prgi: number;
  pasid: number | null;
  pages: readonly PageNeed[];
  unsent: number;
  answered(outcome: GroupOutcome): void;
}

/** The page-request interface: groups, credits, responses, and its obligations on disable (PCIe 10.4; spec/pcie-ats-pri.md, section 3). */
export class PageRequestInterface {
  readonly #config: ConfigSpace;
  readonly #upstream: Upstream;
  readonly #ports: FunctionPorts;
  readonly #name: string;
  readonly #groups = new Map<number, Group>();
  /** Those of which requests have not left. */
  readonly #sending = new Set<Group>();
  /** Runs on through resets, so that a late response seldom finds its index in use again. */
  #nextIndex = 0;
  #outstanding = 0;

  constructor(sid: number, config: ConfigSpace, upstream: Upstream, ports: FunctionPorts) {
    this.#name = hex(sid);
    this.#config = config;
    this.#upstream = upstream;
    this.#ports = ports;
  }

  /** Groups that nobody has answered, for `info endpoints`. */
  openGroups(): { prgi: number; pasid: number | null; pages: number; unsent: number }[] {
    return [...this.#groups.values()].map(({ prgi, pasid, pages, unsent }) => ({ prgi, pasid, pages: pages.length, unsent }));
  }
  get outstanding(): number {
    return this.#outstanding;
  }
  /** Page requests that may be sent now: at most the allocation outstanding (10.5.2.5). */
  get credits(): number {
    return this.usable ? Math.max(0, this.#config.allocation - this.#outstanding) : 0;
  }
  get responseFailure(): boolean {
    return (this.#config.priStatus & PRI.responseFailure) !== 0;
  }
  /** Enabled, and not stopped by a Response Failure. */
  get usable(): boolean {
    return this.#config.priEnabled && !this.responseFailure;
  }

  /** Opens a group of pages of one PASID; its requests leave one a step. The caller has asked `credits`. False: no PRG index is free. */
  request(pasid: number | null, pages: readonly PageNeed[], answered: (outcome: GroupOutcome) => void): boolean {
    if (this.#groups.size === PRG_INDEXES) return false;
    while (this.#groups.has(this.#nextIndex)) this.#nextIndex = (this.#nextIndex + 1) % PRG_INDEXES;
    const prgi = this.#nextIndex;
    this.#nextIndex = (prgi + 1) % PRG_INDEXES;
    const group = { prgi, pasid, pages, unsent: pages.length, answered };
    this.#groups.set(prgi, group);
    this.#sending.add(group);
    this.#outstanding += pages.length; // each until the group's response
    return true;
  }

  /** Sends one Page Request message. False: nothing to send. A group that was begun is finished even when PRI was disabled meanwhile: its requests are queued for transmission (10.5.2.3). */
  step(): boolean {
    if (this.#sending.size === 0) return false;
    for (const group of this.#sending) {
      const { pasid, prgi } = group;
      if (this.#ports.held("smmu.endpoint.before-page-request", { sid: this.#name, pasid: pasid ?? -1, grpid: prgi })) continue;
      const { address, read, write, priv } = group.pages[group.pages.length - group.unsent];
      const last = --group.unsent === 0;
      if (last) this.#sending.delete(group);
      const ids = { sid: this.#name, pasid: pasid ?? undefined, grpid: prgi, iova: hex(address) };
      this.#ports.tracer.emit("endpoint.page-request", ids, { last, read, write, allocation: this.#config.allocation });
      this.#upstream.pageRequest({ pasid, priv, exec: false, address, prgi, last, read, write }); // the response may be in already
      return true;
    }
    return false;
  }

  /**
   * 10.4.2: an index that is not open, or a PASID that does not fit the group (undefined by PCIe, chosen here), is Unexpected PRG Index.
   * A Response Failure stops the interface whatever its PASID, also before the group's Last was sent; after it responses are ignored.
   */
  response(tlp: { pasid: number | null; prgi: number; code: number }): void {
    const group = this.#groups.get(tlp.prgi);
    const failure = tlp.code !== PRG_RESPONSE_CODE.Success && tlp.code !== PRG_RESPONSE_CODE.InvalidRequest;
    const accepted = !this.responseFailure && group !== undefined && (failure || (group.unsent === 0 && tlp.pasid === group.pasid));
    this.#ports.tracer.emit("endpoint.prg-response", { sid: this.#name, pasid: group?.pasid ?? tlp.pasid ?? undefined, grpid: tlp.prgi }, { code: tlp.code, accepted });
    if (this.responseFailure) return;
    if (!accepted) return this.#config.setPriStatus(PRI.unexpectedPrgIndex, 0);
    if (failure) {
      this.#config.setPriStatus(PRI.responseFailure | PRI.stopped, 0);
      for (const open of [...this.#groups.values()]) this.#close(open, "failure");
      return;
    }
    this.#close(group, tlp.code === PRG_RESPONSE_CODE.Success ? "success" : "invalid");
    this.#stopWhenDrained();
  }

  #close(group: Group, outcome: GroupOutcome): void {
    if (!this.#groups.delete(group.prgi)) return;
    this.#sending.delete(group);
    this.#outstanding -= group.pages.length;
    if (outcome === "closed") this.#ports.tracer.emit("endpoint.group-closed", this.#ids(group));
    group.answered(outcome);
  }

  /** Enable 1 -> 0: groups of which nothing was sent are dropped; Stopped once nothing is outstanding (10.5.2.3). */
  disabled(): void {
    this.#config.setPriStatus(0, PRI.stopped);
    for (const group of [...this.#groups.values()]) if (group.unsent === group.pages.length) this.#close(group, "closed");
    this.#stopWhenDrained();
  }
  #stopWhenDrained(): void {
    if (!this.#config.priEnabled && this.#outstanding === 0) this.#config.setPriStatus(PRI.stopped, 0);
  }

  /** PRI Reset while disabled, and FLR: every open group is closed. The allocation stays. */
  reset(): void {
    for (const group of [...this.#groups.values()]) this.#close(group, "closed");
    this.#config.setPriStatus(PRI.stopped, 0);
  }

  /** Stop Marker: L = 1, R = W = 0 with a PASID, behind the PASID's last request; not outstanding, not answered (10.4.1.2.1). */
  stopMarker(pasid: number): void {
    this.#ports.tracer.emit("endpoint.stop-marker", { sid: this.#name, pasid });
    this.#upstream.pageRequest({ pasid, priv: false, exec: false, address: 0n, prgi: 0, last: true, read: false, write: false });
  }

  #ids({ pasid, prgi }: Group) {
    return { sid: this.#name, pasid: pasid ?? undefined, grpid: prgi };
  }
}
