import { PRI_RESP } from "@faultline/shared/arm-smmu-v3/command.ts";
import { EOPNOTSUPP } from "@faultline/shared/linux-uapi/errno.ts";
import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { inParts, type Violation } from "./checker.ts";
import { endpointOf, foundBadCd, groupKeyOf, groupText, pasidKeyOf, pasidText, vmOf } from "./naming.ts";

/** Faults of a CD table that belongs to a guest. */
const OF_THE_TABLE = new Set(["C_BAD_CD", "C_BAD_SUBSTREAMID", "F_CD_FETCH", "F_WALK_EABT"]);

/**
 * INV-10: what was enabled works. Ways in which it does not although every call said so: page requests that are never sent, or no more after a Response Failure, or that nobody is told of; a bound
 * PASID whose CD is not seen; a removal that the guest is not told of; faults of a guest's table that stay with the host.
 */
export const inv10 = inParts("INV-10", "A documented feature is usable: its positive path works.", [
  { reads: ["ats.translation-request no-access", "endpoint.flr", "endpoint.page-request", "guest.bind"], check: noPageRequests },
  { reads: ["ats.translation-request no-access", "endpoint.flr", "endpoint.page-request", "endpoint.prg-response", "guest.bind"], check: noneAfterFailure },
  { reads: ["host.fault-refused", "host.fault-reported", "host.pri-response"], check: answeredUnreported },
  {
    reads: [
      "ats.translation-request no-access",
      "command.executed CMD_CFGI_CD",
      "edge.break",
      "endpoint.flr",
      "event-queue.record",
      "guest.bind",
      "guest.cd-written",
      "guest.unbind",
    ],
    check: boundButBad,
  },
  { reads: ["edge.break", "guest.bind", "guest.function-removed", "host.function-removed"], check: removedUntold },
  { reads: ["host.event-record"], check: keptByTheHost },
]);

/** RR-89: translations without access and never a page request. */
function noPageRequests(history: readonly TraceEvent[]): Violation[] {
  const bound = new Map<string, TraceEvent>();
  const asked = new Set<string>();
  const resets: TraceEvent[] = [];
  const refused = new Map<string, { first: TraceEvent; count: number }>();
  for (const event of history) {
    if (event.kind === "guest.bind") bound.set(endpointOf(event), event);
    else if (event.kind === "endpoint.page-request") asked.add(endpointOf(event));
    else if (event.kind === "endpoint.flr") resets.push(event);
    else if (withoutAccess(event)) {
      const known = refused.get(endpointOf(event));
      if (known) known.count++;
      else refused.set(endpointOf(event), { first: event, count: 1 });
    }
  }
  return [...refused].flatMap(([endpoint, { first, count }]) => {
    const bind = bound.get(endpoint);
    // A reset while the PASID is bound may take the requests away; the one at open comes before.
    if (!bind || asked.has(endpoint) || resets.some((reset) => endpointOf(reset) === endpoint && reset.n > bind.n)) return [];
    const message = `endpoint ${endpoint}: ${count} translations gave no access and no page request was ever sent: PRI is not enabled in the function`;
    return [{ invariant: "INV-10", message, events: [bind.n, first.n] }];
  });
}

const withoutAccess = ({ kind, fields }: TraceEvent): boolean => kind === "ats.translation-request" && fields.status === "SC" && !fields.R && !fields.W;

/** A Response Failure switches a function's page requests off until it is reset (spec/flow.md, h): a process that is bound without that reset gets no page. */
function noneAfterFailure(history: readonly TraceEvent[]): Violation[] {
  const off = new Map<string, { failure: TraceEvent; bind?: TraceEvent; refused?: TraceEvent }>();
  for (const event of history) {
    const { kind, fields } = event;
    if (kind === "endpoint.prg-response") {
      if (fields.code === PRG_RESPONSE_CODE.ResponseFailure && fields.accepted === true) off.set(endpointOf(event), { failure: event });
      continue;
    }
    const state = off.size > 0 ? off.get(endpointOf(event)) : undefined;
    if (!state) continue;
    if (kind === "endpoint.flr" || kind === "endpoint.page-request") off.delete(endpointOf(event));
    else if (kind === "guest.bind") state.bind ??= event;
    else if (state.bind && withoutAccess(event)) state.refused ??= event;
  }
  return [...off].flatMap(([endpoint, { failure, bind, refused }]) =>
    bind && refused
      ? {
          invariant: "INV-10",
          message: `endpoint ${endpoint}: bound at #${bind.n}, its translation gave no access at #${refused.n} and no page request followed: no reset after the Response Failure at #${failure.n}`,
          events: [failure.n, bind.n, refused.n],
        }
      : [],
  );
}

