import { mask, type Register, type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import type { Identity } from "../identity.ts";

type Bits = readonly [low: number, high: number];

/** Every bit that a field names. */
function namedBits(register: Register): Bits {
  let bits = 0n;
  for (const [hi, lo] of Object.values(register.fields)) bits |= ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

const NONE: Bits = [0, 0];
const cr0 = registers.CR0.fields;
const cr2 = registers.CR2.fields;

/**
 * The bits that each register keeps; the others are RES0: read as zero, writes ignored (6.1, 6.3). A bit without a named field is RES0, and so is a field whose feature
 * IDR0 does not have. CR0 and IRQ_CTRL hold what was written; what is RES0 there shows in their ACK (6.3.9). AGBPA is IMPLEMENTATION DEFINED: no bits here.
 */
export function implementedBits(identity: Identity): Record<RegisterName, Bits> {
  const bits = Object.fromEntries(Object.entries(registers).map(([name, register]) => [name, namedBits(register as Register)])) as Record<RegisterName, Bits>;
  // BTM = 0: PTM (6.3.12).
  bits.CR2 = [mask(cr2.RECINVSID) | (identity.hyp ? mask(cr2.E2H) : 0) | (identity.atsRecErr ? mask(cr2.REC_CFG_ATS) : 0), 0];
  if (!identity.vmw) bits.CR0 = [bits.CR0[0] & ~mask(cr0.VMW), 0];
  if (!identity.msi) {
    // 6.3.26 and those like it: the MSI registers are RES0 without IDR0.MSI, but for PRIQ_IRQ_CFG2.LO, which wires heed too.
    for (const name of ["GERROR_IRQ_CFG0", "GERROR_IRQ_CFG1", "GERROR_IRQ_CFG2", "EVENTQ_IRQ_CFG0", "EVENTQ_IRQ_CFG1", "EVENTQ_IRQ_CFG2"] as const) bits[name] = NONE;
    bits.PRIQ_IRQ_CFG0 = bits.PRIQ_IRQ_CFG1 = NONE;
    bits.PRIQ_IRQ_CFG2 = [mask(registers.PRIQ_IRQ_CFG2.fields.LO), 0];
  }
  if (!identity.pri) for (const name of ["PRIQ_BASE", "PRIQ_IRQ_CFG0", "PRIQ_IRQ_CFG1", "PRIQ_IRQ_CFG2", "PRIQ_PROD", "PRIQ_CONS"] as const) bits[name] = NONE;
  return bits;
}
