import { numberOf, uint64Bytes, uint64Of } from "../codec/uint64.ts";
import type { EndpointAction__Output, EndpointAction as WireAction } from "../gen/types/lab/v1/EndpointAction.ts";
import type { EndpointOutcome__Output, EndpointOutcome as WireOutcome } from "../gen/types/lab/v1/EndpointOutcome.ts";
import type { PageRequest__Output, PageRequest as WirePageRequest } from "../gen/types/lab/v1/PageRequest.ts";
import type { ReceivedOutcome, ReceivedOutcome__Output } from "../gen/types/lab/v1/ReceivedOutcome.ts";
import type { TranslateOutcome, TranslateOutcome__Output } from "../gen/types/lab/v1/TranslateOutcome.ts";
import { encodeRange, translationCompletionEntry } from "../pcie/ats-message.ts";
import type { Action, InvalidationPolicy, Outcome, PageRequest, Payload, Prefix, PrgResponse, Status, TranslationEntry } from "./endpoint-actions.ts";

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
const pasidToWire = (pasid: number | null) => ({ hasPasid: pasid !== null, pasid: pasid ?? 0 });
const pasidFromWire = ({ hasPasid, pasid }: { hasPasid: boolean; pasid: number }): number | null => (hasPasid ? pasid : null);
const prefixFromWire = (wire: { hasPasid: boolean; pasid: number; priv: boolean; exec: boolean }): Prefix => ({
  ssid: pasidFromWire(wire),
  priv: wire.priv,
  exec: wire.exec,
});
const payloadToWire = ({ write, length, data }: Payload) => ({ write, ...(write ? { bytes: data ?? new Uint8Array(length) } : { length }) });
const payloadFromWire = ({ write, bytes, length }: { write: boolean; bytes: Uint8Array; length: number }): Payload =>
  write ? { write, length: bytes.length, data: plain(bytes) } : { write, length };
const pageRequestToWire = ({ ssid, address, prgi, last, read, write, priv, exec, waitMs }: PageRequest): WirePageRequest => ({
  ...pasidToWire(ssid),
  priv,
  exec,
  prgi,
  last,
  read,
  write,
  address: uint64Bytes(address),
  waitMs,
});
const pageRequestFromWire = (wire: PageRequest__Output): PageRequest => {
  const { prgi, last, read, write, address, waitMs } = wire;
  return { ...prefixFromWire(wire), prgi, last, read, write, address: uint64Of(address), waitMs };
};

export function actionToWire(sid: number, action: Action): WireAction {
  switch (action.kind) {
    case "dma":
      return { sid, dma: { ...pasidToWire(action.ssid), priv: action.priv, exec: action.exec, iova: uint64Bytes(action.iova), ...payloadToWire(action) } };
    case "translate": {
      const { ssid, priv, exec, noWrite, address, count } = action;
      return { sid, translate: { ...pasidToWire(ssid), priv, exec, noWrite, address: uint64Bytes(address), count } };
    }
    case "translatedDma":
      return { sid, translatedDma: { pa: uint64Bytes(action.pa), ...payloadToWire(action) } };
    case "pageRequest":
      return { sid, pageRequest: pageRequestToWire(action) };
    case "stopMarker":
      return { sid, stopMarker: { pasid: action.ssid } };
    case "completeInvalidation":
      return { sid, completeInvalidation: { policy: action.policy, itag: action.itag, afterNs: action.afterNs } };
    case "flood":
      return { sid, flood: { first: pageRequestToWire(action), count: action.count } };
    case "link":
      return { sid, link: { up: action.up } };
    default:
      return { sid, [action.kind]: {} };
  }
}

/** An action that `misfit` (endpoint-misfit.ts) has let pass. */
export function actionFromWire(wire: EndpointAction__Output): Action {
  switch (wire.action!) {
    case "dma":
      return { kind: "dma", iova: uint64Of(wire.dma!.iova), ...prefixFromWire(wire.dma!), ...payloadFromWire(wire.dma!) };
    case "translate": {
      const { noWrite, address, count } = wire.translate!;
      return { kind: "translate", ...prefixFromWire(wire.translate!), noWrite, address: uint64Of(address), count: count || 1 };
    }
    case "translatedDma":
      return { kind: "translatedDma", pa: uint64Of(wire.translatedDma!.pa), ...payloadFromWire(wire.translatedDma!) };
    case "pageRequest":
      return { kind: "pageRequest", ...pageRequestFromWire(wire.pageRequest!) };
    case "stopMarker":
      return { kind: "stopMarker", ssid: wire.stopMarker!.pasid };
    case "completeInvalidation": {
      const { policy, itag, afterNs } = wire.completeInvalidation!;
      return { kind: "completeInvalidation", policy: policy as InvalidationPolicy, itag, afterNs };
    }
    case "flood":
      return { kind: "flood", ...pageRequestFromWire(wire.flood!.first!), count: wire.flood!.count };
    case "link":
      return { kind: "link", up: wire.link!.up };
    case "flr":
      return { kind: "flr" };
    case "received":
      return { kind: "received" };
  }
}

