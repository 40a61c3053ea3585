import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { cdIllegal, granuleOfTG1 } from "./context-descriptor/cd-checks.ts";
import { type ContextDescriptor, decodeCd } from "./context-descriptor/context-descriptor.ts";
import { DerivedConfigurations } from "./derived-configurations.ts";
import { type Fault, fault, isFault } from "./fault.ts";
import { type Identity, ias, sizeBits, wideAddresses } from "./identity.ts";
import { startLevelS1, startLevelS2 } from "./page-table-walk/geometry.ts";
import type { Stage1Policy } from "./page-table-walk/permissions.ts";
import { type StageTable, stageTable } from "./page-table-walk/stage-table.ts";
import type { RegisterFile } from "./register-file/register-file.ts";
import { granuleOfTG0, type StreamWorld, stage2Start, steIllegal, streamWorld } from "./stream-table/ste-checks.ts";
import type { Ste } from "./stream-table/stream-table-entry.ts";
import { fetchSte } from "./stream-table/stream-table-walk.ts";
import { EL2 } from "./tlb/address-space.ts";
import type { ConfigurationCache } from "./tlb/configuration-cache.ts";

/** CR2.E2H. */
const E2H = 1;
const l1 = new Uint32Array(2);

/** The stage-2 table of a valid STE with Config = 11x. */
export function stage2Table(ste: Ste, identity: Identity): StageTable {
  const granule = granuleOfTG0(ste.S2TG);
  const start = stage2Start(ste, identity);
  const startLevel = startLevelS2(granule, start);
  if (startLevel === null) throw new Error("stage 2 of an ILLEGAL STE");
  const inputBits = 64 - ste.S2T0SZ;
  const outputBits = Math.min(sizeBits(ste.S2PS), identity.oas);
  const HA = ste.S2HA === 1;
  return stageTable({
    stage: 2,
    granule,
    startLevel,
    base: ste.S2TTB,
    inputBits,
    outputBits,
    oas: identity.oas,
    DS: start.DS,
    TBI: false,
    AFFD: ste.S2AFFD === 1,
    HA,
    HD: HA && ste.S2HD === 1,
    HAD: true,
    E0PD: false,
    FWB: ste.S2FWB === 1 && identity.fwb,
    PTW: ste.Config === 7 && ste.S2PTW === 1,
  });
}

/** TTB0 or TTB1 of a valid CD. */
export function stage1Table(cd: ContextDescriptor, upper: boolean, identity: Identity): StageTable {
  const granule = upper ? granuleOfTG1(cd.TG1) : granuleOfTG0(cd.TG0);
  const inputBits = 64 - (upper ? cd.T1SZ : cd.T0SZ);
  const startLevel = startLevelS1(granule, inputBits);
  const outputBits = Math.min(sizeBits(cd.IPS), identity.oas);
  const tbi = upper ? cd.TBI1 : cd.TBI0;
  const HA = cd.HA === 1;
  return stageTable({
    stage: 1,
    granule,
    startLevel,
    base: upper ? cd.TTB1 : cd.TTB0,
    inputBits,
    outputBits,
    oas: identity.oas,
    DS: wideAddresses(granule, cd.DS, identity),
    TBI: tbi === 1,
    AFFD: cd.AFFD === 1,
    HA,
    HD: HA && cd.HD === 1,
    HAD: (upper ? cd.HAD1 : cd.HAD0) === 1 && identity.had,
    E0PD: (upper ? cd.E0PD1 : cd.E0PD0) === 1 && identity.e0pd,
    FWB: false,
    PTW: false,
  });
}

/** Stage 1 of a valid CD, as translation needs it. */
export interface Stage1 extends Stage1Policy {
  ASID: number;
  ASET: number;
  /** Tables of TTB0 and TTB1; null: EPDx. */
  lower: StageTable | null;
  upper: StageTable | null;
}

/** The EL2 world has table 0 alone, and no ASID. */
const stage1Of = (cd: ContextDescriptor, identity: Identity, EL2: boolean): Stage1 => ({
  ASID: EL2 ? 0 : cd.ASID,
  ASET: EL2 ? 0 : cd.ASET,
  EL2,
  WXN: cd.WXN === 1,
  PAN: cd.PAN === 1,
  EPAN: cd.EPAN === 1 && identity.epan,
  lower: cd.EPD0 && !EL2 ? null : stage1Table(cd, false, identity),
  upper: cd.EPD1 || EL2 ? null : stage1Table(cd, true, identity),
});

