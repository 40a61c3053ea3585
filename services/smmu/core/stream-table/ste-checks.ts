import { type Identity, ias, sizeBits, wideAddresses } from "../identity.ts";
import { type Stage2Start, startLevelS2 } from "../page-table-walk/geometry.ts";
import type { Ste } from "./stream-table-entry.ts";

export const granuleOfTG0 = (tg: number): number => [12, 16, 14, 0][tg];

/** The translation regime of a stage-1 stream (3.3.4, 5.2 STRW): NS-EL1 has VMIDs and ASIDs, EL2-E2H ASIDs, EL2 neither, one table and one privilege. */
export type StreamWorld = "NS-EL1" | "EL2" | "EL2-E2H";
export function streamWorld({ Config, STRW }: Ste, { hyp }: Identity, e2h: boolean): StreamWorld {
  if (!hyp || Config !== 5 || STRW !== 2) return "NS-EL1";
  return e2h ? "EL2-E2H" : "EL2";
}

/** What of an STE names the start level of its stage 2. */
export const stage2Start = (ste: Ste, identity: Identity): Stage2Start => ({
  sl0: ste.S2SL0,
  sl0High: ste.S2SL0_2,
  t0sz: ste.S2T0SZ,
  DS: wideAddresses(granuleOfTG0(ste.S2TG), ste.S2DS, identity),
  oas: identity.oas,
  stt: identity.stt,
});

/**
 * Why an STE with Config = 1xx is ILLEGAL, or null. Rows as in Arm IHI 0070 G.b, 5.2.2; fields that the Config does not use are not checked.
 * Every reason is C_BAD_STE. STRW is looked at with stage 1 alone, and treated as 0 without HYP. MPAM and VMS are not implemented.
 */
export function steIllegal(ste: Ste, identity: Identity): string | null {
  if (!ste.V) return "STE.V = 0";
  if (ste.Config < 4) return null;
  const s1 = (ste.Config & 1) !== 0;
  const s2 = (ste.Config & 2) !== 0;
  if (s1 && !identity.s1p) return "stage 1 is not implemented";
  if (s2 && !identity.s2p) return "stage 2 is not implemented";
  if (identity.ats && ste.Config !== 4 && ste.EATS === 2 && (ste.Config !== 7 || ste.S2S || identity.ns1ats))
    return "STE.EATS = 2 needs Config 7, S2S = 0 and NS1ATS = 0";
  if (identity.ats && ste.EATS === 1 && s2 && ste.S2S) return "STE.EATS = 1 with S2S = 1";
  if (s1) {
    if (!s2 && identity.hyp && (ste.STRW & 1) !== 0) return `STE.STRW ${ste.STRW} is reserved`;
    if (ste.S1STALLD && identity.stallModel !== 0) return "STE.S1STALLD = 1 with STALL_MODEL != 0";
    if (identity.ssidBits && ste.S1CDMax > identity.ssidBits) return `STE.S1CDMax ${ste.S1CDMax} exceeds IDR1.SSIDSIZE ${identity.ssidBits}`;
    if (identity.ssidBits && ste.S1CDMax && (ste.S1Fmt === 1 || ste.S1Fmt === 2) && !identity.cd2l) return "two-level CD table with IDR0.CD2L = 0";
    if (ste.S1ContextPtr >= 2 ** (s2 ? ias(identity) : identity.oas)) return "STE.S1ContextPtr out of range";
  }
  return s2 ? stage2Illegal(ste, identity) : !identity.vmid16 && s1 && identity.s2p && ste.S2VMID > 0xff ? "STE.S2VMID[15:8] with VMID16 = 0" : null;
}

function stage2Illegal(ste: Ste, identity: Identity): string | null {
  if (ste.S2S && identity.stallModel === 1) return "STE.S2S = 1 with STALL_MODEL = 1";
  if (!ste.S2S && identity.stallModel === 2) return "STE.S2S = 0 with STALL_MODEL = 2";
  if (!ste.S2AA64) return "STE.S2AA64 = 0: AArch32 is not implemented";
  if ((ste.S2HA || ste.S2HD) && identity.httu === 0) return "STE.S2HA or S2HD with HTTU = 0";
  if (ste.S2HD && identity.httu === 1) return "STE.S2HD with HTTU = 1";
  if (ste.S2HAFT && !ste.S2HA && identity.httu === 3) return "STE.S2HAFT with S2HA = 0";
  const granule = granuleOfTG0(ste.S2TG);
  if (!identity.granules.has(granule)) return `STE.S2TG ${ste.S2TG} is not implemented`;
  const s2ps = Math.min(sizeBits(ste.S2PS), identity.oas);
  const start = stage2Start(ste, identity);
  if (ste.S2TTB >= 2 ** s2ps || (granule !== 16 && !start.DS && ste.S2TTB >= 2 ** 48)) return "STE.S2TTB out of range";
  const wide = granule === 16 ? identity.oas === 52 : start.DS;
  const minimum = Math.max(wide ? 12 : 16, 64 - ias(identity));
  const maximum = identity.stt ? (granule === 16 ? 47 : 48) : 39;
  if (ste.S2T0SZ < minimum || ste.S2T0SZ > maximum) return `STE.S2T0SZ ${ste.S2T0SZ} out of range`;
  if (startLevelS2(granule, start) === null) return `STE.S2SL0 ${ste.S2SL0} does not fit S2T0SZ ${ste.S2T0SZ}`;
  // Big-endian tables are not implemented, whatever TTENDIAN says: refused rather than misread.
  if (ste.S2ENDI || identity.ttendian === 3) return "STE.S2ENDI is not allowed by TTENDIAN, or big-endian";
  if (!identity.vmid16 && ste.S2VMID > 0xff) return "STE.S2VMID[15:8] with VMID16 = 0";
  return null;
}
