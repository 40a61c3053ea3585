import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";

const fields = [
  "V",
  "Config",
  "S1Fmt",
  "S1CDMax",
  "S1DSS",
  "PPAR",
  "MEV",
  "S2FWB",
  "S1STALLD",
  "EATS",
  "STRW",
  "PRIVCFG",
  "INSTCFG",
  "S2VMID",
  "S2T0SZ",
  "S2SL0",
  "S2TG",
  "S2PS",
  "S2AA64",
  "S2ENDI",
  "S2AFFD",
  "S2PTW",
  "S2HD",
  "S2HA",
  "S2S",
  "S2R",
  "S2SL0_2",
  "S2DS",
  "S2HAFT",
] as const;
const readers = fields.map((name) => [name, STE.reader(name)] as const);
const s1ContextPtr = STE.reader("S1ContextPtr");
const s2ttb = STE.reader("S2TTB");

/** An STE as the hardware uses it: small fields as numbers, addresses in bytes. */
export type Ste = Record<(typeof fields)[number], number> & { S1ContextPtr: number; S2TTB: number };

/** Decodes 16 words. Judges nothing (ste-checks.ts does). */
export function decodeSte(words: Uint32Array): Ste {
  const ste = {} as Record<string, number>;
  for (const [name, read] of readers) ste[name] = read(words, 0);
  ste.S1ContextPtr = s1ContextPtr(words, 0) * 64;
  ste.S2TTB = s2ttb(words, 0) * 16;
  return ste as Ste;
}