/** A function that was pulled out: the event of its slot goes through host and VMM to the guest that has it bound (PCIe 6.7.3). Where an edge broke, somebody is not there to be told. */
function removedUntold(history: readonly TraceEvent[]): Violation[] {
  const bound = new Set<string>();
  const untold = new Map<string, TraceEvent>();
  for (const event of history) {
    if (event.kind === "edge.break") return [];
    if (event.kind === "guest.bind") bound.add(endpointOf(event));
    else if (event.kind === "host.function-removed" && bound.has(endpointOf(event))) untold.set(endpointOf(event), event);
    else if (event.kind === "guest.function-removed") untold.delete(endpointOf(event));
  }
  return [...untold].map(([endpoint, removal]) => ({
    invariant: "INV-10",
    message: `endpoint ${endpoint}: removed from the host at #${removal.n}, and its guest was never told`,
    events: [removal.n],
  }));
}

/** RR-53: the driver answers Failure for a group that it reported to nobody and that nobody refused. */
function answeredUnreported(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const known = new Set<string>();
  for (const event of history) {
    if (event.kind === "host.fault-reported" || event.kind === "host.fault-refused") known.add(groupKeyOf(event));
    if (event.kind !== "host.pri-response" || event.fields.resp !== PRI_RESP.ResponseFailure || known.has(groupKeyOf(event))) continue;
    violations.push({
      invariant: "INV-10",
      message: `${groupText(event)}: answered Response Failure and never reported: the flow ends in the host's PRI thread`,
      events: [event.n],
    });
  }
  return violations;
}

/** RR-52, S02: between bind and unbind the hardware still sees the descriptor of before. A CD that a CMD_CFGI_CD after the bind cleared is ORD-STOP's. */
function boundButBad(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const bound = new Map<string, TraceEvent>();
  const forget = (which: (bind: TraceEvent) => boolean) => {
    for (const [key, bind] of bound) if (which(bind)) bound.delete(key);
  };
  for (const event of history) {
    if (event.kind === "guest.bind") bound.set(pasidKeyOf(event), event);
    else if (event.kind === "guest.unbind" || (event.kind === "guest.cd-written" && !event.fields.valid)) bound.delete(pasidKeyOf(event));
    else if (isCfgiCd(event)) bound.delete(`${endpointOf(event)}/${event.fields.SubstreamID}`);
    // What its VM does to the STE after a reset, or when its kernel is gone, is no promise of the bind. A host or an SMMU that is gone is everybody's.
    else if (event.kind === "endpoint.flr") forget(({ ids }) => endpointOf({ ids }) === endpointOf(event));
    else if (event.kind === "edge.break") forget(({ who }) => vmOf(event.who) === "" || vmOf(who) === vmOf(event.who));
    const bind = foundBadCd(event) ? bound.get(pasidKeyOf(event)) : undefined;
    if (!bind) continue;
    bound.delete(pasidKeyOf(event)); // once
    violations.push({
      invariant: "INV-10",
      message: `endpoint ${endpointOf(event)}, ${pasidText(bind.ids.pasid)}: ${event.fields.event} although it is bound since #${bind.n}: ${cfgiGap(history, bind)}`,
      events: [bind.n, event.n],
    });
  }
  return violations;
}

/** RR-50: the driver does not even try to report what is wrong with the guest's table. */
function keptByTheHost(history: readonly TraceEvent[]): Violation[] {
  const first = new Map<string, TraceEvent>();
  for (const event of history) {
    const { kind, ids, fields } = event;
    if (kind === "host.event-record" && OF_THE_TABLE.has(String(fields.event)) && !fields.s2 && fields.ret === -EOPNOTSUPP && !first.has(`${ids.sid}/${fields.event}`))
      first.set(`${ids.sid}/${fields.event}`, event);
  }
  return [...first.values()].map(({ n, ids, fields }) => ({
    invariant: "INV-10",
    message: `endpoint ${ids.sid}, ${pasidText(ids.ssid)}: ${fields.event} is a fault of the guest's table, and the host tells nobody`,
    events: [n],
  }));
}

const isCfgiCd = ({ kind, fields }: TraceEvent): boolean => kind === "command.executed" && fields.name === "CMD_CFGI_CD";

/** The CD was written between the previous bind of the guest and this one. */
function cfgiGap(history: readonly TraceEvent[], bind: TraceEvent): string {
  const from = history.findLast(({ kind, n, who }) => kind === "guest.bind" && n < bind.n && who === bind.who)?.n ?? 0;
  const executed = history.some((event) => isCfgiCd(event) && event.n > from && event.n < bind.n && event.fields.SubstreamID === bind.ids.pasid);
  return executed ? "its CMD_CFGI_CD was executed before the CD was valid" : `no CMD_CFGI_CD for ${pasidText(bind.ids.pasid)} between #${from} and #${bind.n}`;
}
