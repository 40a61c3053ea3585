import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Upstream } from "../link.ts";
import type { Atc } from "./atc.ts";
import type { FunctionPorts } from "./ports.ts";

export interface InvalidateRequest {
  pasid: number | null;
  global: boolean;
  address: bigint;
  sizeBytes: bigint;
  itag: number;
}

/** The function's side of ATS invalidation (PCIe 10.3): entries go when the request arrives, its completion is a step of its own. */
export class Invalidation {
  readonly #sid: number;
  readonly #atc: Atc;
  readonly #upstream: Upstream;
  readonly #ports: FunctionPorts;
  readonly #unanswered: number[] = [];

  constructor(sid: number, atc: Atc, upstream: Upstream, ports: FunctionPorts) {
    this.#sid = sid;
    this.#atc = atc;
    this.#upstream = upstream;
    this.#ports = ports;
  }

  request({ pasid, global, address, sizeBytes, itag }: InvalidateRequest): void {
    const { faults } = this.#ports;
    // A rule of the lab: the ATC keeps what it should drop, and the function completes all the same.
    const keeps = faults?.armed && faults.fails("endpoint:", "keep", { sid: hex(this.#sid), pasid: pasid ?? undefined, iova: hex(address), itag });
    const entries = keeps ? 0 : this.#atc.invalidate(pasid, global, address, sizeBytes);
    if (this.#ports.tracer.wants("endpoint.invalidated")) {
      this.#ports.tracer.emit("endpoint.invalidated", { sid: hex(this.#sid), pasid: pasid ?? undefined, iova: hex(address) }, { itag, bytes: hex(sizeBytes), entries });
    }
    this.#unanswered.push(itag);
  }

  /** Sends one completion. Requests that used the entries ended within their own steps, so they are ahead of it; one traffic class: one message an ITag. */
  step(): boolean {
    if (this.#unanswered.length === 0) return false;
    const index = this.#unanswered.findIndex((itag) => !this.#ports.held("smmu.endpoint.before-invalidate-completion", { sid: hex(this.#sid), itag }));
    if (index < 0) return false;
    const [itag] = this.#unanswered.splice(index, 1);
    this.#upstream.invalidateCompletion({ itagVector: 2 ** itag, count: 1 });
    return true;
  }

  /** A function that is reset completes nothing that it had taken in: those requests time out. */
  reset(): void {
    this.#unanswered.length = 0;
  }
}
