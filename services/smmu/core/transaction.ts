import { mask, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import type { TranslationRequests } from "./ats/translation-request.ts";
import type { Configuration, ConfigurationFetch } from "./configuration.ts";
import type { EventQueue } from "./event-queue/event-queue.ts";
import type { Ended, Stall } from "./event-queue/stall.ts";
import { type Access, type Fault, fault, isFault, isTranslationFault } from "./fault.ts";
import type { Identity } from "./identity.ts";
import { addressOf, exceeds } from "./page-table-walk/address-halves.ts";
import type { RegisterFile } from "./register-file/register-file.ts";
import type { Ste } from "./stream-table/stream-table-entry.ts";
import type { Translation } from "./translation.ts";

const ABORT = 0x10_0000;
const ATSCHK = mask(registers.CR0.fields.ATSCHK);
const doubleword = new BigUint64Array(1);
const halves = new Uint32Array(doubleword.buffer);

/** A memory transaction that enters the SMMU. */
export interface Transaction {
  sid: number;
  ssid: number | null;
  translated: boolean;
  address: bigint;
  write: boolean;
  priv: boolean;
  exec: boolean;
}
/** PA, or how it is terminated: an abort, or RAZ/WI (CD.A = 0); or it is held until software says how it goes on. */
export type TransactionResult = Ended | "stalled";

/** Faults of S, R and A of CD and STE (5.5), where the architecture lets them decide. */
interface FaultPolicy {
  S2S: number;
  S2R: number;
  S: number;
  R: number;
  A: number;
}

/** The path of a memory transaction: SMMUEN, ATSCHK, STE, CD, translation, and the response to a fault (3.4, 5.5, 7.3; spec/smmuv3.md, section 7). */
export class TransactionPath {
  readonly #regs: RegisterFile;
  readonly #identity: Identity;
  readonly #fetch: ConfigurationFetch;
  readonly #translation: Translation;
  readonly #events: EventQueue;
  readonly #ats: TranslationRequests;

  constructor(regs: RegisterFile, identity: Identity, fetch: ConfigurationFetch, translation: Translation, events: EventQueue, ats: TranslationRequests) {
    this.#regs = regs;
    this.#identity = identity;
    this.#fetch = fetch;
    this.#translation = translation;
    this.#events = events;
    this.#ats = ats;
  }

  /** 3.4 and 7.3: one transaction, with its event if it faults; a stall has none yet. */
  attempt(t: Transaction): Ended | Stall {
    if (!this.#regs.smmuEnabled) return this.#globalBypass(t);
    if (t.translated) return this.#translated(t);
    const known = this.#fetch.known(t.sid, t.ssid);
    if (known !== undefined) return this.#translate(t, known);
    const ste = this.#fetch.ste(t.sid);
    if (isFault(ste)) return this.#terminate(t, ste, null);
    const configuration = this.#translation.configure(t.sid, ste, t.ssid);
    if (isFault(configuration)) return this.#terminate({ ...t, ...this.#overridden(ste, t) }, configuration, ste, policyOf(ste, null));
    return this.#translate(t, configuration);
  }

  #translate(t: Transaction, configuration: Configuration): Ended | Stall {
    const { ste, cd } = configuration;
    const access = this.#overridden(ste, t);
    doubleword[0] = t.address; // in halves from here on, without arithmetic on a BigInt
    const result = this.#translation.address(configuration, halves[1], halves[0], access);
    return typeof result === "number" ? { pa: result } : this.#terminate({ ...t, ...access }, result, ste, policyOf(ste, cd));
  }

  /** STE.PRIVCFG and INSTCFG where IDR1.ATTR_PERMS_OVR says so; InD is 0 for writes (5.2, 13.1). */
  #overridden(ste: Ste, t: Transaction): Access {
    const overrides = this.#identity.permsOverride && (ste.PRIVCFG >= 2 || ste.INSTCFG >= 2);
    if (!overrides) return t.exec && t.write ? { write: true, priv: t.priv, exec: false } : t;
    const priv = ste.PRIVCFG >= 2 ? ste.PRIVCFG === 3 : t.priv;
    const exec = ste.INSTCFG >= 2 && !t.write ? ste.INSTCFG === 3 : t.exec;
    return { write: t.write, priv, exec: exec && !t.write };
  }

  /** SMMUEN = 0: GBPA (6.3.15); Translated transactions abort. */
  #globalBypass(t: Transaction): Ended {
    if (t.translated) {
      this.#events.record(fault("F_TRANSL_FORBIDDEN"), this.#origin(t));
      return "abort";
    }
    return (this.#regs.low("GBPA") & ABORT) === 0 ? this.#bypass(t) : "abort";
  }

  /** The address as it came. Above OAS: abort. */
  #bypass(t: Transaction): Ended {
    doubleword[0] = t.address;
    const low = halves[0];
    const high = halves[1];
    return exceeds(high, low, this.#identity.oas) ? "abort" : { pa: addressOf(high, low) };
  }

  /** 8.4: ATSCHK = 0 passes without an STE; otherwise the STE must allow ATS. An address above OAS aborts without event (IMPLEMENTATION DEFINED: the alternative is truncation). */
  #translated(t: Transaction): Ended | Stall {
    if ((this.#regs.low("CR0") & ATSCHK) === 0) return this.#bypass(t);
    const ste = this.#fetch.ste(t.sid);
    if (isFault(ste)) {
      if (!ste.silent && (this.#regs.low("CR2") & 8) !== 0) this.#events.record(ste, this.#origin(t));
      return "abort";
    }
    const eats = this.#ats.eats(ste);
    if (eats === 0) {
      this.#events.record(fault("F_TRANSL_FORBIDDEN"), this.#origin(t), ste.MEV);
      return "abort";
    }
    if (eats === 1) return this.#bypass(t);
    // Split stage: stage 2 of the IPA that the function was given. Not stalled: EATS = 2 needs S2S = 0 (5.2).
    return this.#translate(t, this.#fetch.withoutStage1(ste));
  }

  /**
   * 5.5: what becomes of a faulting transaction, with its event. Stall needs CD.S or STE.S2S, which the checks of STE and CD keep away from stage 1 with S1STALLD = 1, from
   * streams with ATS at stage 2, and from SMMUs without the model; translation requests and Translated transactions never come here with S set. Software keeps PCIe functions
   * from stalling (3.12.2); this hardware stalls who it is told to, so that software that forgot shows.
   */
  #terminate(t: Transaction, f: Fault, ste: Ste | null, policy?: FaultPolicy): Ended | Stall {
    if (f.silent) return "abort";
    const origin = this.#origin(t);
    if (!policy || !isTranslationFault(f)) {
      if (f.event !== "C_BAD_STREAMID" || (this.#regs.low("CR2") & 2) !== 0) this.#events.record(f, origin, ste?.MEV);
      return "abort";
    }
    if (f.s2 ? policy.S2S : policy.S) return { fault: f, origin };
    if (f.s2 ? policy.S2R : policy.R) this.#events.record(f, origin, ste?.MEV);
    return !f.s2 && policy.A === 0 ? "raz-wi" : "abort";
  }

  #origin(t: Transaction) {
    return { sid: t.sid, ssid: t.ssid, address: t.address, write: t.write, priv: t.priv, exec: t.exec };
  }
}

/** Without a CD (bypass of stage 1, CD fetch) a fault with S2 = 0 is the address-size fault of a bypass: always recorded, aborts, never stalls (spec/smmuv3.md, 2.4). */
const policyOf = (ste: Ste, cd: { S: number; R: number; A: number } | null): FaultPolicy => ({
  S2S: ste.S2S,
  S2R: ste.S2R,
  S: cd?.S ?? 0,
  R: cd?.R ?? 1,
  A: cd?.A ?? 1,
});
