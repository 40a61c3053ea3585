import { CLASS, type FaultFacts, type Id, pow2, type WalkedAccess, type WalkedEvent } from "./machine.ts";

/** A 32-byte event record as a 256-bit number, and the bits that the specification determines. */
export interface Recorded {
  event: WalkedEvent;
  value: bigint;
  compared: bigint;
}

/** smmuv3.md, 5.2. */
const NUMBER: Record<WalkedEvent, number> = {
  C_BAD_STREAMID: 0x02,
  F_STE_FETCH: 0x03,
  C_BAD_STE: 0x04,
  F_STREAM_DISABLED: 0x06,
  F_TRANSL_FORBIDDEN: 0x07,
  C_BAD_SUBSTREAMID: 0x08,
  F_CD_FETCH: 0x09,
  C_BAD_CD: 0x0a,
  F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10,
  F_ADDR_SIZE: 0x11,
  F_ACCESS: 0x12,
  F_PERMISSION: 0x13,
};

/** smmuv3.md, 5.1: the record of a fault; undefined fields are 0. */
export function expectedRecord(id: Id, event: WalkedEvent, facts: FaultFacts, { sid, ssid, address, write, priv, exec }: WalkedAccess, stall: boolean): Recorded {
  let value = BigInt(NUMBER[event]) | (BigInt(sid) << 32n);
  let compared = pow2(256) - 1n;
  const put = (hi: number, lo: number, field: bigint) => {
    value |= (field % pow2(hi - lo + 1)) << BigInt(lo);
  };
  const truncated = (at: bigint, size: number) => at % pow2(size);
  const substream = () => {
    if (ssid === null) return;
    put(11, 11, 1n);
    put(31, 12, BigInt(ssid));
  };
  switch (event) {
    case "F_STREAM_DISABLED":
      compared &= ~(pow2(32) - pow2(11)); // SSV and SSID are irrelevant
      break;
    case "C_BAD_SUBSTREAMID":
      put(31, 12, BigInt(ssid ?? 0)); // no SSV bit
      break;
    case "F_TRANSL_FORBIDDEN":
      put(99, 99, write ? 0n : 1n);
      put(191, 128, address);
      break;
    case "F_STE_FETCH":
    case "F_CD_FETCH":
      substream();
      put(247, 195, truncated(facts.FetchAddr, id.OAS) >> 3n);
      break;
    case "F_WALK_EABT":
    case "F_TRANSLATION":
    case "F_ADDR_SIZE":
    case "F_ACCESS":
    case "F_PERMISSION":
      substream();
      put(97, 97, priv ? 1n : 0n);
      put(98, 98, exec && !write ? 1n : 0n);
      put(99, 99, write ? 0n : 1n);
      put(103, 103, facts.S2 ? 1n : 0n);
      put(105, 104, BigInt(facts.CLASS));
      put(191, 128, address);
      if (stall) {
        put(95, 95, 1n);
        compared &= ~(pow2(80) - pow2(64)); // STAG is opaque
      }
      if (event === "F_WALK_EABT") put(247, 195, truncated(facts.FetchAddr, id.OAS) >> 3n);
      else if (facts.S2) put(243, 204, truncated(facts.IPA, id.IAS) >> 12n);
      if (event === "F_PERMISSION" && facts.CLASS === CLASS.TT) put(108, 108, BigInt(facts.TTRnW));
      break;
    default:
      substream();
  }
  return { event, value, compared };
}
