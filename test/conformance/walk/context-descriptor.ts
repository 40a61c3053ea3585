import { addressBits, alignDown, bits, inPlace, pow2, Termination, type WalkedMachine } from "./machine.ts";

/** Which CD an access uses (smmuv3.md, 3.1): its index, or null when S1DSS bypasses stage 1. The STE enables stage 1. */
export function substream({ id, reach }: WalkedMachine, ste: bigint, ssid: number | null): number | null {
  const stop = (event: "C_BAD_SUBSTREAMID" | "F_STREAM_DISABLED", row: string): never => {
    reach(`${event}: ${row}`);
    throw new Termination(event);
  };
  const S1CDMax = id.SSIDSIZE === 0 ? 0 : bits(ste, 63, 59);
  const S1DSS = bits(ste, 65, 64);
  if (ssid !== null) {
    if (id.SSIDSIZE === 0) stop("C_BAD_SUBSTREAMID", "SSIDSIZE = 0");
    if (S1CDMax === 0) stop("C_BAD_SUBSTREAMID", "S1CDMax = 0");
    if (ssid >= 2 ** S1CDMax) stop("C_BAD_SUBSTREAMID", "beyond S1CDMax");
    if (ssid === 0 && S1DSS === 2) stop("F_STREAM_DISABLED", "SSID 0 with S1DSS = 2");
    return ssid;
  }
  if (S1CDMax === 0) return 0;
  if (S1DSS === 1) {
    reach("S1DSS = 1 bypasses stage 1");
    return null;
  }
  if (S1DSS !== 2) stop("F_STREAM_DISABLED", "no SSID with S1DSS = 0 or 3");
  return 0;
}

/** The CD as one 512-bit number. `toPa` is stage 2 for the address of an L1CD or CD (CLASS = CD), or identity. */
export function fetchCd({ id, memory, reach }: WalkedMachine, ste: bigint, index: number, toPa: (address: bigint) => bigint): bigint {
  const S1CDMax = id.SSIDSIZE === 0 ? 0 : bits(ste, 63, 59);
  const S1Fmt = S1CDMax === 0 ? 0 : bits(ste, 5, 4) % 3;
  const pointer = inPlace(ste, 55, 6);
  const fetchFault = (row: string, FetchAddr: bigint): never => {
    reach(`F_CD_FETCH: ${row}`);
    throw new Termination("F_CD_FETCH", { FetchAddr });
  };
  let cd: bigint;
  if (S1Fmt === 0) {
    reach("CD table: linear");
    // Table aligned to its size: RES0 pointer bits are taken as 0 (CONSTRAINED UNPREDICTABLE otherwise).
    cd = alignDown(pointer, pow2(S1CDMax + 6)) + BigInt(index) * 64n;
  } else {
    const leafBits = S1Fmt === 1 ? 6 : 10;
    reach(`CD table: 2-level, ${S1Fmt === 1 ? "4K" : "64K"} leaf`);
    const tableSize = pow2(Math.max(6, S1CDMax - leafBits + 3));
    const l1 = toPa(alignDown(pointer, tableSize) + BigInt(index >> leafBits) * 8n);
    const l1cd = memory.load(l1, 1, { of: "L1CD" }) ?? fetchFault("L1CD", l1);
    const next = alignDown(inPlace(l1cd, 55, 12), pow2(leafBits + 6));
    const bad = bits(l1cd, 0) === 0 ? "L1CD.V = 0" : next >= pow2((bits(ste, 3, 1) & 2) !== 0 ? id.IAS : id.OAS) ? "L1CD.L2Ptr out of range" : null;
    if (bad) {
      reach(`C_BAD_SUBSTREAMID: ${bad}`);
      throw new Termination("C_BAD_SUBSTREAMID");
    }
    cd = next + BigInt(index % 2 ** leafBits) * 64n;
  }
  const pa = toPa(cd);
  return memory.load(pa, 8, { of: "CD" }) ?? fetchFault("CD", pa);
}

const TG0_PAGE_BITS = [12, 16, 14, 0];
const TG1_PAGE_BITS = [0, 14, 12, 16];

