import { CMD_PRI_RESP, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import { field, type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { prgCodeOfPriResp } from "@faultline/shared/page-response/page-response.ts";
import { AtcInvalidation } from "./ats/invalidation.ts";
import { TranslationRequests } from "./ats/translation-request.ts";
import { executeCfgi } from "./command-queue/cfgi.ts";
import { CommandQueue } from "./command-queue/command-queue.ts";
import { executeTlbi } from "./command-queue/tlbi.ts";
import { ConfigurationFetch } from "./configuration.ts";
import { EventQueue } from "./event-queue/event-queue.ts";
import { type Fault, fault, isFault, isTranslationFault } from "./fault.ts";
import { type Identity, type IdRegisters, identityOf } from "./identity.ts";
import type { PciFunction } from "./link.ts";
import type { HardwarePorts } from "./ports.ts";
import { PriQueue } from "./pri-queue/pri-queue.ts";
import { Gerror } from "./register-file/gerror.ts";
import { Interrupts } from "./register-file/interrupt.ts";
import { RegisterFile } from "./register-file/register-file.ts";
import type { Ste } from "./stream-table/stream-table-entry.ts";
import { ConfigurationCache } from "./tlb/configuration-cache.ts";
import { Tlb } from "./tlb/tlb.ts";
import { Translation } from "./translation.ts";

const UPDATE = 0x8000_0000;
const ABORT = 0x10_0000;
const priResp = {
  SSV: CMD_PRI_RESP.reader("SSV"),
  SubstreamID: CMD_PRI_RESP.reader("SubstreamID"),
  StreamID: CMD_PRI_RESP.reader("StreamID"),
  PRGIndex: CMD_PRI_RESP.reader("PRGIndex"),
  Resp: CMD_PRI_RESP.reader("Resp"),
};

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
/** PA, or how it is terminated: an abort, or RAZ/WI (CD.A = 0). */
export type TransactionResult = { pa: number } | "abort" | "raz-wi";

/** The SMMUv3: what its registers, queues and tables make of transactions. One input at a time, each to completion. */
export class Smmu {
  readonly identity: Identity;
  readonly regs: RegisterFile;
  readonly gerror: Gerror;
  readonly interrupts: Interrupts;
  readonly tlb: Tlb;
  readonly configurationCache: ConfigurationCache;
  readonly configuration: ConfigurationFetch;
  readonly translation: Translation;
  readonly eventQueue: EventQueue;
  readonly priQueue: PriQueue;
  readonly commandQueue: CommandQueue;
  readonly ats: TranslationRequests;
  readonly invalidation: AtcInvalidation;
  readonly #ports: HardwarePorts;
  readonly #function: (sid: number) => PciFunction | undefined;

  constructor(
    id: IdRegisters,
    caches: { tlb: number; config: number },
    ports: HardwarePorts,
    functionOf: (sid: number) => PciFunction | undefined,
    globalMatchesAnyAsid = true,
  ) {
    this.#ports = ports;
    this.#function = functionOf;
    this.identity = identityOf(id);
    const { identity } = this;
    this.regs = new RegisterFile(id);
    this.regs.written = (name, before) => this.#written(name, before);
    this.gerror = new Gerror(this.regs);
    this.interrupts = new Interrupts(this.regs, identity, ports, this.gerror);
    this.gerror.activated = () => this.interrupts.raise("GERROR");
    const evicted = (cache: string) => () => void ports.tracer.emit("cache.evicted", {}, { cache });
    this.tlb = new Tlb(caches.tlb, evicted("tlb"), globalMatchesAnyAsid);
    this.configurationCache = new ConfigurationCache(caches.config, evicted("config"));
    this.configuration = new ConfigurationFetch(ports.memory, this.regs, identity, this.configurationCache);
    this.translation = new Translation(ports.memory, identity, this.tlb, this.configuration);
    this.eventQueue = new EventQueue(this.regs, identity.eventqLog2, ports, this.gerror, this.interrupts);
    this.priQueue = new PriQueue(this.regs, identity, ports, this.gerror, this.interrupts, {
      respond: (sid, pasid, prgi, code) => this.#respond(sid, pasid, prgi, code),
      overflowPasid: (sid) => this.#overflowPasid(sid),
    });
    this.invalidation = new AtcInvalidation(ports, functionOf);
    this.commandQueue = new CommandQueue(this.regs, identity, ports, this.gerror, this.interrupts, (opcode, words) => this.#execute(opcode, words), {
      outstandingAtc: () => this.invalidation.outstanding(),
      takeAtcTimeout: () => this.invalidation.takeTimeout(),
    });
    this.ats = new TranslationRequests(this.regs, identity, this.configuration, this.translation, this.eventQueue, ports);
  }

  /** Power-on reset; caches are empty (16.2: UNKNOWN, empty is one of the permitted states). */
  reset(): void {
    this.regs.reset();
    this.tlb.invalidateAll();
    this.configurationCache.invalidateAll();
    this.invalidation.reset();
  }

  step(): boolean {
    return this.commandQueue.step();
  }

  /** Effects of register writes; updates complete at once, so an ACK follows its register without delay (6.3.9). */
  #written(name: RegisterName, before: number): void {
    const { regs } = this;
    const value = regs.low(name);
    switch (name) {
      case "CR0": {
        const f = registers.CR0.fields;
        let ack = value;
        if (!this.identity.pri) ack &= ~2;
        if (!this.identity.ats) ack &= ~16;
        ack &= ~(7 << f.VMW[1]); // VMW = 0: RES0
        regs.set("CR0ACK", ack);
        return;
      }
      case "IRQ_CTRL":
        regs.set("IRQ_CTRLACK", value & (this.identity.pri ? 7 : 5));
        return;
      case "GBPA":
        // 6.3.15: a write without Update is ignored; the update takes effect at once and Update reads 0.
        regs.set("GBPA", value & UPDATE ? value & ~UPDATE : before);
        return;
      default:
        return;
    }
  }

  /** 3.4 and 7.3: one transaction, with its event if it faults. */
  transact(t: Transaction): TransactionResult {
    if ((this.regs.low("CR0") & 1) === 0) return this.#globalBypass(t);
    if (t.translated) return this.#translated(t);
    const ste = this.configuration.ste(t.sid);
    if (isFault(ste)) return this.#terminate(t, ste, null);
    const access = this.#overridden(ste, t);
    const configuration = this.translation.configure(t.sid, ste, t.ssid);
    if (isFault(configuration)) return this.#terminate({ ...t, ...access }, configuration, { S2R: ste.S2R, R: 1, A: 1, bypass: false });
    const result = this.translation.translate(configuration, Number((t.address >> 32n) & 0xffffffffn), Number(t.address & 0xffffffffn), access);
    if (!isFault(result)) return { pa: result.pa };
    const { cd } = configuration;
    return this.#terminate({ ...t, ...access }, result, { S2R: ste.S2R, R: cd ? cd.R : 1, A: cd ? cd.A : 1, bypass: !cd });
  }

  /** STE.PRIVCFG and INSTCFG where IDR1.ATTR_PERMS_OVR says so; InD is 0 for writes (5.2, 13.1). */
  #overridden(ste: Ste, t: Transaction): { write: boolean; priv: boolean; exec: boolean } {
    const override = this.identity.permsOverride;
    const priv = override && ste.PRIVCFG >= 2 ? ste.PRIVCFG === 3 : t.priv;
    const exec = override && ste.INSTCFG >= 2 && !t.write ? ste.INSTCFG === 3 : t.exec;
    return { write: t.write, priv, exec: exec && !t.write };
  }

  /** SMMUEN = 0: GBPA (6.3.15); Translated transactions abort. */
  #globalBypass(t: Transaction): TransactionResult {
    if (t.translated) {
      this.eventQueue.record(fault("F_TRANSL_FORBIDDEN"), this.#origin(t));
      return "abort";
    }
    if ((this.regs.low("GBPA") & ABORT) !== 0 || t.address >> BigInt(this.identity.oas)) return "abort";
    return { pa: Number(t.address) };
  }

  /** 8.4: ATSCHK = 0 passes without an STE; otherwise the STE must allow ATS. An address above OAS aborts without event (IMPLEMENTATION DEFINED: the alternative is truncation). */
  #translated(t: Transaction): TransactionResult {
    const bypass = (): TransactionResult => (t.address >> BigInt(this.identity.oas) ? "abort" : { pa: Number(t.address) });
    if (field(this.regs.low("CR0"), registers.CR0.fields.ATSCHK) === 0) return bypass();
    const ste = this.configuration.ste(t.sid);
    if (isFault(ste)) {
      if (!ste.silent && (this.regs.low("CR2") & 8) !== 0) this.eventQueue.record(ste, this.#origin(t));
      return "abort";
    }
    const eats = this.ats.eats(ste);
    if (eats === 0) {
      this.eventQueue.record(fault("F_TRANSL_FORBIDDEN"), this.#origin(t));
      return "abort";
    }
    if (eats === 1) return bypass();
    const result = this.translation.translate(
      { ste, cd: null, s2: this.configuration.stage2(ste), ssid: 0 },
      Number((t.address >> 32n) & 0xffffffffn),
      Number(t.address & 0xffffffffn),
      t,
    );
    return isFault(result) ? this.#terminate(t, result, { S2R: ste.S2R, R: 1, A: 1, bypass: true }) : { pa: result.pa };
  }

  /**
   * 5.5: records unless suppressed, and terminates. A client of this machine cannot be stalled by CD.S or STE.S2S: PCIe traffic never stalls (3.12.2), so such a
   * transaction gets an abort with Stall = 0, which the architecture allows.
   */
  #terminate(t: Transaction, f: Fault, policy: { S2R: number; R: number; A: number; bypass: boolean } | null): TransactionResult {
    if (f.silent) return "abort";
    const gated = policy !== null && isTranslationFault(f);
    // A bypass address-size fault has no R/S2R gate (spec/smmuv3.md, 2.4).
    const recorded = gated ? (f.s2 ? policy.S2R !== 0 : policy.bypass || policy.R !== 0) : f.event !== "C_BAD_STREAMID" || (this.regs.low("CR2") & 2) !== 0;
    if (recorded) this.eventQueue.record(f, this.#origin(t));
    return gated && !f.s2 && !policy.bypass && policy.A === 0 ? "raz-wi" : "abort";
  }

  #origin(t: Transaction) {
    return { sid: t.sid, ssid: t.ssid, address: t.address, write: t.write, priv: t.priv, exec: t.exec };
  }

  #execute(opcode: number, words: Uint32Array): boolean | "wait" {
    const { identity } = this;
    const enabled = (this.regs.low("CR0") & 1) !== 0;
    switch (opcode) {
      case OPCODE.CMD_PREFETCH_CONFIG:
      case OPCODE.CMD_PREFETCH_ADDR:
        return (words[0] & 0x400) === 0; // a hint: doing nothing is legal (4.2)
      case OPCODE.CMD_CFGI_STE:
      case OPCODE.CMD_CFGI_STE_RANGE:
      case OPCODE.CMD_CFGI_CD:
      case OPCODE.CMD_CFGI_CD_ALL:
        return executeCfgi(opcode, words, this.configurationCache, identity);
      case OPCODE.CMD_ATC_INV:
        return identity.ats && (enabled ? this.invalidation.execute(words) : true); // ignored while SMMUEN = 0
      case OPCODE.CMD_PRI_RESP: {
        const code = prgCodeOfPriResp(priResp.Resp(words, 0));
        if (!identity.pri || code === null) return false;
        const pasid = priResp.SSV(words, 0) && identity.ssidBits ? priResp.SubstreamID(words, 0) : null;
        if (enabled) this.#respond(priResp.StreamID(words, 0), pasid, priResp.PRGIndex(words, 0), code);
        return true;
      }
      case OPCODE.CMD_RESUME:
      case OPCODE.CMD_STALL_TERM:
        // Nothing stalls here, so no STAG matches: no effect (4.6). ILLEGAL without a stall model.
        return identity.stallModel !== 1 && (words[0] & 0x400) === 0;
      default:
        return executeTlbi(opcode, words, this.tlb, identity, 0);
    }
  }

  #respond(sid: number, pasid: number | null, prgi: number, code: number): void {
    this.#ports.tracer.emit("prg-response.sent", { sid: hex(sid), pasid: pasid ?? undefined, grpid: prgi }, { code });
    this.#function(sid)?.prgResponse({ pasid, prgi, code });
  }

  /** 8.1: PPS = 1 always; otherwise STE.PPAR, and Failure when the STE cannot be had. Events only with REC_CFG_ATS. */
  #overflowPasid(sid: number): boolean | "failure" {
    if (this.identity.pps) return true;
    const ste = this.configuration.validSte(sid); // Config = 0xx counts as valid here
    if (!isFault(ste)) return ste.PPAR === 1;
    const cr2 = this.regs.low("CR2");
    if ((cr2 & 8) !== 0 && (ste.event !== "C_BAD_STREAMID" || (cr2 & 2) !== 0))
      this.eventQueue.record(ste, { sid, ssid: null, address: 0n, write: false, priv: false, exec: false });
    return "failure";
  }
}
