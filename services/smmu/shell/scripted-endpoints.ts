import { formatBdf } from "@faultline/shared/machine/units.ts";
import { PRI } from "@faultline/shared/pcie/capabilities.ts";
import type { Action, DmaResult, FunctionState, InvalidationPolicy, Outcome, PageRequest, Payload, Prefix } from "@faultline/shared/shell/endpoint-actions.ts";
import { dmaOn } from "@faultline/shared/shell/endpoint-server.ts";
import type { Accelerator } from "../core/endpoint/accelerator.ts";
import { type DmaOutcome, ScriptedEndpoint } from "../core/endpoint/scripted-endpoint.ts";
import type { Hardware } from "../core/hardware.ts";
import { Inbox } from "./inbox.ts";

const PRG_INDEXES = 512;

/** The scripted endpoints of a machine, as lab/v1 Endpoint drives them (interfaces.md, section 6). */
export class ScriptedEndpoints {
  readonly #hardware: Hardware;
  readonly #anyRequester: boolean;
  readonly #scripted = new Map<number, { fn: ScriptedEndpoint; inbox: Inbox }>();

  /** `anyRequester`: DMA of a number that no function has is that of a requester of its own (replay). */
  constructor(hardware: Hardware, { anyRequester }: { anyRequester: boolean }) {
    this.#hardware = hardware;
    this.#anyRequester = anyRequester;
    for (const [sid, fn] of hardware.functions) if (fn instanceof ScriptedEndpoint) this.#scripted.set(sid, { fn, inbox: new Inbox(fn) });
  }

  get served(): boolean {
    return this.#anyRequester || this.#scripted.size > 0;
  }

  /** After each step of the hardware. */
  collect(): void {
    for (const { inbox } of this.#scripted.values()) inbox.collect();
  }

  /** Why `sid` does not do `action`, or null: only a scripted endpoint does what it is told; the link of any function can be cut. */
  readonly refused = (sid: number, { kind }: Action): string | null => {
    if (this.#scripted.has(sid) || (kind === "dma" && this.#anyRequester) || (kind === "link" && this.#hardware.functions.has(sid))) return null;
    const what = this.#hardware.functions.has(sid) ? "is an accelerator" : "is no function of this machine";
    const scripted = [...this.#scripted.keys()].map(formatBdf).join(", ") || "none";
    return `${formatBdf(sid)} ${what}: ${kind} needs a scripted endpoint (${scripted})`;
  };

  perform(sid: number, action: Action): Outcome | Promise<Outcome> {
    const scripted = this.#scripted.get(sid);
    if (action.kind === "link") {
      this.#hardware.link(sid, action.up ? "up" : "down");
      return { kind: "link", state: this.#state(sid) };
    }
    if (!scripted) return { kind: "dma", ...dmaOn(this.#hardware, { sid, ...(action as Extract<Action, { kind: "dma" }>) }) };
    const { fn, inbox } = scripted;
    switch (action.kind) {
      case "dma":
        return { kind: "dma", ...this.#dma(fn, action) };
      case "translatedDma":
        return { kind: "translatedDma", ...resultOf(fn.translatedDma({ pa: action.pa, ...payload(action) })) };
      case "translate": {
        const { address, count, noWrite } = action;
        const completion = fn.translate({ ...prefix(action), address, count, noWrite });
        return { kind: "translate", status: completion.status, entries: completion.status === "SC" ? completion.entries : [] };
      }
      case "pageRequest":
        return this.#pageRequests(fn, inbox, "pageRequest", action, 1);
      case "flood":
        return this.#pageRequests(fn, inbox, "flood", action, action.count);
      case "stopMarker":
        fn.stopMarker({ pasid: action.ssid });
        return { kind: "stopMarker", sent: Number(isUp(fn)), responses: [] };
      case "completeInvalidation":
        return this.#completeInvalidation(fn, action);
      case "flr":
        if (isUp(fn)) fn.flr();
        return { kind: "flr", state: this.#state(sid) };
      case "received":
        return { kind: "received", ...inbox.take(), state: this.#state(sid) };
    }
  }

  #dma(fn: ScriptedEndpoint, request: { iova: bigint } & Prefix & Payload): DmaResult {
    if (request.length > 0) return resultOf(fn.dma({ ...prefix(request), iova: request.iova, ...payload(request) }));
    if (!isUp(fn)) return { ok: false, status: "UR" };
    const { ssid, priv, exec } = request;
    const result = dmaOn(this.#hardware, { ...request, sid: fn.sid, priv: ssid !== null && priv, exec: ssid !== null && exec });
    return { ...result, ...(result.stalled ? {} : { status: result.ok ? ("SC" as const) : ("CA" as const) }) };
  }

  async #pageRequests(fn: ScriptedEndpoint, inbox: Inbox, kind: "pageRequest" | "flood", action: PageRequest, count: number): Promise<Outcome> {
    const { prgi, last, read, write, address, waitMs } = action;
    const sent = isUp(fn) ? count : 0;
    const groups = new Set(Array.from({ length: Math.min(count, PRG_INDEXES) }, (_, n) => (prgi + n) % PRG_INDEXES));
    // PCIe 10.4.1: the response is to the group, so only its last request waits for one.
    const waits = sent > 0 && (kind === "flood" || last) ? waitMs : 0;
    const responses = await inbox.responsesTo(groups, count, waits, () => {
      if (kind === "flood") fn.flood({ ...prefix(action), prgi, read, write, address, count });
      else fn.pageRequest({ ...prefix(action), prgi, last, read, write, address });
    });
    return { kind, sent, responses };
  }

  #completeInvalidation(fn: ScriptedEndpoint, { policy, itag, afterNs }: { policy: InvalidationPolicy; itag: number; afterNs: number }): Outcome {
    const { invalidation } = this.#hardware.smmu;
    const before = invalidation.outstanding();
    if (policy === "itag") fn.completeInvalidation({ itag });
    else fn.invalidationPolicy = policy === "late" ? { afterNs } : policy;
    const outstanding = invalidation.outstanding();
    return { kind: "completeInvalidation", policy, completed: outstanding < before, outstanding };
  }

  #state(sid: number): FunctionState {
    const fn = this.#hardware.functions.get(sid) as Accelerator | ScriptedEndpoint;
    const { busMaster, pasidEnabled, atsEnabled, priEnabled, priStatus, allocation } = fn.config;
    const flags = { "response failure": PRI.responseFailure, "unexpected PRG index": PRI.unexpectedPrgIndex, stopped: PRI.stopped };
    const set = Object.entries(flags).flatMap(([name, bit]) => ((priStatus & bit) !== 0 ? [name] : []));
    return { up: isUp(fn), busMaster, pasidEnabled, atsEnabled, priEnabled, priStatus: set, allocation };
  }
}

/** A configuration read of a function that is not there gives ones (PCIe 2.3.2). */
const isUp = (fn: Accelerator | ScriptedEndpoint): boolean => fn.configRead(0, 2) !== 0xffff;
const prefix = ({ ssid, priv, exec }: Prefix) => (ssid === null ? {} : { pasid: ssid, priv, exec });
const payload = ({ write, length, data }: Payload) => (write ? ({ write: true, bytes: data ?? new Uint8Array(length) } as const) : ({ write: false, length } as const));

function resultOf(outcome: DmaOutcome): DmaResult {
  if (outcome.status === "stalled") return { ok: false, stalled: true };
  return { ok: outcome.status === "SC", status: outcome.status, ...("data" in outcome ? { data: outcome.data } : {}) };
}