/** What stream and substream lead to: stage 1 when `cd` is there, stage 2 when `s2` is. */
export interface Configuration {
  ste: Ste;
  cd: ContextDescriptor | null;
  stage1: Stage1 | null;
  s2: StageTable | null;
  ssid: number;
  /** Tag of its TLB entries: 0 without stage 2, EL2 in the EL2 worlds. */
  vmid: number;
}

/** Stage 2 of an address in a CD table. */
type TranslateCd = (ipa: number, s2: StageTable, ste: Ste) => number | Fault;

/** Fetches and checks STE and CD, in the architecture's order (7.3.22): STE, substream, CD fetch through stage 2, CD. */
export class ConfigurationFetch {
  readonly #memory: PhysicalMemory;
  readonly #cds: PhysicalMemory;
  readonly #regs: RegisterFile;
  readonly #identity: Identity;
  readonly #cache: ConfigurationCache;
  readonly #derived: DerivedConfigurations;
  /** Tables by STE and CD object: derived once per fetch. */
  readonly #stage2 = new WeakMap<Ste, StageTable>();
  readonly #checked = new WeakMap<object, string | null>();

  /** `cds`: memory as fetches of CDs see it. */
  constructor(memory: PhysicalMemory, regs: RegisterFile, identity: Identity, cache: ConfigurationCache, cds = memory) {
    this.#memory = memory;
    this.#cds = cds;
    this.#regs = regs;
    this.#identity = identity;
    this.#cache = cache;
    this.#derived = new DerivedConfigurations(cache);
  }

  /** What `ste` and `substream` would say, when STE and CD are both cached; undefined: ask them. */
  known(sid: number, ssid: number | null): Configuration | undefined {
    return this.#derived.get(sid, ssid);
  }

  /** C_BAD_STREAMID, F_STE_FETCH, C_BAD_STE; Config = 0xx is a silent fault. */
  ste(sid: number): Ste | Fault {
    const ste = this.validSte(sid);
    return !isFault(ste) && ste.Config < 4 ? fault("C_BAD_STE", { silent: true }) : ste;
  }