const responseToWire = ({ pasid, ...rest }: PrgResponse) => ({ ...pasidToWire(pasid), ...rest });
const responseFromWire = (wire: { hasPasid: boolean; pasid: number; prgi: number; code: number; expected: boolean }): PrgResponse => ({
  pasid: pasidFromWire(wire),
  prgi: wire.prgi,
  code: wire.code,
  expected: wire.expected,
});

/** Address and size in one value, with the permissions: what the completion's payload is (PCIe 10.2.3). */
function rawOf({ address, sizeBytes, R, W, U, Exe, Priv, Global, N }: TranslationEntry): bigint {
  const flags = translationCompletionEntry.encode({
    R: BigInt(R),
    W: BigInt(W),
    U: BigInt(U),
    Exe: BigInt(Exe),
    Priv: BigInt(Priv),
    Global: BigInt(Global),
    N: BigInt(N),
  });
  return encodeRange(BigInt(address), BigInt(sizeBytes)) | uint64Of(flags);
}

const entriesToWire = (entries: readonly TranslationEntry[]): TranslateOutcome["entries"] =>
  entries.map((entry) => {
    const { address, sizeBytes, R: r, W: w, Exe: exe, Priv: priv, Global: global, N: n, U: u } = entry;
    return { address: uint64Bytes(address), sizeBytes, r, w, exe, priv, global, n, u, raw: uint64Bytes(rawOf(entry)) };
  });
const entriesFromWire = (entries: TranslateOutcome__Output["entries"]) =>
  entries.map(({ address, sizeBytes, r: R, w: W, exe: Exe, priv: Priv, global: Global, n: N, u: U, raw }) => ({
    address: numberOf(address),
    sizeBytes,
    R,
    W,
    Exe,
    Priv,
    Global,
    N,
    U,
    raw: uint64Of(raw),
  }));

const receivedToWire = (outcome: Extract<Outcome, { kind: "received" }>): ReceivedOutcome => ({
  responses: outcome.responses.map(responseToWire),
  invalidations: outcome.invalidations.map(({ pasid, address, ...rest }) => ({ ...pasidToWire(pasid), address: uint64Bytes(address), ...rest })),
  dropped: outcome.dropped,
  state: outcome.state,
});
const receivedFromWire = ({ responses, invalidations, dropped, state }: ReceivedOutcome__Output): Outcome => ({
  kind: "received",
  responses: responses.map(responseFromWire),
  invalidations: invalidations.map((wire) => ({
    pasid: pasidFromWire(wire),
    global: wire.global,
    address: uint64Of(wire.address),
    sizeBytes: wire.sizeBytes,
    itag: wire.itag,
  })),
  dropped,
  state: state!,
});

export function outcomeToWire(outcome: Outcome): WireOutcome {
  switch (outcome.kind) {
    case "dma":
    case "translatedDma": {
      const { ok, data, pa, stalled, status } = outcome;
      return { [outcome.kind]: { ok, data, stalled, status: status ?? "", pa: pa === undefined ? undefined : uint64Bytes(pa) } };
    }
    case "translate":
      return { translate: { status: outcome.status, entries: entriesToWire(outcome.entries) } };
    case "pageRequest":
    case "stopMarker":
    case "flood":
      return { [outcome.kind]: { sent: outcome.sent, responses: outcome.responses.map(responseToWire) } };
    case "completeInvalidation": {
      const { policy, completed, outstanding } = outcome;
      return { completeInvalidation: { policy, completed, outstanding } };
    }
    case "link":
    case "flr":
      return { [outcome.kind]: outcome.state };
    case "received":
      return { received: receivedToWire(outcome) };
  }
}

export function outcomeFromWire(wire: EndpointOutcome__Output): Outcome {
  const kind = wire.outcome!;
  switch (kind) {
    case "dma":
    case "translatedDma": {
      const { ok, data, pa, stalled, status } = wire[kind]!;
      return { kind, ok, data: plain(data), stalled, ...(pa.length ? { pa: numberOf(pa) } : {}), ...(status ? { status: status as Status } : {}) };
    }
    case "translate":
      return { kind, status: wire.translate!.status as Status, entries: entriesFromWire(wire.translate!.entries) };
    case "pageRequest":
    case "stopMarker":
    case "flood":
      return { kind, sent: wire[kind]!.sent, responses: wire[kind]!.responses.map(responseFromWire) };
    case "completeInvalidation": {
      const { policy, completed, outstanding } = wire.completeInvalidation!;
      return { kind, policy: policy as InvalidationPolicy, completed, outstanding };
    }
    case "link":
    case "flr":
      return { kind, state: wire[kind]! };
    case "received":
      return receivedFromWire(wire.received!);
  }
}
