import { field, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type Fault, fault } from "../fault.ts";
import type { Identity } from "../identity.ts";
import type { RegisterFile } from "../register-file/register-file.ts";
import { decodeSte, type Ste } from "./stream-table-entry.ts";

const l1 = new Uint32Array(2);

/** Address of the STE of `sid`, through a linear or a 2-level table. Arm IHI 0070 G.b, 3.3.1, 6.3.24. C_BAD_STREAMID, F_STE_FETCH. */
export function steAddress(memory: PhysicalMemory, regs: RegisterFile, identity: Identity, sid: number): number | Fault {
  const cfg = regs.low("STRTAB_BASE_CFG");
  const f = registers.STRTAB_BASE_CFG.fields;
  const log2Size = Math.min(field(cfg, f.LOG2SIZE), identity.sidBits);
  if (sid >= 2 ** log2Size) return fault("C_BAD_STREAMID");
  const base = regs.address("STRTAB_BASE", 0xffffffc0);
  if (field(cfg, f.FMT) !== 1 || !identity.twoLevelStreamTable) {
    // Linear: the base is aligned to the size of the table; bits below are treated as 0.
    return base - (base % 2 ** (log2Size + 6)) + sid * 64;
  }
  const splitField = field(cfg, f.SPLIT);
  const split = splitField === 8 || splitField === 10 ? splitField : 6; // others behave as 6
  const alignment = 2 ** (Math.max(5, log2Size - split - 1 + 3) + 1);
  const l1Address = base - (base % alignment) + Math.floor(sid / 2 ** split) * 8;
  if (l1Address >= 2 ** identity.oas || !memory.load64(l1Address, l1)) return fault("F_STE_FETCH", { fetchAddr: l1Address });
  const span = l1[0] & 0x1f;
  const index = sid % 2 ** split;
  if (span === 0 || span > 11 || span > split + 1 || index >= 2 ** (span - 1)) return fault("C_BAD_STREAMID");
  const l2 = (l1[1] & 0xffffff) * 2 ** 32 + ((l1[0] & 0xffffffc0) >>> 0);
  return l2 - (l2 % 2 ** (span + 5)) + index * 64;
}

/** Fetches the STE of `sid`. An STE address above OAS is F_STE_FETCH (CONSTRAINED UNPREDICTABLE; the alternative is truncation). */
export function fetchSte(memory: PhysicalMemory, regs: RegisterFile, identity: Identity, sid: number): Ste | Fault {
  const address = steAddress(memory, regs, identity, sid);
  if (typeof address !== "number") return address;
  const bytes = address < 2 ** identity.oas ? memory.read(address, 64) : null;
  return bytes ? decodeSte(new Uint32Array(bytes.buffer)) : fault("F_STE_FETCH", { fetchAddr: address });
}
