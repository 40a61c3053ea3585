import { checkCd, fetchCd, stage1Geometry, substream, worldOf } from "./context-descriptor.ts";
import { addressBits, bits, CLASS, type Class, pow2, Termination, type WalkedAccess, type WalkedMachine } from "./machine.ts";
import { expectedRecord, type Recorded } from "./recorded-event.ts";
import { checkSte, fetchSte, stage2Geometry } from "./stream-table.ts";
import { accessFlagFaults, type Fail, type Kind, type Leaf, marked, type Stage, stage1Permits, stage2Permits, startLevel, walk } from "./table-walk.ts";

/** What may become of an access. */
export type Outcome = { pa: bigint } | { end: "abort" | "raz-wi" | "stall"; event: Recorded | null };

/**
 * smmuv3.md, section 7, for an access that enters with SMMUEN = 1. More than one outcome where the architecture orders two faults in no way. AF and dirty
 * state are updated in `memory` only by an access that goes through (after a fault they are UNKNOWN: page-tables.md, section 12).
 */
export function translate(m: WalkedMachine, access: WalkedAccess): Outcome[] {
  const policy: Policy = { ste: 0n, cd: null, access };
  try {
    return [{ pa: procedure(m, access, policy) }];
  } catch (ended) {
    if (ended instanceof Either) return ended.terminations.map((one) => response(m, one, policy));
    if (ended instanceof Termination) return [response(m, ended, policy)];
    throw ended;
  }
}

interface Policy {
  ste: bigint;
  cd: bigint | null;
  access: WalkedAccess;
}

/** Two faults of one access between which the specification states no order. */
class Either extends Error {
  readonly terminations: Termination[];
  constructor(terminations: Termination[]) {
    super("either");
    this.terminations = terminations;
  }
}

function procedure(m: WalkedMachine, access: WalkedAccess, policy: Policy): bigint {
  const { id, regs } = m;
  const beyond = (limit: number) => access.address >= pow2(limit);
  const forbidden = (row: string) => {
    m.reach(`F_TRANSL_FORBIDDEN: ${row}`);
    return new Termination("F_TRANSL_FORBIDDEN");
  };
  const passed = () => {
    if (beyond(id.OAS)) throw new Termination(null); // 8.1: the choice is to abort without event
    return access.address;
  };
  if (access.translated && !regs.ATSCHK) return passed();
  const ste = fetchSte(m, access.sid);
  const Config = bits(ste, 3, 1);
  if (bits(ste, 0) === 0) {
    m.reach("C_BAD_STE: 1 V = 0");
    throw new Termination("C_BAD_STE");
  }
  if (Config < 4) {
    m.reach(`Config = 0xx aborts silently${access.translated ? " (translated)" : ""}`);
    throw new Termination(null);
  }
  checkSte(m, ste);
  policy.ste = ste;
  const kind = overridden(m, ste, access);
  policy.access = { ...access, ...kind };
  if (access.translated) {
    const EATS = id.ATS ? bits(ste, 93, 92) : 0;
    if (Config === 4) throw forbidden("Config = 100");
    if (EATS === 0 || EATS === 3) throw forbidden("EATS = 0");
    if (EATS === 1) {
      policy.access = access;
      return passed();
    }
    return bypassStage1(m, ste, access.address, kind);
  }
  if ((Config & 1) === 0 && access.ssid !== null) {
    m.reach("C_BAD_SUBSTREAMID: stage 1 not enabled");
    throw new Termination("C_BAD_SUBSTREAMID");
  }
  const index = (Config & 1) === 0 ? null : substream(m, ste, access.ssid);
  if (index === null) return bypassStage1(m, ste, access.address, kind);
  const stage2 = (Config & 2) !== 0 ? stage2Of(m, ste) : null;
  const cd = fetchCd(m, ste, index, (address) => (stage2 ? stage2Table(m, ste, stage2, address, CLASS.CD, false) : address));
  checkCd(m, ste, cd);
  policy.cd = cd;
  return nested(m, ste, cd, stage2, access.address, kind);
}

/** smmuv3.md, 2.2 and 7: PRIVCFG and INSTCFG if ATTR_PERMS_OVR, the latter for reads. */
function overridden({ id }: WalkedMachine, ste: bigint, { write, priv, exec }: WalkedAccess): Kind {
  const [PRIVCFG, INSTCFG] = [bits(ste, 113, 112), bits(ste, 115, 114)];
  return {
    write,
    priv: id.ATTR_PERMS_OVR && PRIVCFG >= 2 ? PRIVCFG === 3 : priv,
    exec: !write && (id.ATTR_PERMS_OVR && INSTCFG >= 2 ? INSTCFG === 3 : exec),
  };
}

