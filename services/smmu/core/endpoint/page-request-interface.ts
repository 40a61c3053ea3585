import { hex } from "@faultline/shared/codec/uint64.ts";
import { PRI } from "@faultline/shared/pcie/capabilities.ts";
import { PRG_RESPONSE_CODE, type Upstream } from "../link.ts";
import type { ConfigSpace } from "./config-space.ts";
import type { FunctionPorts } from "./ports.ts";

const PRG_INDEXES = 512;

export interface PageNeed { address: bigint; read: boolean; write: boolean; priv: boolean }
/** What became of a group: the response's meaning, or the reset that closed it. */
export type GroupOutcome = "success" | "invalid" | "failure" | "closed";
interface Group { prgi: number; pasid: number | null; pages: readonly PageNeed[]; unsent: number; answered(outcome: GroupOutcome): void }

/** The page-request interface: groups, credits, responses, and its obligations on disable (PCIe 10.4; spec/pcie-ats-pri.md, section 3). */
export class PageRequestInterface {
  readonly #sid: number;
  readonly #config: ConfigSpace;
  readonly #upstream: Upstream;
  readonly #ports: FunctionPorts;
  readonly #groups = new Map<number, Group>();
  #nextIndex = 0;
  #outstanding = 0;

  constructor(sid: number, config: ConfigSpace, upstream: Upstream, ports: FunctionPorts) {
    this.#sid = sid;
    this.#config = config;
    this.#upstream = upstream;
    this.#ports = ports;
  }

  get outstanding(): number {
    return this.#outstanding;
  }
  /** Page requests that may be sent now. */
  get credits(): number {
    return this.usable ? Math.max(0, this.#config.allocation - this.#outstanding) : 0;
  }
  /** Enabled, and not stopped by a Response Failure. */
  get usable(): boolean {
    return this.#config.priEnabled && (this.#config.priStatus & PRI.responseFailure) === 0;
  }

  /** Opens a group of pages of one PASID; its requests leave one a step. The caller has asked `credits`. False: no free PRG index. */
  request(pasid: number | null, pages: readonly PageNeed[], answered: (outcome: GroupOutcome) => void): boolean {
    if (this.#groups.size === PRG_INDEXES) return false;
    while (this.#groups.has(this.#nextIndex)) this.#nextIndex = (this.#nextIndex + 1) % PRG_INDEXES;
    const prgi = this.#nextIndex;
    this.#nextIndex = (prgi + 1) % PRG_INDEXES;
    this.#groups.set(prgi, { prgi, pasid, pages, unsent: pages.length, answered });
    this.#outstanding += pages.length; // each counts until the group's response
    return true;
  }

  /** Sends one Page Request message. False: nothing to send. */
  step(): boolean {
    if (!this.usable) return false;
    for (const group of this.#groups.values()) {
      if (group.unsent === 0) continue;
      const page = group.pages[group.pages.length - group.unsent];
      if (this.#ports.held("smmu.endpoint.before-page-request", { sid: hex(this.#sid), pasid: group.pasid, grpid: group.prgi })) return false;
      const last = --group.unsent === 0;
      this.#ports.tracer.emit("endpoint.page-request", { sid: hex(this.#sid), pasid: group.pasid ?? undefined, grpid: group.prgi, iova: hex(page.address) }, { last, read: page.read, write: page.write });
      this.#upstream.pageRequest({ pasid: group.pasid, priv: page.priv, exec: false, address: page.address, prgi: group.prgi, last, read: page.read, write: page.write });
      return true;
    }
    return false;
  }

  /** PCIe 10.4.2: an unknown index, or a PASID that does not fit, is Unexpected PRG Index; Response Failure stops the interface whatever its PASID. */
  response(tlp: { pasid: number | null; prgi: number; code: number }): void {
    const group = this.#groups.get(tlp.prgi);
    const failure = tlp.code !== PRG_RESPONSE_CODE.Success && tlp.code !== PRG_RESPONSE_CODE.InvalidRequest;
    const fits = group !== undefined && group.unsent === 0 && (failure || tlp.pasid === group.pasid);
    const ids = { sid: hex(this.#sid), pasid: group?.pasid ?? tlp.pasid ?? undefined, grpid: tlp.prgi };
    const ignored = (this.#config.priStatus & PRI.responseFailure) !== 0;
    this.#ports.tracer.emit("endpoint.prg-response", ids, { code: tlp.code, accepted: fits && !ignored });
    if (ignored) return;
    if (!fits || !group) return this.#config.setPriStatus(PRI.unexpectedPrgIndex, 0);
    if (failure) {
      this.#config.setPriStatus(PRI.responseFailure | PRI.stopped, 0);
      return this.closeAll("failure");
    }
    this.#close(group, tlp.code === PRG_RESPONSE_CODE.Success ? "success" : "invalid");
    this.#stopWhenDrained();
  }

  #close(group: Group, outcome: GroupOutcome): void {
    this.#groups.delete(group.prgi);
    this.#outstanding -= group.pages.length;
    group.answered(outcome);
  }

  /** Every open group ends: a reset of the function, PRI Reset, or a Response Failure. */
  closeAll(outcome: "closed" | "failure"): void {
    for (const group of [...this.#groups.values()]) {
      if (outcome === "closed") this.#ports.tracer.emit("endpoint.group-closed", { sid: hex(this.#sid), pasid: group.pasid ?? undefined, grpid: group.prgi });
      this.#close(group, outcome);
    }
  }

  /** Enable 1 -> 0: what was not sent is dropped; Stopped once nothing is outstanding (10.5.2.3). */
  disabled(): void {
    for (const group of [...this.#groups.values()]) if (group.unsent === group.pages.length) this.#close(group, "closed");
    this.#stopWhenDrained();
  }
  #stopWhenDrained(): void {
    if (!this.#config.priEnabled && this.#outstanding === 0) this.#config.setPriStatus(PRI.stopped, 0);
  }

  /** PRI Reset while disabled. */
  reset(): void {
    this.closeAll("closed");
    this.#config.setPriStatus(PRI.stopped, 0);
  }

  /** Open groups of one PASID, or of all. */
  openGroups(pasid?: number | null): number {
    let count = 0;
    for (const group of this.#groups.values()) if (pasid === undefined || group.pasid === pasid) count++;
    return count;
  }
}
