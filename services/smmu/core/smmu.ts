import { CMD_PRI_RESP, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import { decodeCommand } from "@faultline/shared/arm-smmu-v3/decode-command.ts";
import { field, mask, type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { prgCodeOfPriResp } from "@faultline/shared/page-response/page-response.ts";
import type { TraceIds } from "@faultline/shared/trace/tracer.ts";
import { AtcInvalidation } from "./ats/invalidation.ts";
import { TranslationRequests } from "./ats/translation-request.ts";
import { executeCfgi } from "./command-queue/cfgi.ts";
import { CommandQueue } from "./command-queue/command-queue.ts";
import { executeResume } from "./command-queue/resume.ts";
import { executeTlbi } from "./command-queue/tlbi.ts";
import { ConfigurationFetch } from "./configuration.ts";
import { EventQueue } from "./event-queue/event-queue.ts";
import { type Ended, isStall, Stalls } from "./event-queue/stall.ts";
import { isFault } from "./fault.ts";
import { CD_TABLE, type FetchedNames, fetchesOf, STREAM_TABLE, TRANSLATION_TABLE } from "./fetches.ts";
import { type Identity, type IdRegisters, identityOf } from "./identity.ts";
import type { PciFunction } from "./link.ts";
import type { HardwarePorts } from "./ports.ts";
import { PriQueue } from "./pri-queue/pri-queue.ts";
import { Gerror } from "./register-file/gerror.ts";
import { Interrupts } from "./register-file/interrupt.ts";
import { RegisterFile } from "./register-file/register-file.ts";
import { ConfigurationCache } from "./tlb/configuration-cache.ts";
import { Tlb } from "./tlb/tlb.ts";
import { WalkCache } from "./tlb/walk-cache.ts";
import { type Transaction, TransactionPath, type TransactionResult } from "./transaction.ts";
import { Translation } from "./translation.ts";

export type { Transaction, TransactionResult } from "./transaction.ts";

const UPDATE = 0x8000_0000;
const priResp = {
  SSV: CMD_PRI_RESP.reader("SSV"),
  SubstreamID: CMD_PRI_RESP.reader("SubstreamID"),
  StreamID: CMD_PRI_RESP.reader("StreamID"),
  PRGIndex: CMD_PRI_RESP.reader("PRGIndex"),
  Resp: CMD_PRI_RESP.reader("Resp"),
};

/** `walk` may be left out: off. */
export interface CacheSizes {
  tlb: number;
  config: number;
  walk?: number;
}
export type CacheName = keyof CacheSizes;

export interface SmmuBehaviour {
  /** False: TLB entries of nG = 0 pages stay with their ASID, as in the model that the vectors were recorded on (spec/smmuv3.md, section 10, row 11). */
  globalMatchesAnyAsid?: boolean;
  /** Events may be merged where STE.MEV permits it (7.3.1). */
  mergeEvents?: boolean;
  /** Every translation table descriptor that is read becomes a trace event. */
  traceWalks?: boolean;
  /** Ids of defects.ts that are on. */
  switches?: ReadonlySet<string>;
}

/** The SMMUv3: what its registers, queues and tables make of transactions. One input at a time, each to completion. */
export class Smmu {
  readonly identity: Identity;
  readonly regs: RegisterFile;
  readonly gerror: Gerror;
  readonly interrupts: Interrupts;
  readonly tlb: Tlb;
  readonly walkCache: WalkCache;
  readonly configurationCache: ConfigurationCache;
  readonly configuration: ConfigurationFetch;
  readonly translation: Translation;
  readonly eventQueue: EventQueue;
  readonly stalls: Stalls<Transaction>;
  readonly priQueue: PriQueue;
  readonly commandQueue: CommandQueue;
  readonly ats: TranslationRequests;
  readonly invalidation: AtcInvalidation;
  readonly #ports: HardwarePorts;
  readonly #function: (sid: number) => PciFunction | undefined;
  readonly #path: TransactionPath;
  readonly #overInvalidates: boolean;
  readonly #repeatsCommands: boolean;
  /** The first cache that would have had to evict although it never evicts: the run shows less than it claims, and ends as an error. */
  exhausted: { cache: CacheName; capacity: number } | null = null;

  constructor(
    id: IdRegisters,
    caches: CacheSizes,
    ports: HardwarePorts,
    functionOf: (sid: number) => PciFunction | undefined,
    { globalMatchesAnyAsid = true, mergeEvents = false, traceWalks = false, switches = new Set() }: SmmuBehaviour = {},
  ) {
    this.#ports = ports;
    this.#function = functionOf;
    this.identity = identityOf(id);
    const { identity } = this;
    this.regs = new RegisterFile(id);
    this.regs.written = (name, before) => this.#written(name, before);
    this.gerror = new Gerror(this.regs);
    this.interrupts = new Interrupts(this.regs, identity, ports, this.gerror, !switches.has("M-room-for-interrupts"));
    this.gerror.activated = () => this.interrupts.raise("GERROR");
    this.#overInvalidates = switches.has("M-over-invalidate");
    this.#repeatsCommands = switches.has("M-compare-cons");
    const evicted = (cache: CacheName) => (ids: TraceIds) => void ports.tracer.emit("cache.evicted", ids, { cache });
    const exhausted = (cache: CacheName) =>
      switches.has("M-never-evict")
        ? () => {
            this.exhausted ??= { cache, capacity: caches[cache] ?? 0 };
          }
        : undefined;
    this.tlb = new Tlb(caches.tlb, evicted("tlb"), globalMatchesAnyAsid, exhausted("tlb"));
    this.walkCache = new WalkCache(caches.walk ?? 0, evicted("walk"), exhausted("walk"));
    this.configurationCache = new ConfigurationCache(caches.config, evicted("config"), exhausted("config"));
    const fetches = (names: FetchedNames) => fetchesOf(ports.memory, ports.faults, names);
    this.configuration = new ConfigurationFetch(fetches(STREAM_TABLE), this.regs, identity, this.configurationCache, fetches(CD_TABLE));
    this.translation = new Translation(fetches(TRANSLATION_TABLE), identity, this.tlb, this.configuration, this.walkCache);
    if (traceWalks) this.translation.listen = (stage, level, address, low, high) => this.#traceDescriptor(stage, level, address, low, high);
    this.eventQueue = new EventQueue(this.regs, identity, ports, this.gerror, this.interrupts, mergeEvents);
    this.stalls = new Stalls(identity.stallModel === 1 ? 0 : identity.stallMax, this.eventQueue, (t) => this.#path.attempt(t));
    this.priQueue = new PriQueue(this.regs, identity, ports, this.gerror, this.interrupts, {
      respond: (sid, pasid, prgi, code) => this.#respond(sid, pasid, prgi, code),
      overflowPasid: (sid) => this.#overflowPasid(sid),
    });
    this.invalidation = new AtcInvalidation(ports, functionOf, identity.ssidBits > 0);
    this.commandQueue = new CommandQueue(this.regs, identity, ports, this.gerror, this.interrupts, (opcode, words) => this.#execute(opcode, words), {
      outstandingAtc: () => this.invalidation.outstanding(),
      takeAtcTimeout: () => this.invalidation.takeTimeout(),
    });
    this.ats = new TranslationRequests(this.regs, identity, this.configuration, this.translation, this.eventQueue, ports);
    this.#path = new TransactionPath(this.regs, identity, this.configuration, this.translation, this.eventQueue, this.ats);
  }

  /** The owner epochs show a walk of tables that were freed. */
  #traceDescriptor(stage: 1 | 2, level: number, address: number, low: number, high: number): void {
    const { memory, tracer } = this.#ports;
    if (!tracer.wants("walk.descriptor")) return;
    const { host, guest } = memory.owner(address);
    tracer.emit("walk.descriptor", { pa: hex(address) }, { stage, level, value: hex((BigInt(high) << 32n) | BigInt(low)), hostEpoch: host, guestEpoch: guest });
  }

  /** Power-on reset; caches are empty (16.2: UNKNOWN, empty is one of the permitted states). */
  reset(): void {
    this.regs.reset();
    this.#emptyCaches();
    this.exhausted = null;
    this.eventQueue.reset();
    this.stalls.reset();
    this.invalidation.reset();
  }

  #emptyCaches(): void {
    this.tlb.invalidateAll();
    this.walkCache.invalidateAll();
    this.configurationCache.invalidateAll();
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
        regs.set("CR0ACK", ack);
        // 6.3.9.6: SMMUEN to 0 terminates what is stalled; EVENTQEN to 1 makes room for records that wait.
        if ((before & ~value & mask(f.SMMUEN)) !== 0) this.stalls.terminate(null);
        else this.stalls.wake();
        return;
      }
      case "CMDQ_PROD":
        if (this.#repeatsCommands && value === before) this.commandQueue.publishedAgain();
        return;
      case "EVENTQ_CONS":
      case "GERRORN":
        this.stalls.wake();
        return;
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

  /** 3.4 and 7.3: one transaction, with its event if it faults. "stalled": `ended` is called once, when software or SMMUEN = 0 has released it. */
  transact(t: Transaction, ended: (result: Ended) => void = nobody): TransactionResult {
    const result = this.#path.attempt(t);
    return isStall(result) ? this.stalls.hold(t, result, ended) : result;
  }

  #execute(opcode: number, words: Uint32Array): boolean | "wait" {
    if (isInvalidation(opcode) && this.#keeps(opcode, words)) return true;
    const done = this.#dispatch(opcode, words);
    if (this.#overInvalidates && done === true && isInvalidation(opcode)) this.#emptyCaches();
    return done;
  }

  /** A rule of the lab lets a cache keep what the command names. */
  #keeps(opcode: number, words: Uint32Array): boolean {
    const { faults } = this.#ports;
    if (!faults?.armed) return false;
    const { name, fields } = decodeCommand(new Uint8Array(words.buffer, words.byteOffset, 16));
    if (opcode <= OPCODE.CMD_CFGI_CD_ALL) return faults.fails("smmu:config", "keep", { name, sid: fields.StreamID, pasid: fields.SubstreamID });
    return faults.fails("smmu:tlb", "keep", { name, asid: fields.ASID, vmid: fields.VMID });
  }

  /** Every entry of a cache goes, for the lab: the TLB with the walk cache, or the configuration cache. */
  evict(cache: "tlb" | "config"): void {
    if (cache === "config") return this.configurationCache.invalidateAll();
    this.tlb.invalidateAll();
    this.walkCache.invalidateAll();
  }

  /** Reserved fields of a command other than SSec are not looked at (4.1: CERROR_ILL is the other permitted choice). */
  #dispatch(opcode: number, words: Uint32Array): boolean | "wait" {
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
        return executeResume(opcode, words, this.stalls, identity);
      default:
        return executeTlbi(opcode, words, { tlb: this.tlb, walks: this.walkCache }, identity, {
          vmw: field(this.regs.low("CR0"), registers.CR0.fields.VMW),
          e2h: field(this.regs.low("CR2"), registers.CR2.fields.E2H) === 1,
        });
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

/** Who does not ask how a stalled transaction ended. */
const nobody = (): void => {};
/** CMD_CFGI_* and CMD_TLBI_* (4.1). */
const isInvalidation = (opcode: number): boolean => opcode >= OPCODE.CMD_CFGI_STE && opcode <= OPCODE.CMD_TLBI_NSNH_ALL;
