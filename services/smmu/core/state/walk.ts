import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { L1CD } from "@faultline/shared/arm-smmu-v3/l1-context-descriptor.ts";
import { L1STD } from "@faultline/shared/arm-smmu-v3/l1-stream-table-descriptor.ts";
import { field, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { doublewords, fieldsOf, fieldValues } from "@faultline/shared/state/fields.ts";
import { flag, hexString, integer, list, orNull, record, text } from "@faultline/shared/state/schema.ts";
import type { Structure } from "@faultline/shared/state/structure.ts";
import { ConfigurationFetch } from "../configuration.ts";
import { decodeCd } from "../context-descriptor/context-descriptor.ts";
import { type Fault, isFault } from "../fault.ts";
import type { Smmu } from "../smmu.ts";
import { steIllegal } from "../stream-table/ste-checks.ts";
import { decodeSte } from "../stream-table/stream-table-entry.ts";
import { ConfigurationCache } from "../tlb/configuration-cache.ts";
import { Tlb } from "../tlb/tlb.ts";
import { Translation } from "../translation.ts";
import { descriptorFields } from "./descriptor-fields.ts";
import { recordingMemory, type TableRead } from "./recording-memory.ts";

const nothing = () => {};
const NO_CACHE = 0;
const CLASSES = ["CD", "TT", "IN"];

/** Fetch and translation of this SMMU without its caches, over another view of memory. */
export function uncached(smmu: Smmu, memory: PhysicalMemory): { fetch: ConfigurationFetch; translation: Translation } {
  const fetch = new ConfigurationFetch(memory, smmu.regs, smmu.identity, new ConfigurationCache(NO_CACHE, nothing));
  return { fetch, translation: new Translation(memory, smmu.identity, new Tlb(NO_CACHE, nothing), fetch) };
}

interface Step {
  structure: string;
  stage: number | null;
  level: number | null;
  address: string;
  value: string[];
  fields: Record<string, number | string>;
}
const stepSchema = record({
  structure: text("STE, CD, their level-1 descriptors, a translation table descriptor; or a hardware update of one (AF, dirty state), after which the walk reads again"),
  stage: orNull(integer()),
  level: orNull(integer()),
  address: hexString("PA it was read at"),
  value: list(hexString(), "doublewords"),
  fields: fieldValues,
});
const outcomeSchema = record({
  result: text("translated, bypass, abort, or the event of 7.3"),
  pa: orNull(hexString()),
  regionBytes: orNull(hexString("how far this translation reaches")),
  s2: flag("fault of stage 2"),
  class: orNull(text("CD, TT or IN")),
  ipa: orNull(hexString()),
  fetchAddr: orNull(hexString()),
  reason: orNull(text("which check failed")),
});

export const walkStructure = (smmu: Smmu, memory: PhysicalMemory): Structure => ({
  path: "/walk/{sid}",
  sentence: "Every descriptor that a transaction's translation reads, from the tables in memory (no cache is asked or filled, nothing is updated), and the outcome.",
  parameters: {
    sid: { is: "number", sentence: "StreamID" },
    ssid: { is: "word", sentence: "SubstreamID, or none", fallback: "none" },
    iova: { is: "number", sentence: "input address, 64 bits" },
    write: { is: "number", sentence: "1: a write", fallback: "0" },
    priv: { is: "number", sentence: "1: privileged", fallback: "0" },
    exec: { is: "number", sentence: "1: an instruction fetch", fallback: "0" },
  },
  schema: record({
    sid: hexString(),
    ssid: orNull(integer()),
    iova: hexString(),
    access: text(),
    steps: list(stepSchema),
    updates: list(record({ address: hexString(), value: hexString() }), "descriptors that the hardware would write (AF, dirty state)"),
    outcome: outcomeSchema,
  }),
  read({ number, word }) {
    if (number("sid") >= 2n ** 32n) return { refused: "bad-parameter", field: "sid", reason: `sid ${hex(number("sid"))} is no StreamID (32 bits)` };
    const ssidText = word("ssid");
    if (ssidText !== "none" && !/^(0x[0-9a-f]{1,5}|\d{1,7})$/i.test(ssidText))
      return { refused: "bad-parameter", field: "ssid", reason: `ssid ${ssidText} is no SubstreamID (20 bits) and not none` };
    const ssid = ssidText === "none" ? null : Number(ssidText);
    const access = { write: number("write") !== 0n, priv: number("priv") !== 0n, exec: number("exec") !== 0n };
    return {
      sid: hex(number("sid")),
      ssid,
      iova: hex(number("iova")),
      access: accessText(access),
      ...walk(smmu, memory, Number(number("sid")), ssid, number("iova"), access),
    };
  },
});

const accessText = ({ write, priv, exec }: { write: boolean; priv: boolean; exec: boolean }): string =>
  `${priv ? "privileged" : "unprivileged"} ${write ? "write" : exec ? "instruction fetch" : "read"}`;

interface Descriptor {
  stage: 1 | 2;
  level: number;
  output: number;
}

/** One transaction's translation, told step by step. */
export function walk(smmu: Smmu, memory: PhysicalMemory, sid: number, ssid: number | null, iova: bigint, access: { write: boolean; priv: boolean; exec: boolean }) {
  const { memory: recorded, reads, updates } = recordingMemory(memory);
  const { fetch, translation } = uncached(smmu, recorded);
  const annotated = new Map<TableRead, Descriptor>();
  translation.listen = (stage, level, _address, _low, _high, output) => void annotated.set(reads[reads.length - 1], { stage, level, output });
  const told = (outcome: object) => ({
    steps: steps(reads, annotated),
    updates: updates.map(({ address, value }) => ({ address: hex(address), value })),
    outcome: { pa: null, regionBytes: null, s2: false, class: null, ipa: null, fetchAddr: null, reason: null, ...outcome },
  });
  const failed = (f: Fault) => told({ ...faultOutcome(f), reason: f.silent ? "STE.Config = 0b0xx: no event" : whyRefused(smmu, f, reads, annotated.size) });
  if ((smmu.regs.low("CR0") & 1) === 0) return told(globalBypass(smmu, iova));
  const ste = fetch.ste(sid);
  if (isFault(ste)) return failed(ste);
  const configuration = translation.configure(sid, ste, ssid);
  if (isFault(configuration)) return failed(configuration);
  const configurationDescriptors = annotated.size;
  const result = translation.translate(configuration, Number(iova >> 32n), Number(iova & 0xffffffffn), { ...access, exec: access.exec && !access.write });
  if (isFault(result)) return told({ ...faultOutcome(result), reason: whyRefused(smmu, result, reads, annotated.size - configurationDescriptors) });
  return told({ result: ste.Config === 4 ? "bypass" : "translated", pa: hex(result.pa), regionBytes: hex(2n ** BigInt(result.entry.shift)) });
}

const faultOutcome = (f: Fault) => ({
  result: f.silent ? "abort" : f.event,
  s2: f.s2,
  class: f.event.startsWith("F_") && !f.event.endsWith("_FETCH") ? CLASSES[f.class] : null,
  ipa: f.s2 ? hex(f.ipa) : null,
  fetchAddr: f.fetchAddr ? hex(f.fetchAddr) : null,
});

/** SMMUEN = 0 (6.3.15). */
function globalBypass(smmu: Smmu, iova: bigint) {
  const abort = field(smmu.regs.low("GBPA"), registers.GBPA.fields.ABORT) !== 0;
  if (abort) return { result: "abort", reason: "CR0.SMMUEN = 0 and GBPA.ABORT = 1: no event" };
  if (iova >> BigInt(smmu.identity.oas)) return { result: "abort", reason: "CR0.SMMUEN = 0 and the address is beyond OAS: no event" };
  return { result: "bypass", reason: "CR0.SMMUEN = 0 and GBPA.ABORT = 0", pa: hex(iova) };
}

/** Which check an STE, a CD or an input address did not pass; null where the last descriptor shows it. `descriptors`: translation table descriptors that were read for the address. */
function whyRefused(smmu: Smmu, f: Fault, reads: readonly TableRead[], descriptors: number): string | null {
  const structures = reads.filter(({ bytes }) => bytes.length === STE.sizeBytes).map(({ bytes }) => new Uint32Array(bytes.slice().buffer));
  if (f.event === "C_BAD_STE") return steIllegal(decodeSte(structures[0]), smmu.identity);
  if (f.event === "C_BAD_CD") return smmu.configuration.cdIllegal(decodeCd(structures[1]), decodeSte(structures[0]));
  if (descriptors > 0) return null;
  if (f.event === "F_TRANSLATION" && f.s2) return "the IPA is beyond 64 - S2T0SZ bits";
  if (f.event === "F_TRANSLATION") return "the VA is outside TxSZ, or its table is off (EPDx, E0PDx)";
  return f.event === "F_ADDR_SIZE" ? `the address is beyond ${smmu.identity.oas} bits` : null;
}

function steps(reads: readonly TableRead[], annotated: ReadonlyMap<TableRead, Descriptor>): Step[] {
  let ste = false;
  return reads.map((read) => {
    const at = annotated.get(read);
    const { address, bytes } = read;
    const common = { stage: at?.stage ?? null, level: at?.level ?? null, address: hex(address), value: doublewords(bytes) };
    if (read.update) return { structure: "hardware update", ...common, fields: {} };
    if (at) return { structure: `stage ${at.stage} level ${at.level}`, ...common, fields: descriptorFields(at.stage, at.level, bytes, at.output) };
    const [structure, layout] =
      bytes.length === 64 ? (ste ? (["CD", CD] as const) : (["STE", STE] as const)) : ste ? (["L1CD", L1CD] as const) : (["L1STD", L1STD] as const);
    if (structure === "STE") ste = true;
    return { structure, ...common, fields: fieldsOf(layout, bytes) };
  });
}
