import type { Mutant } from "./run.ts";

const core = "services/smmu/core";
const pri = `${core}/pri-queue/pri-queue.ts`;
const interface_ = `${core}/endpoint/page-request-interface.ts`;
const invalidation = `${core}/ats/invalidation.ts`;
const request = `${core}/ats/translation-request.ts`;
const atc = `${core}/endpoint/atc.ts`;
const config = `${core}/endpoint/config-space.ts`;
const access = `${core}/endpoint/paged-access.ts`;
const accelerator = `${core}/endpoint/accelerator.ts`;
const errors = `${core}/endpoint/error-reporting.ts`;

/** Faults in ATS, the PRI queue and the PCIe functions. `find` occurs once in its file. */
export const mutants: readonly Mutant[] = [
  // 8: the PRI queue and its automatic responses.
  {
    file: pri,
    find: "else this.#answer(request, withPasid ? request.pasid : null, PRG_RESPONSE_CODE.Success);",
    replace: "else this.#answer(request, withPasid ? request.pasid : null, PRG_RESPONSE_CODE.InvalidRequest);",
    sentence: "an overflow is answered Invalid Request",
  },
  {
    file: pri,
    find: "this.#answer(request, withPasid ? request.pasid : null,",
    replace: "this.#answer(request, request.pasid,",
    sentence: "the answer to an overflow always carries the PASID",
  },
  {
    file: pri,
    find: "if (isStopMarker(request) || !request.last) return;",
    replace: "if (isStopMarker(request)) return;",
    sentence: "an overflow answers requests without Last too",
  },
  { file: pri, find: "if (isStopMarker(request) || !request.last) return;", replace: "if (!request.last) return;", sentence: "an overflow answers Stop Markers" },
  { file: pri, find: "    if (isStopMarker(request)) return;\n", replace: "", sentence: "a disabled queue answers Stop Markers" },
  {
    file: pri,
    find: "this.#answer(request, null, PRG_RESPONSE_CODE.ResponseFailure);\n  }\n\n  /** Rows 3",
    replace: "this.#answer(request, request.pasid, PRG_RESPONSE_CODE.ResponseFailure);\n  }\n\n  /** Rows 3",
    sentence: "the Response Failure of a disabled queue carries the PASID",
  },
  { file: pri, find: "Last: Number(r.last)", replace: "Last: 0", sentence: "Last is lost on the way into the record" },
  { file: pri, find: "SSV: Number(ssv)", replace: "SSV: Number(ssv && r.pasid !== 0)", sentence: "PASID 0 is recorded as no PASID" },
  { file: pri, find: "Priv: Number(ssv && r.priv)", replace: "Priv: 0", sentence: "Priv is not recorded" },
  {
    file: pri,
    find: "if (!this.overflowActive && ",
    replace: "if (",
    sentence: "OVFLG toggles with every request that finds the queue full",
  },
  {
    file: pri,
    find: "if (this.overflowActive) this.#discard(request);",
    replace: "if (queue.full) this.#discard(request);",
    sentence: "an overflow ends by itself once there is space",
  },
  {
    file: pri,
    find: 'if (!this.enabled || this.#gerror.active("PRIQ_ABT_ERR"))',
    replace: "if (!this.enabled)",
    sentence: "the queue is written in spite of PRIQ_ABT_ERR",
  },
  { file: pri, find: '(this.#regs.low("CR0ACK") & 3) === 3', replace: '(this.#regs.low("CR0ACK") & 2) === 2', sentence: "PRIQEN counts without SMMUEN" },
  { file: pri, find: "&& this.#ssidBits !== 0", replace: "", sentence: "the STE is looked at although SSIDSIZE is 0" },
  {
    file: `${core}/smmu.ts`,
    find: "const ste = this.configuration.validSte(sid); // Config = 0xx counts as valid here",
    replace: "const ste = this.configuration.ste(sid);",
    sentence: "an STE with Config = 000 counts as not to be had for PPAR",
  },
  { file: `${core}/smmu.ts`, find: "if (this.identity.pps) return true;", replace: "", sentence: "PPS = 1 is not looked at" },
  {
    file: `${core}/smmu.ts`,
    find: "const pasid = priResp.SSV(words, 0) && identity.ssidBits ? priResp.SubstreamID(words, 0) : null;",
    replace: "const pasid = priResp.SubstreamID(words, 0) || null;",
    sentence: "CMD_PRI_RESP sends a prefix by SubstreamID instead of SSV",
  },
  // 3.9, 4.5.1: invalidations.
  { file: invalidation, find: "this.#inFlight.get(sid)?.delete(itag);", replace: "if (itag !== 31) this.#inFlight.get(sid)?.delete(itag);", sentence: "ITag 31 leaks" },
  {
    file: invalidation,
    find: "    this.#timedOut = true;\n    this.#finish(sid, itag);",
    replace: "    this.#timedOut = true;",
    sentence: "an ITag leaks at its time-out",
  },
  {
    file: invalidation,
    find: "    this.#timedOut = true;\n    this.#finish(sid, itag);",
    replace: "    this.#finish(sid, itag);",
    sentence: "a time-out is not reported at the next CMD_SYNC",
  },
  {
    file: invalidation,
    find: "    const timedOut = this.#timedOut;\n    this.#timedOut = false;\n    return timedOut;",
    replace: "    return this.#timedOut;",
    sentence: "a time-out is reported at every CMD_SYNC after it",
  },
  { file: invalidation, find: "(words[2] & 0xfffff000) >>> 0", replace: "words[2] & 0xfffff000", sentence: "an address with bit 31 set is sign-extended" },
  { file: invalidation, find: "count === 0 ? 8 : count", replace: "count", sentence: "Completion Count 0 is one message" },
  { file: invalidation, find: "global: pasid !== null && Global", replace: "global: Global", sentence: "Global is sent without a PASID" },
  { file: invalidation, find: 'if (answer === "UR") {', replace: "if (false) {", sentence: "UR does not complete an invalidation" },
  {
    file: `${core}/command-queue/command-queue.ts`,
    find: "if (this.#completion.outstandingAtc() > 0) return false;",
    replace: "",
    sentence: "CMD_SYNC does not wait for Invalidate Completions",
  },
  // 13.6: translation requests.
  { file: request, find: "return ste.EATS === 2 && !atschk ? 0 : ste.EATS;", replace: "return ste.EATS;", sentence: "EATS = 10 does not need ATSCHK" },
  { file: request, find: 'f.event === "F_ACCESS" || ', replace: "", sentence: "F_ACCESS ends a translation request with CA" },
  { file: request, find: "&& !((entry.s1Clean || entry.s2Clean) && tlp.noWrite)", replace: "", sentence: "a writable-clean page is granted for writing with NW = 1" },
  { file: request, find: "const base = eats === 2 ? entry.ipa : entry.pa;", replace: "const base = entry.pa;", sentence: "split stage returns the PA" },
  { file: request, find: "if ((cr2 & 8) !== 0 &&", replace: "if (", sentence: "events of translation requests do not need REC_CFG_ATS" },
  { file: request, find: "const Exe = tlp.exec && R &&", replace: "const Exe = R &&", sentence: "Exe is granted to who did not ask for it" },
  { file: request, find: "Math.min(entry.shift, this.#identity.oas)", replace: "entry.shift", sentence: "an identity translation reaches beyond OAS" },
  { file: request, find: "(X || instcfg === 2)", replace: "X", sentence: "INSTCFG = data does not grant Exe of what is readable" },
  {
    file: `${core}/endpoint/scripted-endpoint.ts`,
    find: "BigInt.asUintN(64, request.address)",
    replace: "request.address",
    sentence: "a flood runs beyond the last page",
  },
  // PCIe 10.4, 10.5: the page-request interface.
  { file: interface_, find: "const last = --group.unsent === 0;", replace: "const last = --group.unsent === 1;", sentence: "Last is sent one request too early" },
  {
    file: interface_,
    find: "this.#outstanding -= group.pages.length;",
    replace: "this.#outstanding -= 1;",
    sentence: "a response returns one credit, however large its group",
  },
  { file: interface_, find: "&& tlp.pasid === group.pasid", replace: "", sentence: "a response is taken whatever its PASID" },
  { file: interface_, find: "group.unsent === 0 && tlp.pasid", replace: "tlp.pasid", sentence: "a response is taken before the group's Last" },
  {
    file: interface_,
    find: "    if (this.responseFailure) return;\n    if (!accepted)",
    replace: "    if (!accepted)",
    sentence: "responses count after a Response Failure",
  },
  {
    file: interface_,
    find: 'for (const open of [...this.#groups.values()]) this.#close(open, "failure");',
    replace: 'this.#close(group, "failure");',
    sentence: "a Response Failure ends only its own group",
  },
  {
    file: interface_,
    find: 'if (group.unsent === group.pages.length) this.#close(group, "closed");',
    replace: 'this.#close(group, "closed");',
    sentence: "PRI disabled drops groups of which requests were sent",
  },
  { file: interface_, find: "while (this.#groups.has(this.#nextIndex))", replace: "while (false)", sentence: "a PRG index is used again while it is open" },
  {
    file: config,
    find: "& PRI.reset) !== 0 && !this.priEnabled)",
    replace: "& PRI.reset) !== 0)",
    sentence: "PRI Reset works while Enable stays set",
  },
  {
    file: config,
    find: "this.setPriStatus(0, PRI.responseFailure | PRI.unexpectedPrgIndex | PRI.stopped);",
    replace: "this.setPriStatus(0, PRI.responseFailure | PRI.stopped);",
    sentence: "Enable does not clear UPRGI",
  },
  {
    file: config,
    find: "return Math.min(this.#view.getUint32(PRI_AT + PRI.allocation, true), this.#o.capacity);",
    replace: "return this.#view.getUint32(PRI_AT + PRI.allocation, true);",
    sentence: "an allocation above the capacity is used",
  },
  {
    file: access,
    find: "if (this.#retries.get(mark) !== granted) return null;",
    replace: "",
    sentence: "a response that comes before its request returns is slept through",
  },
  {
    file: access,
    find: "tried >= this.#parts.settings().retryLimit",
    replace: "tried > this.#parts.settings().retryLimit",
    sentence: "a page is tried once more than RETRY_LIMIT",
  },
  { file: access, find: "BACK_OFF_NS * 2 ** (tries - 1)", replace: "BACK_OFF_NS", sentence: "the wait before a page is asked for again does not grow" },
  { file: access, find: "    if (tries === 0) return;\n", replace: "    if (tries >= 0) return;\n", sentence: "a page is asked for again at once" },
  {
    file: access,
    find: "const alone = this.#retries.has(page | BigInt(write));",
    replace: "const alone = false;",
    sentence: "a group that a PRI queue cannot hold is sent again as a whole",
  },
  { file: access, find: "while (!over && !this.#parts.stopping())", replace: "while (!over)", sentence: "a stop waits for the time between two tries" },
  // PCIe 6.2, 7.8.4: errors.
  { file: errors, find: "const correctable = advisory && !fatal;", replace: "const correctable = false;", sentence: "nothing is advisory" },
  { file: errors, find: "if (!masked) this.#log(", replace: "this.#log(", sentence: "a masked error takes the log" },
  {
    file: errors,
    find: "    if (has(config.read(AER_AT + AER.uncorrectableStatus, 4), 2 ** first)) return;\n",
    replace: "",
    sentence: "a later error overwrites the log of the first",
  },
  {
    file: errors,
    find: "if (unsupported && !serr && !has(control, DEVICE_CONTROL.unsupportedRequest)) return null;",
    replace: "",
    sentence: "an Unsupported Request is reported without its enable",
  },
  { file: errors, find: "this.#late.delete(request);", replace: "", sentence: "a late completion is unexpected for ever" },
  { file: config, find: "if (sticky) this.#bytes.set", replace: "if (false) this.#bytes.set", sentence: "an FLR clears AER" },
  {
    file: accelerator,
    find: "else if (this.#up) this.#errors.unsupportedInvalidateRequest(tlp);",
    replace: "",
    sentence: "an Invalidate Request with ATS disabled is no error",
  },
  {
    file: `${core}/endpoint/scripted-endpoint.ts`,
    find: "if (list.length === KEPT) this.dropped",
    replace: "if (false) this.dropped",
    sentence: "a scripted endpoint keeps every message",
  },
  // PCIe 10.2, 10.3, 6.6: ATC and resets.
  { file: atc, find: "pasid === null || pasidOf(space) !== null", replace: "pasidOf(space) !== null", sentence: "an invalidation without prefix names no PASID" },
  { file: atc, find: "pasid !== null && !global ?", replace: "pasid !== null ?", sentence: "Global Invalidate names one PASID" },
  { file: atc, find: "input + 2 ** shift > first", replace: "input > first", sentence: "the first page of a span stays" },
  {
    file: accelerator,
    find: "        atsDisabled: () => {\n          this.atc.clear();",
    replace: "        atsDisabled: () => {\n          ",
    sentence: "the ATC survives ATS Enable 1 to 0",
  },
  {
    file: accelerator,
    find: "    if (this.#up) this.pages.response(tlp);",
    replace: "    this.pages.response(tlp);",
    sentence: "responses arrive over a link that is down",
  },
  {
    file: accelerator,
    find: "    this.pages.reset();\n    this.#invalidation.reset();",
    replace: "    this.#invalidation.reset();",
    sentence: "an FLR leaves page request groups open",
  },
];