/** Table 0 or 1 of a CD, legal or not. */
export function stage1Geometry(cd: bigint, table: 0 | 1, id: WalkedMachine["id"]) {
  const one =
    table === 0
      ? { EPD: bits(cd, 14), TSZ: bits(cd, 5, 0), pageBits: TG0_PAGE_BITS[bits(cd, 7, 6)], base: inPlace(cd, 115, 68) >> 64n }
      : { EPD: bits(cd, 30), TSZ: bits(cd, 21, 16), pageBits: TG1_PAGE_BITS[bits(cd, 23, 22)], base: inPlace(cd, 179, 132) >> 128n };
  return { ...one, DS: id.DS && bits(cd, 186) === 1 && one.pageBits !== 16 };
}

/** smmuv3.md, 2.2 STRW: the EL2 world (one table, one privilege, no ASID), EL2-E2H and NS-EL1. */
export function worldOf({ id, regs }: Pick<WalkedMachine, "id" | "regs">, ste: bigint): "NS-EL1" | "EL2" | "EL2-E2H" {
  if (!id.HYP || bits(ste, 3, 1) !== 5 || bits(ste, 95, 94) !== 2) return "NS-EL1";
  return regs.E2H ? "EL2-E2H" : "EL2";
}

/** smmuv3.md, 3.3: C_BAD_CD. */
export function checkCd(m: WalkedMachine, ste: bigint, cd: bigint): void {
  const { id, reach } = m;
  const el2 = worldOf(m, ste) === "EL2";
  const illegal = (row: string, condition: boolean): void => {
    if (!condition) return;
    reach(`C_BAD_CD: ${row}`);
    throw new Termination("C_BAD_CD");
  };
  const [S, A, HD, HA] = [bits(cd, 44), bits(cd, 46), bits(cd, 42), bits(cd, 43)];
  illegal("V = 0", bits(cd, 31) === 0);
  illegal("AA64 = 0", bits(cd, 41) === 0);
  illegal("S = 1 with STE.S1STALLD", bits(ste, 91) === 1 && S === 1);
  illegal("A = 0 with TERM_MODEL = 1", id.TERM_MODEL && A === 0);
  illegal("S = 1 with STALL_MODEL = 01", id.STALL_MODEL === 1 && S === 1);
  illegal("S = 0 with STALL_MODEL = 10", id.STALL_MODEL === 2 && S === 0);
  const lower = stage1Geometry(cd, 0, id);
  const upper = stage1Geometry(cd, 1, id);
  if (el2 && (lower.EPD === 1 || upper.EPD === 0)) reach("EL2: TTB1 and EPD0 are not looked at");
  const tables = el2 ? [{ ...lower, EPD: 0 }] : [lower, upper];
  illegal("ENDI", tables.some(({ EPD }) => EPD === 0) && id.TTENDIAN === 2 && bits(cd, 15) === 1);
  illegal("HA or HD with HTTU = 0", id.HTTU === 0 && (HA === 1 || HD === 1));
  illegal("HD with HTTU = 1", id.HTTU === 1 && HD === 1);
  illegal("HAFT without HA", id.HTTU === 3 && bits(cd, 67) === 1 && HA === 0);
  illegal("ASID[15:8] with ASID16 = 0", !el2 && !id.ASID16 && bits(cd, 63, 56) !== 0);
  const ips = Math.min(addressBits(bits(cd, 34, 32)), id.OAS);
  for (const { EPD, TSZ, pageBits, base, DS } of tables) {
    if (EPD === 1) continue;
    illegal("TGx", !id.granules.includes(pageBits));
    illegal("TxSZ below its minimum", TSZ < (DS || (pageBits === 16 && id.VAX !== 0) ? 12 : 16));
    illegal("TxSZ above its maximum", TSZ > (id.STT ? (pageBits === 16 ? 47 : 48) : 39));
    illegal("TTBx beyond IPS", base >= pow2(ips));
    illegal("TTBx beyond 48 bits", pageBits !== 16 && !DS && base >= pow2(48));
  }
}