  /** As `ste`, but Config = 0xx is an STE like any other. */
  validSte(sid: number): Ste | Fault {
    let ste = this.#cache.ste(sid);
    if (!ste) {
      const fetched = fetchSte(this.#memory, this.#regs, this.#identity, sid);
      if (isFault(fetched)) return fetched;
      ste = fetched;
      this.#cache.keepSte(sid, ste);
    }
    let illegal = this.#checked.get(ste);
    if (illegal === undefined) this.#checked.set(ste, (illegal = steIllegal(ste, this.#identity)));
    return illegal === null ? ste : fault("C_BAD_STE");
  }

  /** Stage 1 bypassed or absent. */
  withoutStage1(ste: Ste): Configuration {
    return { ste, cd: null, stage1: null, s2: this.stage2(ste), ssid: 0, vmid: this.#vmid(ste) };
  }

  #world(ste: Ste): StreamWorld {
    return streamWorld(ste, this.#identity, (this.#regs.low("CR2") & E2H) !== 0);
  }
  /** Why a CD of this STE is C_BAD_CD, or null. */
  cdIllegal(cd: ContextDescriptor, ste: Ste): string | null {
    return cdIllegal(cd, ste, this.#identity, this.#world(ste));
  }

  #vmid(ste: Ste): number {
    return this.#identity.s2p ? ste.S2VMID : 0;
  }

  /** Null without stage 2. */
  stage2(ste: Ste): StageTable | null {
    if ((ste.Config & 6) !== 6) return null;
    let table = this.#stage2.get(ste);
    if (!table) this.#stage2.set(ste, (table = stage2Table(ste, this.#identity)));
    return table;
  }

  /** `translateCd` resolves an IPA of the CD table in nested configurations (CLASS = CD), as a data read. */
  substream(sid: number, ste: Ste, ssid: number | null, translateCd: TranslateCd): Configuration | Fault {
    const known = this.#derived.get(sid, ssid);
    if (known?.ste === ste) return known;
    const configuration = this.#substream(sid, ste, ssid, translateCd);
    if (!isFault(configuration)) this.#derived.keep(sid, ssid, configuration);
    return configuration;
  }

  #substream(sid: number, ste: Ste, ssid: number | null, translateCd: TranslateCd): Configuration | Fault {
    const s2 = this.stage2(ste);
    if ((ste.Config & 1) === 0) return ssid === null ? this.withoutStage1(ste) : fault("C_BAD_SUBSTREAMID");
    const max = this.#identity.ssidBits === 0 ? 0 : ste.S1CDMax;
    if (ssid !== null && (max === 0 || ssid >= 2 ** max)) return fault("C_BAD_SUBSTREAMID");
    if (max !== 0) {
      if (ssid === null && ste.S1DSS === 1) return this.withoutStage1(ste);
      if (ssid === null && ste.S1DSS !== 2) return fault("F_STREAM_DISABLED");
      if (ssid === 0 && ste.S1DSS === 2) return fault("F_STREAM_DISABLED");
    }
    const index = ssid ?? 0;
    let cd = this.#cache.cd(sid, index);
    if (!cd) {
      const resolve = (address: number) => (s2 ? translateCd(address, s2, ste) : address);
      const fetched = this.#fetchCd(sid, ste, index, max, resolve);
      if (isFault(fetched)) return fetched;
      cd = fetched;
      this.#cache.keepCd(sid, index, cd);
    }
    let illegal = this.#checked.get(cd);
    if (illegal === undefined) this.#checked.set(cd, (illegal = this.cdIllegal(cd, ste)));
    if (illegal !== null) return fault("C_BAD_CD");
    const world = this.#world(ste);
    return { ste, cd, stage1: stage1Of(cd, this.#identity, world === "EL2"), s2, ssid: index, vmid: world === "NS-EL1" ? this.#vmid(ste) : EL2 };
  }

  /** Linear, or two levels of 64 (4 KiB) or 1024 (64 KiB) CDs a leaf. Arm IHI 0070 G.b, 3.3.2 and 5.3. */
  #fetchCd(sid: number, ste: Ste, index: number, max: number, resolve: (address: number) => number | Fault): ContextDescriptor | Fault {
    const leafBits = max === 0 || (ste.S1Fmt !== 1 && ste.S1Fmt !== 2) ? 0 : ste.S1Fmt === 1 ? 6 : 10;
    let base = ste.S1ContextPtr;
    let at = index;
    if (leafBits === 0)
      base -= base % 2 ** (max + 6); // aligned to the size of the table
    else {
      const l1cd = this.#l1cd(sid, ste, index, max, leafBits, resolve);
      if (isFault(l1cd)) return l1cd;
      if (!l1cd.valid || l1cd.l2Ptr >= 2 ** (ste.Config === 7 ? ias(this.#identity) : this.#identity.oas)) return fault("C_BAD_SUBSTREAMID");
      base = l1cd.l2Ptr - (l1cd.l2Ptr % 2 ** (leafBits + 6));
      at = index % 2 ** leafBits;
    }
    const address = resolve(base + at * 64);
    if (isFault(address)) return address;
    const bytes = this.#cds.read(address, 64);
    return bytes ? decodeCd(new Uint32Array(bytes.buffer)) : fault("F_CD_FETCH", { fetchAddr: address });
  }

  #l1cd(sid: number, ste: Ste, index: number, max: number, leafBits: number, resolve: (address: number) => number | Fault) {
    const first = index - (index % 2 ** leafBits);
    const cached = this.#cache.l1cd(sid, first);
    if (cached) return cached;
    const size = max > leafBits ? 2 ** (max - leafBits) * 8 : 8;
    const base = ste.S1ContextPtr - (ste.S1ContextPtr % Math.max(64, size));
    const address = resolve(base + Math.floor(index / 2 ** leafBits) * 8);
    if (isFault(address)) return address;
    if (!this.#cds.load64(address, l1)) return fault("F_CD_FETCH", { fetchAddr: address });
    const l1cd = { valid: (l1[0] & 1) !== 0, l2Ptr: (l1[1] & 0xffffff) * 2 ** 32 + ((l1[0] & 0xfffff000) >>> 0) };
    this.#cache.keepL1cd(sid, first, l1cd);
    return l1cd;
  }
}
