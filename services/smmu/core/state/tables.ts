import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { L1STD } from "@faultline/shared/arm-smmu-v3/l1-stream-table-descriptor.ts";
import { field, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { doublewords, fieldsOf, fieldValues } from "@faultline/shared/state/fields.ts";
import { hexString, integer, list, record, text } from "@faultline/shared/state/schema.ts";
import { notFound, type Structure } from "@faultline/shared/state/structure.ts";
import { decodeCd } from "../context-descriptor/context-descriptor.ts";
import { isFault } from "../fault.ts";
import type { Smmu } from "../smmu.ts";
import { steIllegal } from "../stream-table/ste-checks.ts";
import { decodeSte } from "../stream-table/stream-table-entry.ts";
import { steAddress } from "../stream-table/stream-table-walk.ts";
import { recordingMemory } from "./recording-memory.ts";
import { uncached } from "./walk.ts";

/** STEs looked at for one listing. */
const LIMIT = 4096;
const CONFIG = ["abort", "abort", "abort", "abort", "bypass", "stage 1", "stage 2", "stage 1 and 2"];

const steSchema = record({
  sid: hexString(),
  address: hexString("PA"),
  config: text(),
  check: text("what the checks of 5.2.2 say: ok, or why it is C_BAD_STE"),
  fields: fieldValues,
  doublewords: list(hexString()),
});
const cdSchema = record({ sid: hexString(), ssid: integer(), address: hexString("PA"), check: text(), fields: fieldValues, doublewords: list(hexString()) });

function steOf(smmu: Smmu, memory: PhysicalMemory, sid: number) {
  const address = steAddress(memory, smmu.regs, smmu.identity, sid);
  if (typeof address !== "number") return notFound("sid", `StreamID ${hex(sid)}: ${address.event}`);
  const bytes = memory.read(address, 64);
  if (!bytes) return notFound("sid", `StreamID ${hex(sid)}: F_STE_FETCH at ${hex(address)}`);
  const ste = decodeSte(new Uint32Array(bytes.buffer));
  return {
    sid: hex(sid),
    address: hex(address),
    config: CONFIG[ste.Config],
    check: steIllegal(ste, smmu.identity) ?? "ok",
    fields: fieldsOf(STE, bytes),
    doublewords: doublewords(bytes),
  };
}

/** StreamIDs whose STE may be valid: all of a linear table, of two levels those whose level-1 descriptor spans them. */
function* streams(smmu: Smmu, memory: PhysicalMemory): Generator<number> {
  const cfg = smmu.regs.low("STRTAB_BASE_CFG");
  const { FMT, LOG2SIZE, SPLIT } = registers.STRTAB_BASE_CFG.fields;
  const size = 2 ** Math.min(field(cfg, LOG2SIZE), smmu.identity.sidBits);
  const splitField = field(cfg, SPLIT);
  const leaf = field(cfg, FMT) === 1 && smmu.identity.twoLevelStreamTable ? 2 ** (splitField === 8 || splitField === 10 ? splitField : 6) : 1;
  let looked = 0;
  for (let first = 0; first < size; first += leaf) {
    if (leaf > 1 && isFault(steAddress(memory, smmu.regs, smmu.identity, first))) continue;
    for (let sid = first; sid < first + leaf && looked < LIMIT; sid++, looked++) yield sid;
  }
}

/** Stream table and context descriptors as they stand in memory: not what a cache still holds. Arm IHI 0070 G.b, 3.3, 5. */
export const tableStructures = (smmu: Smmu, memory: PhysicalMemory): Structure[] => [
  {
    path: "/stream-table",
    sentence: "Valid STEs that do not abort, in the table that STRTAB_BASE names; at most 4,096 are looked at.",
    parameters: { all: { is: "number", sentence: "1: those that abort too", fallback: "0" } },
    schema: record({ base: hexString(), format: text(), log2Size: integer(), streams: list(steSchema) }),
    read({ number }) {
      const cfg = smmu.regs.low("STRTAB_BASE_CFG");
      const all = number("all") !== 0n;
      const { FMT, LOG2SIZE } = registers.STRTAB_BASE_CFG.fields;
      const entries = [...streams(smmu, memory)]
        .map((sid) => steOf(smmu, memory, sid))
        .filter((entry) => "fields" in entry && entry.fields.V === 1 && (all || entry.config !== "abort"));
      return {
        base: hex(smmu.regs.address("STRTAB_BASE", 0xffffffc0)),
        format: field(cfg, FMT) === 1 ? "2-level" : "linear",
        log2Size: field(cfg, LOG2SIZE),
        streams: entries,
      };
    },
  },
  {
    path: "/stream-table/{sid}",
    sentence: "One STE: address, fields, and what its checks say.",
    parameters: { sid: { is: "number", sentence: "StreamID" } },
    schema: steSchema,
    read: ({ number }) => (number("sid") < 2n ** 32n ? steOf(smmu, memory, Number(number("sid"))) : notFound("sid", "a StreamID has at most 32 bits")),
  },
  {
    path: "/context-descriptor/{sid}/{ssid}",
    sentence: "One CD, fetched through stage 2 where the stream is nested.",
    parameters: { sid: { is: "number", sentence: "StreamID" }, ssid: { is: "number", sentence: "SubstreamID" } },
    schema: cdSchema,
    read({ number }) {
      const sid = Number(number("sid"));
      const ssid = Number(number("ssid"));
      const recorded = recordingMemory(memory);
      const { fetch, translation } = uncached(smmu, recorded.memory);
      const ste = fetch.ste(sid);
      if (isFault(ste)) return notFound("sid", `StreamID ${hex(sid)}: ${ste.silent ? "STE.Config aborts" : ste.event}`);
      // Without substreams CD 0 serves requests that carry none.
      const configuration = translation.configure(sid, ste, ste.S1CDMax === 0 || (ssid === 0 && ste.S1DSS === 2) ? null : ssid);
      const last = recorded.reads.findLast(({ bytes }) => bytes.length === CD.sizeBytes);
      if (!last || (ste.Config & 1) === 0)
        return notFound("ssid", `StreamID ${hex(sid)}, SubstreamID ${ssid}: ${isFault(configuration) ? configuration.event : "no stage 1"}`);
      if (isFault(configuration) && configuration.event !== "C_BAD_CD") return notFound("ssid", `StreamID ${hex(sid)}, SubstreamID ${ssid}: ${configuration.event}`);
      const cd = decodeCd(new Uint32Array(last.bytes.slice().buffer));
      return {
        sid: hex(sid),
        ssid,
        address: hex(last.address),
        check: smmu.configuration.cdIllegal(cd, ste) ?? "ok",
        fields: fieldsOf(CD, last.bytes),
        doublewords: doublewords(last.bytes),
      };
    },
  },
  {
    path: "/stream-table/{sid}/level-1",
    sentence: "The level-1 descriptor of a 2-level stream table.",
    parameters: { sid: { is: "number", sentence: "StreamID" } },
    schema: record({ sid: hexString(), address: hexString(), fields: fieldValues }),
    read({ number }) {
      const sid = Number(number("sid"));
      const recorded = recordingMemory(memory);
      steAddress(recorded.memory, smmu.regs, smmu.identity, sid);
      const [read] = recorded.reads;
      return read
        ? { sid: hex(sid), address: hex(read.address), fields: fieldsOf(L1STD, read.bytes) }
        : notFound("sid", `StreamID ${hex(sid)}: the stream table is linear, or does not reach it`);
    },
  },
];
