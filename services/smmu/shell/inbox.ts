import type { InvalidateRequest, PrgResponse } from "@faultline/shared/shell/endpoint-actions.ts";
import type { ScriptedEndpoint } from "../core/endpoint/scripted-endpoint.ts";

/** Messages of each kind that are kept until somebody takes them. */
const KEPT = 1024;

interface Waiter {
  prgis: ReadonlySet<number>;
  wanted: number;
  got: PrgResponse[];
  complete(): void;
}

/** What arrived at one scripted endpoint and nobody has taken. */
export class Inbox {
  readonly #endpoint: ScriptedEndpoint;
  readonly #waiters = new Set<Waiter>();
  #responses: PrgResponse[] = [];
  #invalidations: InvalidateRequest[] = [];
  #dropped = 0;

  constructor(endpoint: ScriptedEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Takes over what the endpoint has noted, so that it does not grow there. */
  collect(): void {
    const { responses, invalidations, dropped } = this.#endpoint;
    if (dropped > 0) {
      this.#dropped += dropped;
      this.#endpoint.dropped = 0;
    }
    if (responses.length > 0) for (const response of responses.splice(0)) this.#arrived(response);
    if (invalidations.length === 0) return;
    for (const request of invalidations.splice(0)) this.#invalidations.push({ ...request, sizeBytes: Number(request.sizeBytes) });
    this.#dropped += trim(this.#invalidations);
  }

  #arrived(response: PrgResponse): void {
    for (const waiter of this.#waiters) {
      if (!waiter.prgis.has(response.prgi) || waiter.got.length === waiter.wanted) continue;
      waiter.got.push(response);
      if (waiter.got.length === waiter.wanted) waiter.complete();
      return;
    }
    this.#responses.push(response);
    this.#dropped += trim(this.#responses);
  }

  /** Sends, and gathers `wanted` responses to groups of `prgis` for up to `waitMs`; 0: those that came at once. */
  async responsesTo(prgis: ReadonlySet<number>, wanted: number, waitMs: number, send: () => void): Promise<PrgResponse[]> {
    let complete = () => {};
    const all = new Promise<void>((resolve) => (complete = resolve));
    const waiter: Waiter = { prgis, wanted, got: [], complete };
    this.#waiters.add(waiter);
    send();
    this.collect();
    if (waitMs > 0 && waiter.got.length < wanted) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([all, new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)))]);
      clearTimeout(timer);
    }
    this.#waiters.delete(waiter);
    return waiter.got;
  }

  /** Everything that was not taken yet; then it is. */
  take(): { responses: PrgResponse[]; invalidations: InvalidateRequest[]; dropped: number } {
    this.collect();
    const taken = { responses: this.#responses, invalidations: this.#invalidations, dropped: this.#dropped };
    this.#responses = [];
    this.#invalidations = [];
    this.#dropped = 0;
    return taken;
  }
}

/** Drops the oldest above `KEPT`; how many. */
function trim(list: unknown[]): number {
  const over = Math.max(0, list.length - KEPT);
  list.splice(0, over);
  return over;
}
