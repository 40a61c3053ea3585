import { bits, type Id } from "./machine.ts";

/** smmuv3.md, 4.1: the commands that a Non-secure queue has, with what has to be implemented for them and the position of SSec where the layout has one. */
const COMMANDS: Record<number, { name: string; needs?: "S1P" | "S2P" | "HYP" | "ATS" | "PRI" | "stall"; SSec?: true }> = {
  1: { name: "PREFETCH_CONFIG", SSec: true },
  2: { name: "PREFETCH_ADDR", SSec: true },
  3: { name: "CFGI_STE", SSec: true },
  4: { name: "CFGI_STE_RANGE", SSec: true },
  5: { name: "CFGI_CD", needs: "S1P", SSec: true },
  6: { name: "CFGI_CD_ALL", needs: "S1P", SSec: true },
  16: { name: "TLBI_NH_ALL", needs: "S1P" },
  17: { name: "TLBI_NH_ASID", needs: "S1P" },
  18: { name: "TLBI_NH_VA", needs: "S1P" },
  19: { name: "TLBI_NH_VAA", needs: "S1P" },
  32: { name: "TLBI_EL2_ALL", needs: "HYP" },
  33: { name: "TLBI_EL2_ASID", needs: "HYP" },
  34: { name: "TLBI_EL2_VA", needs: "HYP" },
  35: { name: "TLBI_EL2_VAA", needs: "HYP" },
  40: { name: "TLBI_S12_VMALL", needs: "S2P" },
  42: { name: "TLBI_S2_IPA", needs: "S2P" },
  48: { name: "TLBI_NSNH_ALL" },
  64: { name: "ATC_INV", needs: "ATS" },
  65: { name: "PRI_RESP", needs: "PRI" },
  68: { name: "RESUME", needs: "stall", SSec: true },
  69: { name: "STALL_TERM", needs: "stall", SSec: true },
  70: { name: "SYNC" },
};
/** Opcodes that exist, and that this machine has to refuse: no MPAM, no DPT, not the Secure queue. */
const REFUSED: Record<number, string> = {
  7: "CFGI_VMS_PIDM",
  24: "TLBI_EL3_ALL",
  26: "TLBI_EL3_VA",
  80: "TLBI_S_EL2_ALL",
  88: "TLBI_S_S12_VMALL",
  90: "TLBI_S_S2_IPA",
  96: "TLBI_SNH_ALL",
  112: "DPTI_ALL",
  115: "DPTI_PA",
};

/** What a generator draws from: commands that this machine may have, and those that it refuses. */
export const OPCODES = { possible: Object.keys(COMMANDS).map(Number), refused: [...Object.keys(REFUSED), 0x00, 0x8a, 0xff].map(Number) };

const RANGE = new Set([0x12, 0x13, 0x22, 0x23, 0x2a]);

/** smmuv3.md, 4.2: the row by which a command is CERROR_ILL, or that it is legal; "either" where both are permitted. */
export function legality(command: bigint, id: Id, { PRI, RIL }: { PRI: boolean; RIL: boolean }): { row: string; verdict: "legal" | "ILL" | "either" } {
  const opcode = bits(command, 7, 0);
  const known = COMMANDS[opcode];
  if (!known) return { row: `${REFUSED[opcode] ?? "unknown opcode"}: ILL`, verdict: "ILL" };
  const { name } = known;
  const ill = (why: string) => ({ row: `${name}: ILL, ${why}`, verdict: "ILL" as const });
  const implemented = { S1P: id.S1P, S2P: id.S2P, HYP: id.HYP, ATS: id.ATS, PRI, stall: id.STALL_MODEL !== 1 };
  if (known.needs && !implemented[known.needs]) return ill(`without ${known.needs}`);
  if (bits(command, 10) === 1) {
    if (known.SSec) return ill("SSec = 1");
    return { row: `${name}: reserved bit 10`, verdict: "either" };
  }
  if (opcode === 0x46 && bits(command, 13, 12) === 3) return ill("CS = 3");
  if (opcode === 0x41 && bits(command, 77, 76) === 3) return ill("Resp = 3");
  if (opcode === 0x40 && bits(command, 69, 64) > 52) return { row: "ATC_INV: Size > 52", verdict: "either" };
  if (RANGE.has(opcode) && RIL) {
    const [NUM, SCALE, TTL, TG] = [bits(command, 16, 12), bits(command, id.DS ? 25 : 24, 20), bits(command, 73, 72), bits(command, 75, 74)];
    // TTL = 1 with 16K and DS = 0 is as TTL = 0 (4.3).
    const effective = TG === 2 && TTL === 1 && !id.DS ? 0 : TTL;
    if (TG !== 0 && NUM === 0 && SCALE === 0 && effective === 0) return ill(TTL === 0 ? "one granule, no TTL" : "one granule, TTL = 1 with 16K");
  }
  return { row: opcode === 0x04 && bits(command, 68, 64) === 31 ? "CFGI_ALL: consumed" : `${name}: consumed`, verdict: "legal" };
}

/** Every row that a driver can reach. */
export const COMMAND_ROWS: readonly string[] = [
  ...Object.values(COMMANDS).flatMap(({ name, needs, SSec }) => [
    `${name}: consumed`,
    ...(needs ? [`${name}: ILL, without ${needs}`] : []),
    ...(SSec ? [`${name}: ILL, SSec = 1`] : []),
  ]),
  ...Object.values(REFUSED).map((name) => `${name}: ILL`),
  "unknown opcode: ILL",
  "CFGI_ALL: consumed",
  "SYNC: ILL, CS = 3",
  "PRI_RESP: ILL, Resp = 3",
  ...["TLBI_NH_VA", "TLBI_NH_VAA", "TLBI_EL2_VA", "TLBI_EL2_VAA", "TLBI_S2_IPA"].flatMap((name) => [
    `${name}: ILL, one granule, no TTL`,
    `${name}: ILL, one granule, TTL = 1 with 16K`,
  ]),
  "CERROR_ILL",
  "CERROR_ABT",
  "CERROR_ATC_INV_SYNC",
];