/** 2.4: without stage 1 the input is the PA or the IPA. */
function bypassStage1(m: WalkedMachine, ste: bigint, address: bigint, kind: Kind): bigint {
  const s2 = (bits(ste, 3, 1) & 2) !== 0;
  if (address >= pow2(s2 ? m.id.IAS : m.id.OAS)) {
    m.reach(`F_ADDR_SIZE: bypass, beyond ${s2 ? "IAS" : "OAS"}`);
    throw new Termination("F_ADDR_SIZE", { bypass: true });
  }
  if (!s2) return address;
  const t = stage2Of(m, ste);
  const leaf = stage2Leaf(m, t, address, CLASS.IN);
  stage2Check(m, ste, t, leaf, kind, address, CLASS.IN);
  mark(m, t, leaf, kind.write);
  return leaf.output;
}

/** Updates the descriptor as it is now: one descriptor may map the tables and the data. */
function mark({ memory, reach }: WalkedMachine, t: Stage, { pa }: Leaf, write: boolean): void {
  const now = memory.load(pa, 1, { of: "descriptor", stage: t.stage, level: 3, pageBits: t.pageBits, outputBits: t.outputBits });
  if (now === null) return;
  const next = marked(t, now, write);
  memory.store(pa, next);
  if (bits(next, 10) !== bits(now, 10)) reach(`stage ${t.stage}: AF set`);
  if (bits(next, 7) !== bits(now, 7)) reach(`stage ${t.stage}: made dirty`);
}

function stage2Of(m: WalkedMachine, ste: bigint): Stage {
  const { pageBits, T0SZ, level, outputBits, base, DS } = stage2Geometry(ste, m);
  const HA = bits(ste, 184) === 1;
  return {
    stage: 2,
    pageBits,
    startLevel: level as number,
    base,
    inputBits: 64 - T0SZ,
    outputBits,
    AFFD: bits(ste, 181) === 1,
    HA,
    HD: HA && bits(ste, 183) === 1,
    HAD: true,
    DS,
  };
}

const NAMES = ["CD", "TT", "IN"];
const stage2Fail =
  (m: WalkedMachine, ipa: bigint, CLASS: Class): Fail =>
  (event, row, FetchAddr = 0n) => {
    m.reach(`${event}: S2, ${NAMES[CLASS]}`);
    m.reach(`${event}: S2, ${row}`);
    return new Termination(event, { S2: true, CLASS, IPA: ipa, FetchAddr });
  };

function stage2Leaf(m: WalkedMachine, t: Stage, ipa: bigint, cls: Class): Leaf {
  const fail = stage2Fail(m, ipa, cls);
  if (ipa >= pow2(t.inputBits)) throw fail("F_TRANSLATION", "IPA out of range");
  return walk(m, t, ipa, (address) => address, fail);
}

/** After the walk of stage 2: access flag, then permission (page-tables.md, 5.3). */
function stage2Check(m: WalkedMachine, ste: bigint, t: Stage, { descriptor }: Leaf, kind: Kind, ipa: bigint, cls: Class): void {
  const fail = stage2Fail(m, ipa, cls);
  if (accessFlagFaults(t, descriptor)) throw fail("F_ACCESS", "access flag");
  const permission = (row: string) => {
    fail("F_PERMISSION", row);
    if (cls === CLASS.TT && kind.write) m.reach("F_PERMISSION: S2, TT, TTRnW = 0");
    return new Termination("F_PERMISSION", { S2: true, CLASS: cls, IPA: ipa, TTRnW: kind.write ? 0 : 1 });
  };
  if (!stage2Permits(m, t, descriptor, kind)) throw permission(kind.exec ? "execute" : kind.write ? "write" : "read");
  // 4.4: MemAttr[3:2] = 00 is Device; with FWB, MemAttr[2] = 0.
  const device = m.id.FWB && bits(ste, 89) === 1 ? bits(descriptor, 4) === 0 : bits(descriptor, 5, 4) === 0;
  if (cls !== CLASS.IN && bits(ste, 3, 1) === 7 && bits(ste, 182) === 1 && device) {
    if (m.id.FWB && bits(ste, 89) === 1) m.reach("S2PTW: Device memory with FWB");
    throw permission("S2PTW");
  }
}

/** Stage 2 of the address of a stage-1 descriptor or CD: a data read, or a write when the hardware updates the descriptor. The PA. */
function stage2Table(m: WalkedMachine, ste: bigint, t: Stage, ipa: bigint, cls: Class, write: boolean): bigint {
  const leaf = stage2Leaf(m, t, ipa, cls);
  stage2Check(m, ste, t, leaf, { write, priv: false, exec: false }, ipa, cls);
  mark(m, t, leaf, write);
  return leaf.output;
}

