import { hex, hexBytes } from "@faultline/shared/codec/uint64.ts";
import { formatSize } from "@faultline/shared/machine/units.ts";
import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { Action, FunctionState, InvalidateRequest, Outcome, PrgResponse } from "@faultline/shared/shell/endpoint-actions.ts";

const SHOWN_BYTES = 64;
const WHOLE = 2 ** 64;
const statusText = { SC: "SC (Successful Completion)", UR: "UR (Unsupported Request)", CA: "CA (Completer Abort)" } as const;
const flags = (names: Record<string, boolean>): string =>
  Object.entries(names)
    .map(([name, on]) => `${name}=${Number(on)}`)
    .join(" ");
const pasidText = (pasid: number | null): string => (pasid === null ? "without PASID" : `PASID ${pasid}`);
const sizeText = (bytes: number): string => (bytes >= WHOLE ? "everything" : formatSize(bytes));

/** The name of a PRG Response Code; PCIe 10.4.2.1: a reserved code is handled as Response Failure. */
export function prgCodeName(code: number): string {
  const known = Object.entries(PRG_RESPONSE_CODE).find(([, value]) => value === code);
  return known ? known[0].replace(/(?<=[a-z])(?=[A-Z])/g, " ") : `reserved code ${hex(code)}: Response Failure`;
}

const responseText = ({ pasid, prgi, code, expected }: PrgResponse, last = prgi): string =>
  `PRG Response: PRGI ${prgi}${last === prgi ? "" : ` to ${last}`} ${pasidText(pasid)}: ${prgCodeName(code)} (${hex(code)})${expected ? "" : ", unexpected: no such group is open"}`;
/** A line for each run of indices that were answered alike, as those of a flood are. */
function responseLines(responses: readonly PrgResponse[]): string[] {
  const runs: { first: PrgResponse; last: number }[] = [];
  for (const response of responses) {
    const run = runs.at(-1);
    const { pasid, code, expected } = response;
    if (run && run.last + 1 === response.prgi && run.first.pasid === pasid && run.first.code === code && run.first.expected === expected) run.last++;
    else runs.push({ first: response, last: response.prgi });
  }
  return runs.map(({ first, last }) => responseText(first, last));
}
const invalidationText = ({ pasid, global, address, sizeBytes, itag }: InvalidateRequest): string =>
  `Invalidate Request: ITag ${itag}, ${pasidText(pasid)}${global ? ", global" : ""}, ${sizeBytes >= WHOLE ? "everything" : `${sizeText(sizeBytes)} at ${hex(address)}`}`;

const stateText = (state: FunctionState): string =>
  state.up
    ? `function: ${flags({ busMaster: state.busMaster, PASID: state.pasidEnabled, ATS: state.atsEnabled, PRI: state.priEnabled })}, allocation ${state.allocation}, PRI status: ${state.priStatus.join(", ") || "-"}`
    : "function: the link is down";

/** What was asked and what came of it, as lines. */
export function outcomeText(action: Action, outcome: Outcome): string[] {
  switch (outcome.kind) {
    case "dma":
    case "translatedDma": {
      if (outcome.stalled) return ["stalled: the SMMU holds the request (CMD_RESUME lets it go on)"];
      const { data, pa } = outcome;
      const shown = data?.length ? `: ${hexBytes(data.subarray(0, SHOWN_BYTES))}${data.length > SHOWN_BYTES ? `.. (${data.length} bytes)` : ""}` : "";
      return [`${outcome.status ? statusText[outcome.status] : outcome.ok ? "done" : "abort"}${shown}${pa === undefined ? "" : `: ${hex(pa)}`}`];
    }
    case "translate": {
      const from = action.kind === "translate" ? action.address & ~0xfffn : 0n;
      return [statusText[outcome.status], ...outcome.entries.map((entry, i) => entryText(from + BigInt(i) * 4096n, entry))];
    }
    case "pageRequest":
    case "flood":
    case "stopMarker":
      return pageRequestText(action, outcome);
    case "completeInvalidation": {
      const { policy, completed, outstanding } = outcome;
      const now =
        policy === "itag" ? (completed ? "sent: it completed an invalidation" : "sent: no invalidation with this ITag was completed by it") : `policy: ${policy}`;
      return [`${now}; the SMMU waits for ${outstanding} invalidations`];
    }
    case "link":
    case "flr":
      return [stateText(outcome.state)];
    case "received": {
      const lines = [...responseLines(outcome.responses), ...outcome.invalidations.map(invalidationText)];
      return [
        ...(lines.length ? lines : ["nothing arrived"]),
        ...(outcome.dropped ? [`${outcome.dropped} older ones are no longer kept`] : []),
        stateText(outcome.state),
      ];
    }
  }
}

type Entry = Extract<Outcome, { kind: "translate" }>["entries"][number];

/** R = W = 0: the completion has no translated address (PCIe 10.2.3), the page has to be requested. */
function entryText(iova: bigint, { address, sizeBytes, R, W, Exe, Priv, Global, N, U, raw }: Entry): string {
  const bits = flags({ R, W, Exe, Priv, Global, N, U });
  return R || W ? `${hex(iova)} -> ${hex(address)}, ${sizeText(sizeBytes)}: ${bits}${raw === undefined ? "" : ` (${hex(raw)})`}` : `${hex(iova)}: ${bits}: no access`;
}

function pageRequestText(action: Action, { kind, sent, responses }: Extract<Outcome, { sent: number }>): string[] {
  if (sent === 0) return ["nothing was sent: the link is down"];
  const lines = [`sent ${sent} ${kind === "stopMarker" ? "Stop Marker" : sent === 1 ? "Page Request" : "Page Requests"}`, ...responseLines(responses)];
  if (kind === "stopMarker") return [`${lines[0]}: it is not answered`];
  const wanted = action.kind === "flood" ? sent : action.kind === "pageRequest" && action.last ? 1 : 0;
  if (responses.length < wanted) lines.push(`${wanted - responses.length} without a response${"waitMs" in action ? ` within ${action.waitMs} ms` : ""}`);
  return lines;
}
