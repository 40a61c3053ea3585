import type { EventName } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { field, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { accessAspect } from "@faultline/shared/trace/aspects.ts";
import type { ConfigurationFetch } from "../configuration.ts";
import type { EventQueue } from "../event-queue/event-queue.ts";
import { type Fault, fault, isFault } from "../fault.ts";
import type { Identity } from "../identity.ts";
import type { PasidPrefix, TranslationCompletion, TranslationEntry } from "../link.ts";
import { PERM } from "../page-table-walk/permissions.ts";
import type { HardwarePorts } from "../ports.ts";
import type { RegisterFile } from "../register-file/register-file.ts";
import type { Ste } from "../stream-table/stream-table-entry.ts";
import type { Translation } from "../translation.ts";

/** Faults that a translation request is answered with "no access" instead of an error (spec/smmuv3.md, 8.2). */
const answeredWithoutAccess = (f: Fault): boolean => f.event === "F_TRANSLATION" || f.event === "F_ADDR_SIZE" || f.event === "F_ACCESS" || f.event === "F_PERMISSION";

const doubleword = new BigUint64Array(1);
const halves = new Uint32Array(doubleword.buffer);

type Tlp = PasidPrefix & { address: bigint; count: number; noWrite: boolean };

/** ATS translation requests (3.9, 13.6; spec/smmuv3.md, 8.1 to 8.3). */
export class TranslationRequests {
  readonly #regs: RegisterFile;
  readonly #identity: Identity;
  readonly #fetch: ConfigurationFetch;
  readonly #translation: Translation;
  readonly #events: EventQueue;
  readonly #ports: HardwarePorts;
  /** Smallest Translation Unit, bytes: the smallest granule of IDR5, which software programs into every function (3.9.1). */
  readonly #stu: number;
  /** Name of the first fault of the request in progress, for the trace. */
  #fault: EventName | undefined;

  constructor(regs: RegisterFile, identity: Identity, fetch: ConfigurationFetch, translation: Translation, events: EventQueue, ports: HardwarePorts) {
    this.#regs = regs;
    this.#identity = identity;
    this.#fetch = fetch;
    this.#translation = translation;
    this.#events = events;
    this.#ports = ports;
    this.#stu = 2 ** Math.min(...identity.granules);
  }

  /** Effective EATS: 0 without ATS or in bypass; split stage and DPT need ATSCHK (and DPT is not implemented). */
  eats(ste: Ste): number {
    if (!this.#identity.ats || ste.Config === 4 || ste.EATS === 3) return 0;
    const atschk = field(this.#regs.low("CR0"), registers.CR0.fields.ATSCHK) !== 0;
    return ste.EATS === 2 && !atschk ? 0 : ste.EATS;
  }

  request(sid: number, tlp: Tlp): TranslationCompletion {
    this.#fault = undefined;
    const completion = this.#request(sid, tlp);
    const first = completion.status === "SC" ? completion.entries[0] : undefined;
    if (this.#ports.tracer.wants("ats.translation-request", accessAspect(first !== undefined && (first.R || first.W)))) {
      this.#ports.tracer.emit(
        "ats.translation-request",
        { sid: hex(sid), pasid: tlp.pasid ?? undefined, iova: hex(tlp.address) },
        {
          status: completion.status,
          noWrite: tlp.noWrite,
          count: tlp.count,
          R: first?.R,
          W: first?.W,
          pa: first && (first.R || first.W) ? hex(first.address) : undefined,
          bytes: first?.sizeBytes,
          event: this.#fault,
        },
      );
    }
    return completion;
  }

  #request(sid: number, tlp: Tlp): TranslationCompletion {
    if ((this.#regs.low("CR0") & 1) === 0) return this.#refuse(sid, tlp);
    const known = this.#fetch.known(sid, tlp.pasid);
    const ste = known ? known.ste : this.#fetch.ste(sid);
    if (isFault(ste)) return ste.silent ? { status: "UR" } : this.#abort(sid, tlp, ste);
    const eats = this.eats(ste);
    if (eats === 0) return this.#refuse(sid, tlp);
    const configuration = known ?? this.#translation.configure(sid, ste, tlp.pasid);
    if (isFault(configuration)) {
      // A stage-2 fault met while fetching the CD is a missing page like any other; other configuration faults abort.
      this.#fault = configuration.event;
      return configuration.s2 && answeredWithoutAccess(configuration) ? { status: "SC", entries: [noAccess(tlp, this.#stu)] } : this.#abort(sid, tlp, configuration);
    }
    const entries: TranslationEntry[] = [];
    const override = this.#identity.permsOverride;
    const priv = override && ste.PRIVCFG >= 2 ? ste.PRIVCFG === 3 : tlp.priv;
    const instcfg = override ? ste.INSTCFG : 0;
    const access = { write: !tlp.noWrite, priv, exec: false };
    for (let i = 0; i < tlp.count; i++) {
      doubleword[0] = i === 0 ? tlp.address : tlp.address + BigInt(i * this.#stu);
      const result = this.#translation.translate(configuration, halves[1], halves[0] & -4096, access, true);
      if (isFault(result)) {
        this.#fault ??= result.event;
        if (!answeredWithoutAccess(result)) return this.#abort(sid, tlp, result);
        entries.push(noAccess(tlp, this.#stu));
        continue;
      }
      const { entry } = result;
      const permitted = (entry.s1 & entry.s2) >>> (priv ? 3 : 0);
      // 13.6.2: with INSTCFG = instruction reads are fetches, with data fetches are reads.
      const X = (permitted & PERM.UX) !== 0;
      const R = instcfg === 3 ? X : (permitted & PERM.UR) !== 0;
      const W = (permitted & PERM.UW) !== 0 && !((entry.s1Clean || entry.s2Clean) && tlp.noWrite);
      const Exe = tlp.exec && R && (X || instcfg === 2);
      // Split stage returns the IPA (EATS = 2).
      if (!R && !W) {
        entries.push(noAccess(tlp, this.#stu)); // nothing is granted: no output address either
        continue;
      }
      const base = eats === 2 ? entry.ipa : entry.pa;
      // A region larger than a page is announced from its own start; several translations of one request have one size, so an STU each.
      // An identity translation reaches no further than OAS.
      const shift = tlp.count === 1 ? Math.min(entry.shift, this.#identity.oas) : Math.log2(this.#stu);
      const output = base + (result.pa - entry.pa);
      const page = shift === 12;
      entries.push({
        address: output - (page ? output & 0xfff : output % 2 ** shift),
        sizeBytes: page ? 4096 : 2 ** shift,
        R,
        W,
        Exe,
        Priv: tlp.pasid !== null && tlp.priv,
        Global: false,
        N: false,
        U: false,
      });
    }
    return { status: "SC", entries };
  }

  /** UR with F_BAD_ATS_TREQ, which REC_CFG_ATS does not gate. */
  #refuse(sid: number, tlp: Tlp): TranslationCompletion {
    this.#record(sid, tlp, fault("F_BAD_ATS_TREQ"));
    return { status: "UR" };
  }

  /** CA; recorded only with CR2.REC_CFG_ATS, C_BAD_STREAMID with RECINVSID too. */
  #abort(sid: number, tlp: Tlp, f: Fault): TranslationCompletion {
    this.#fault = f.event;
    const cr2 = this.#regs.low("CR2");
    if ((cr2 & 8) !== 0 && (f.event !== "C_BAD_STREAMID" || (cr2 & 2) !== 0)) this.#record(sid, tlp, f);
    return { status: "CA" };
  }

  #record(sid: number, tlp: Tlp, f: Fault): void {
    this.#events.record(f, { sid, ssid: tlp.pasid, address: tlp.address, write: false, priv: tlp.priv, exec: tlp.exec });
  }
}

const noAccess = (tlp: Tlp, stu: number): TranslationEntry => ({
  address: Number(tlp.address & 0xffff_ffff_f000n),
  sizeBytes: stu,
  R: false,
  W: false,
  Exe: false,
  Priv: tlp.pasid !== null && tlp.priv,
  Global: false,
  N: false,
  U: false,
});