/** Stage 1, then stage 2 of what it gives (steps 10 to 13). */
function nested(m: WalkedMachine, ste: bigint, cd: bigint, stage2: Stage | null, address: bigint, kind: Kind): bigint {
  const fail: Fail = (event, row, FetchAddr = 0n) => {
    m.reach(`${event}: S1`);
    m.reach(`${event}: S1, ${row}`);
    return new Termination(event, { CLASS: event === "F_WALK_EABT" ? CLASS.TT : CLASS.IN, FetchAddr });
  };
  const world = worldOf(m, ste);
  if (world !== "NS-EL1") m.reach(`stage 1 of ${world}`);
  const el2 = world === "EL2";
  if (el2 && bits(address, 55) === 1) m.reach("EL2: VA in the upper half");
  const table = !el2 && bits(address, 55) === 1 ? 1 : 0;
  const { EPD, TSZ, pageBits, base, DS } = stage1Geometry(cd, table, m.id);
  if (EPD === 1 && !el2) throw fail("F_TRANSLATION", "EPD");
  const inputBits = 64 - TSZ;
  const top = bits(cd, 38 + table) === 1 ? 56 : 64; // TBI
  const upper = (address % pow2(top)) >> BigInt(inputBits);
  if (upper !== (table === 1 ? pow2(top - inputBits) - 1n : 0n)) throw fail("F_TRANSLATION", "VA out of range");
  if (m.id.E0PD && bits(cd, table === 0 ? 66 : 130) === 1 && !kind.priv) throw fail("F_TRANSLATION", "E0PD");
  const HA = bits(cd, 43) === 1;
  const t: Stage = {
    stage: 1,
    pageBits,
    startLevel: startLevel(pageBits, inputBits),
    base,
    inputBits,
    outputBits: Math.min(addressBits(bits(cd, 34, 32)), m.id.OAS),
    AFFD: bits(cd, 35) === 1,
    HA,
    HD: HA && bits(cd, 42) === 1,
    HAD: m.id.HAD && bits(cd, table === 0 ? 65 : 129) === 1,
    DS,
  };
  m.reach(`stage 1, ${stage2 ? "nested" : "alone"}, table ${table}`);
  const toPa = (ipa: bigint) => (stage2 ? stage2Table(m, ste, stage2, ipa, CLASS.TT, false) : ipa);
  const leaf = walk(m, t, address % pow2(inputBits), toPa, fail);
  if (accessFlagFaults(t, leaf.descriptor)) throw fail("F_ACCESS", "access flag");
  if (!stage1Permits(m, cd, t, leaf, kind, el2))
    throw fail("F_PERMISSION", `${kind.exec ? "execute" : kind.write ? "write" : "read"} ${kind.priv ? "privileged" : "unprivileged"}`);
  const update = marked(t, leaf.descriptor, kind.write);
  const data = stage2 ? outcomeOf(() => dataStage2(m, ste, stage2, leaf.output, kind)) : null;
  const written = update === leaf.descriptor ? null : outcomeOf(() => (stage2 ? stage2Table(m, ste, stage2, leaf.address, CLASS.TT, true) : leaf.pa));
  const faults = [data, written].filter((one) => one instanceof Termination);
  // Without the data's stage 2 a dirty update is not due (it is never speculative); its fault and the data's have no stated order.
  if (faults.length === 2) throw new Either(faults);
  if (faults.length === 1) throw faults[0];
  if (written !== null) mark(m, t, leaf, kind.write);
  if (!stage2 || data === null || data instanceof Termination) return leaf.output;
  mark(m, stage2, data, kind.write);
  return data.output;
}

function dataStage2(m: WalkedMachine, ste: bigint, t: Stage, ipa: bigint, kind: Kind): Leaf {
  const leaf = stage2Leaf(m, t, ipa, CLASS.IN);
  stage2Check(m, ste, t, leaf, kind, ipa, CLASS.IN);
  return leaf;
}

function outcomeOf<T>(step: () => T): T | Termination {
  try {
    return step();
  } catch (ended) {
    if (ended instanceof Termination) return ended;
    throw ended;
  }
}

/** smmuv3.md, 5.5: record, and abort, RAZ/WI or stall. */
function response(m: WalkedMachine, { event, facts }: Termination, { ste, cd, access }: Policy): Outcome {
  if (event === null) return { end: "abort", event: null };
  const record = (stall: boolean) => expectedRecord(m.id, event, facts, access, stall);
  if (event === "C_BAD_STREAMID") {
    // Translated: not gated by RECINVSID but by REC_CFG_ATS (8.4).
    return { end: "abort", event: (access.translated ? m.regs.REC_CFG_ATS : m.regs.RECINVSID) ? record(false) : null };
  }
  if (access.translated && (event === "F_STE_FETCH" || event === "C_BAD_STE")) return { end: "abort", event: m.regs.REC_CFG_ATS ? record(false) : null };
  const governed = ["F_TRANSLATION", "F_ADDR_SIZE", "F_ACCESS", "F_PERMISSION"].includes(event) && !facts.bypass;
  if (!governed) return { end: "abort", event: record(false) };
  if (facts.S2) {
    if (bits(ste, 185) === 1) return { end: "stall", event: record(true) };
    return { end: "abort", event: bits(ste, 186) === 1 ? record(false) : null };
  }
  const [S, R, A] = [bits(cd as bigint, 44), bits(cd as bigint, 45), bits(cd as bigint, 46)];
  m.reach(`CD.S R A = ${S === 1 ? "1xx" : `0${R}${A}`}`);
  if (S === 1) return { end: "stall", event: record(true) };
  return { end: A === 1 ? "abort" : "raz-wi", event: R === 1 ? record(false) : null };
}
