import { hex } from "@faultline/shared/codec/uint64.ts";
import { fieldValues } from "@faultline/shared/state/fields.ts";
import { flag, hexString, integer, list, orNull, record, text } from "@faultline/shared/state/schema.ts";
import type { Structure } from "@faultline/shared/state/structure.ts";
import type { Smmu } from "../smmu.ts";
import { EL2, inputText } from "../tlb/address-space.ts";

/** Entries of one listing. */
const LIMIT = 1024;
const permissions = (bits: number): string =>
  ["r", "w", "x"].map((letter, i) => (bits & (1 << i) ? letter : "-")).join("") + ["r", "w", "x"].map((letter, i) => (bits & (8 << i) ? letter : "-")).join("");

/** Kinds of address spaces, as tlb.ts keys them. */
const spaceName = (vmid: number, space: number): string =>
  (vmid === EL2 ? "EL2, " : "") + (space === 0x10000 ? "global" : space === 0x10001 ? "global, ASET = 1" : space === 0x10002 ? "stage 2" : "ASID");

const tlbEntry = record({
  vmid: orNull(integer("null: of EL2")),
  space: text(),
  asid: orNull(integer()),
  input: hexString("first VA of the region, or IPA of a stage-2 entry"),
  bytes: hexString("size of the region"),
  pa: hexString(),
  ipa: hexString("first IPA, of entries of both stages"),
  level: integer(),
  s1: text("permissions of stage 1, unprivileged then privileged"),
  s2: text(),
  clean: flag("a write walks again, to mark the page dirty"),
});

/** What the caches hold: an entry stays until an invalidation names it or capacity evicts it. */
export const cacheStructures = (smmu: Smmu): Structure[] => [
  {
    path: "/tlb",
    sentence: "Cached translations (3.8, 16.2); the first 1,024.",
    parameters: {},
    schema: record({ capacity: integer(), size: integer(), entries: list(tlbEntry) }),
    read() {
      const entries = [];
      for (const { vmid, space, input, entry } of smmu.tlb.entries()) {
        if (entries.length === LIMIT) break;
        entries.push({
          vmid: vmid === EL2 ? null : vmid,
          space: spaceName(vmid, space),
          asid: space < 0x10000 ? space : null,
          input: inputText(input),
          bytes: hex(2 ** entry.shift),
          pa: hex(entry.pa),
          ipa: hex(entry.ipa),
          level: entry.level,
          s1: permissions(entry.s1),
          s2: permissions(entry.s2),
          clean: entry.s1Clean || entry.s2Clean,
        });
      }
      return { capacity: smmu.tlb.capacity, size: smmu.tlb.size, entries };
    },
  },
  {
    path: "/configuration-cache",
    sentence: "Cached STEs, CDs and L1CDs, valid or not (16.2); the first 1,024 of each. Level-1 stream table descriptors are not cached.",
    parameters: {},
    schema: record({
      capacity: integer("of each kind"),
      size: record({ stes: integer(), cds: integer(), l1cds: integer() }),
      stes: list(record({ sid: hexString(), fields: fieldValues })),
      cds: list(record({ sid: hexString(), ssid: integer(), fields: fieldValues })),
      l1cds: list(record({ sid: hexString(), ssid: integer("the first SubstreamID that it leads to"), fields: fieldValues })),
    }),
    read() {
      const { stes, cds, l1cds } = smmu.configurationCache.entries();
      return {
        capacity: smmu.configurationCache.capacity,
        size: smmu.configurationCache.size,
        stes: stes.slice(0, LIMIT).map(([sid, ste]) => ({ sid: hex(sid), fields: numbers(ste) })),
        cds: cds.slice(0, LIMIT).map(([sid, ssid, cd]) => ({ sid: hex(sid), ssid, fields: numbers(cd) })),
        l1cds: l1cds.slice(0, LIMIT).map(([sid, ssid, { valid, l2Ptr }]) => ({ sid: hex(sid), ssid, fields: { V: Number(valid), L2Ptr: hex(l2Ptr) } })),
      };
    },
  },
];

const ADDRESSES = new Set(["S1ContextPtr", "S2TTB", "TTB0", "TTB1"]);
const numbers = (fields: object): Record<string, number | string> =>
  Object.fromEntries(Object.entries(fields as Record<string, number>).map(([name, value]) => [name, ADDRESSES.has(name) ? hex(value) : value]));
