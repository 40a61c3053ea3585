import { type Identity, sizeBits, wideAddresses } from "../identity.ts";
import { granuleOfTG0, type StreamWorld } from "../stream-table/ste-checks.ts";
import type { Ste } from "../stream-table/stream-table-entry.ts";
import type { ContextDescriptor } from "./context-descriptor.ts";

/** CD.TG1 is numbered otherwise than TG0 (page-tables.md, section 1). */
export const granuleOfTG1 = (tg: number): number => [0, 14, 12, 16][tg];

/** Why a CD is ILLEGAL (C_BAD_CD), or null. Arm IHI 0070 G.b, 5.4.1. In the EL2 world table 0 is always on, table 1 and ASID are not looked at. A TTB out of range is ILLEGAL here, never F_ADDR_SIZE. */
export function cdIllegal(cd: ContextDescriptor, ste: Ste, identity: Identity, world: StreamWorld): string | null {
  const el2 = world === "EL2";
  if (!cd.V) return "CD.V = 0";
  if (!cd.AA64) return "CD.AA64 = 0: AArch32 is not implemented";
  if (ste.S1STALLD && cd.S) return "CD.S = 1 with STE.S1STALLD = 1";
  if (identity.termModel && !cd.A) return "CD.A = 0 with TERM_MODEL = 1";
  if (identity.stallModel === 1 && cd.S) return "CD.S = 1 with STALL_MODEL = 1";
  if (identity.stallModel === 2 && !cd.S) return "CD.S = 0 with STALL_MODEL = 2";
  // Big-endian tables are not implemented, whatever TTENDIAN says: refused rather than misread.
  if ((el2 || !(cd.EPD0 && cd.EPD1)) && (cd.ENDI || identity.ttendian === 3)) return "CD.ENDI is not allowed by TTENDIAN, or big-endian";
  if ((cd.HA || cd.HD) && identity.httu === 0) return "CD.HA or HD with HTTU = 0";
  if (cd.HD && identity.httu === 1) return "CD.HD with HTTU = 1";
  if (cd.HAFT && !cd.HA && identity.httu === 3) return "CD.HAFT with HA = 0";
  if (!el2 && !identity.asid16 && cd.ASID > 0xff) return "CD.ASID[15:8] with ASID16 = 0";
  const ips = Math.min(sizeBits(cd.IPS), identity.oas);
  const tables = [
    { disabled: !el2 && cd.EPD0, size: cd.T0SZ, granule: granuleOfTG0(cd.TG0), base: cd.TTB0, name: "0" },
    { disabled: el2 || cd.EPD1, size: cd.T1SZ, granule: granuleOfTG1(cd.TG1), base: cd.TTB1, name: "1" },
  ];
  for (const { disabled, size, granule, base, name } of tables) {
    if (disabled) continue;
    if (!identity.granules.has(granule)) return `CD.TG${name} is not implemented`;
    const DS = wideAddresses(granule, cd.DS, identity);
    const minimum = DS || (granule === 16 && identity.vax) ? 12 : 16;
    if (size < minimum || size > (identity.stt ? (granule === 16 ? 47 : 48) : 39)) return `CD.T${name}SZ ${size} out of range`;
    if (base >= 2 ** ips || (granule !== 16 && !DS && base >= 2 ** 48)) return `CD.TTB${name} out of range`;
  }
  return null;
}
