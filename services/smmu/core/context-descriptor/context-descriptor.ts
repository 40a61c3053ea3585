import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";

const fields = [
  "T0SZ",
  "TG0",
  "EPD0",
  "ENDI",
  "T1SZ",
  "TG1",
  "EPD1",
  "V",
  "IPS",
  "AFFD",
  "WXN",
  "TBI0",
  "TBI1",
  "PAN",
  "AA64",
  "HD",
  "HA",
  "S",
  "R",
  "A",
  "ASET",
  "ASID",
  "HAD0",
  "HAD1",
  "DS",
  "E0PD0",
  "E0PD1",
  "EPAN",
  "HAFT",
] as const;
const readers = fields.map((name) => [name, CD.reader(name)] as const);
const ttb0 = CD.reader("TTB0");
const ttb1 = CD.reader("TTB1");

/** A CD as the hardware uses it: small fields as numbers, table bases in bytes. */
export type ContextDescriptor = Record<(typeof fields)[number], number> & { TTB0: number; TTB1: number };

export function decodeCd(words: Uint32Array): ContextDescriptor {
  const cd = {} as Record<string, number>;
  for (const [name, read] of readers) cd[name] = read(words, 0);
  cd.TTB0 = ttb0(words, 0) * 16;
  cd.TTB1 = ttb1(words, 0) * 16;
  return cd as ContextDescriptor;
}
