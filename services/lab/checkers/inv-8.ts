import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { inParts, type Violation } from "./checker.ts";
import { FrameOwners, OWNER_EVENTS } from "./frame-owners.ts";
import { endpointOf, frameText, groupText, pageOf, pasidText } from "./naming.ts";
import { type Given, isTranslated, TRANSLATION_EVENTS, Translations } from "./translations.ts";

/** Commands that empty the caches of every VM: right in the reset sequence of the driver, and for nothing that one VM asks. */
const FOR_ALL = new Set(["CMD_TLBI_NSNH_ALL", "CMD_CFGI_ALL"]);

interface Access {
  event: TraceEvent;
  /** Who uses the endpoint; undefined: not known. */
  guest: string | undefined;
  pasid: number | undefined;
}

/** INV-8: isolation between VMs, domains, endpoints and PASIDs. */
export const inv8 = inParts("INV-8", "One VM, domain or endpoint does not disturb another.", [
  { reads: [...OWNER_EVENTS, ...TRANSLATION_EVENTS, "dma.access"], check: sharedFrames },
  { reads: ["guest.attach-table", "guest.event-received"], check: foreignFaults },
  { reads: ["host.command", "host.smmu-reset"], check: cachesOfOthers },
]);

/**
 * Two owners at one frame while it did not change hands: two VMs at the same host epoch, or two PASIDs of a guest at the same guest epoch of which one writes.
 * A page that both only read is the page cache. VMIDs do not tell VMs apart: each container of a VM has one, and all map the same RAM (spec/flow.md, S1).
 */
function sharedFrames(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const owners = new FrameOwners(history);
  const translations = new Translations();
  const byFrame = new Map<string, Access[]>();
  for (const event of history) {
    translations.take(event);
    if (event.kind !== "dma.access") continue;
    const access: Access = { event, guest: owners.guestOf(event), pasid: isTranslated(event) ? pasidOf(translations.of(event)) : event.ids.pasid };
    const frame = pageOf(event.ids.pa ?? "0x0");
    const others = byFrame.get(frame);
    const other = others?.find((earlier) => conflict(earlier, access));
    if (other) violations.push(violationOf(other, access));
    else if (!others) byFrame.set(frame, [access]);
    else if (!others.some((earlier) => same(earlier, access))) others.push(access);
  }
  return violations;
}

/** Whose translations they are. Several PASIDs may have them: then the access can be of any, and accuses none. */
const pasidOf = (fills: readonly Given[]): number | undefined => (fills.every(({ pasid }) => pasid === fills[0].pasid) ? fills[0]?.pasid : undefined);

const sameHands = (a: TraceEvent, b: TraceEvent): boolean => a.fields.hostEpoch === b.fields.hostEpoch;

const same = (a: Access, b: Access): boolean =>
  sameHands(a.event, b.event) &&
  a.guest === b.guest &&
  a.pasid === b.pasid &&
  a.event.fields.guestEpoch === b.event.fields.guestEpoch &&
  a.event.fields.write === b.event.fields.write;

function conflict(a: Access, b: Access): boolean {
  if (!sameHands(a.event, b.event) || a.guest === undefined || b.guest === undefined) return false;
  if (a.guest !== b.guest) return true;
  if (a.pasid === undefined || b.pasid === undefined || a.pasid === b.pasid) return false;
  // Epoch 0: the frame never had an owner that the allocator knows of.
  return a.event.fields.guestEpoch !== 0 && a.event.fields.guestEpoch === b.event.fields.guestEpoch && (a.event.fields.write === true || b.event.fields.write === true);
}

function violationOf(a: Access, b: Access): Violation {
  const who = ({ event, guest, pasid }: Access) => `endpoint ${endpointOf(event)} (${a.guest !== b.guest ? guest : pasidText(pasid)})`;
  return {
    invariant: "INV-8",
    message: `${who(b)} ${b.event.fields.write ? "wrote" : "read"} ${frameText(b.event.ids.pa)}, which ${who(a)} ${a.event.fields.write ? "wrote" : "read"} at #${a.event.n} and which did not change hands between`,
    events: [a.event.n, b.event.n],
  };
}

/** A fault is for the guest that attached its endpoint. */
function foreignFaults(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const attached = new Map<string, TraceEvent>();
  for (const event of history) {
    if (event.kind === "guest.attach-table") attached.set(endpointOf(event), event);
    const owner = event.kind === "guest.event-received" ? attached.get(endpointOf(event)) : undefined;
    if (owner && owner.who !== event.who)
      violations.push({
        invariant: "INV-8",
        message: `${groupText(event)}: its page request came to ${event.who}, the endpoint is ${owner.who}'s`,
        events: [owner.n, event.n],
      });
  }
  return violations;
}

function cachesOfOthers(history: readonly TraceEvent[]): Violation[] {
  let reset: TraceEvent | undefined;
  let forAll: TraceEvent[] = [];
  for (const event of history) {
    if (event.kind === "host.smmu-reset") [reset, forAll] = [event, []];
    else if (reset && event.kind === "host.command" && FOR_ALL.has(String(event.fields.name))) forAll.push(event);
  }
  return forAll.map(({ fields, n }) => ({
    invariant: "INV-8",
    message: `${fields.name} at #${n} emptied the caches of every VM: nothing after the reset sequence (#${reset!.n}) may`,
    events: [reset!.n, n],
  }));
}
