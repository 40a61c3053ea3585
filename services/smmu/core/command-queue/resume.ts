import { CMD_RESUME, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { Identity } from "../identity.ts";

const SSec = CMD_RESUME.reader("SSec");
const Ac = CMD_RESUME.reader("Ac");
const Ab = CMD_RESUME.reader("Ab");
const StreamID = CMD_RESUME.reader("StreamID");
const STAG = CMD_RESUME.reader("STAG");

/** What the two commands act on (event-queue/stall.ts). */
export interface StalledTransactions {
  resume(sid: number, stag: number, action: "retry" | "abort" | "raz-wi"): void;
  terminate(sid: number): void;
}

/** Executes CMD_RESUME or CMD_STALL_TERM. False: CERROR_ILL (STALL_MODEL = 1, or SSec = 1 on this queue). 4.6. */
export function executeResume(opcode: number, words: Uint32Array, stalls: StalledTransactions, identity: Identity): boolean {
  if (identity.stallModel === 1 || SSec(words, 0)) return false;
  if (opcode === OPCODE.CMD_STALL_TERM) {
    stalls.terminate(StreamID(words, 0));
    return true;
  }
  // TERM_MODEL = 1: termination is an abort, whatever Ab says. RAZ/WI of Ab = 0 holds for stage-2 faults too (4.6.1).
  const action = Ac(words, 0) ? "retry" : Ab(words, 0) || identity.termModel ? "abort" : "raz-wi";
  stalls.resume(StreamID(words, 0), STAG(words, 0), action);
  return true;
}
