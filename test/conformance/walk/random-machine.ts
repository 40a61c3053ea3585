import * as fc from "fast-check";
import { oasEncodings, type Rates, REGION } from "./drawn-memory.ts";
import type { IdValues, WalkedAccess } from "./machine.ts";

/** A machine, its driver's registers and the accesses that functions make. */
export interface RandomMachine {
  seed: number;
  idr: IdValues;
  regs: { cr0: number; cr2: number; STRTAB_BASE: bigint; STRTAB_BASE_CFG: bigint };
  rates: Rates;
  cached: boolean;
  accesses: WalkedAccess[];
}

const flag = fc.boolean();
const often = fc.integer({ min: 0, max: 9 }).map((n) => n < 8);

export const idRegisters = fc
  .record({
    stages: fc.constantFrom([true, true], [true, true], [true, true], [true, true], [true, false], [false, true]),
    granules: fc.constantFrom(0b001, 0b010, 0b100, 0b111, 0b111, 0b111, 0b101),
    oas: fc.nat(6),
    HYP: fc.integer({ min: 0, max: 2 }).map((n) => n === 0),
    HTTU: fc.constantFrom(0, 0, 1, 1, 2, 2, 2, 3),
    ATS: often,
    NS1ATS: fc.integer({ min: 0, max: 9 }).map((n) => n < 4),
    ASID16: flag,
    VMID16: flag,
    CD2L: flag,
    STALL_MODEL: fc.constantFrom(0, 0, 0, 1, 1, 2),
    TERM_MODEL: fc.integer({ min: 0, max: 9 }).map((n) => n < 3),
    SIDSIZE: fc.constantFrom(4, 6, 9, 16),
    SSIDSIZE: fc.constantFrom(0, 1, 5, 8, 20, 20, 20),
    ATTR_PERMS_OVR: flag,
    HAD: often,
    XNX: flag,
    STT: flag,
    FWB: flag,
    E0PD: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    EPAN: flag,
    DS: fc.constantFrom(true, false, false),
    VAX: flag,
  })
  .map((f): IdValues => {
    const [S1P, S2P] = f.stages;
    // smmuv3.md, 1.3: an SMMU with PCIe clients has no forced stall model; NS1ATS needs ATS and both stages; SIDSIZE >= 7 needs ST_LEVEL.
    const ATS = f.ATS && f.STALL_MODEL !== 2;
    const on = (bit: number, value: boolean | number) => Number(value) * 2 ** bit;
    const GRAN64K = (f.granules & 4) !== 0;
    const DS = f.DS && (f.granules & 3) !== 0;
    const oas = oasEncodings(GRAN64K || DS);
    return {
      IDR0:
        on(0, S2P) +
        on(1, S1P) +
        on(2, 2) +
        on(4, 1) +
        on(6, f.HTTU) +
        on(9, S1P && S2P && f.HYP) +
        on(10, ATS) +
        on(11, ATS && S1P && S2P && f.NS1ATS) +
        on(12, f.ASID16) +
        on(18, f.VMID16) +
        on(19, f.CD2L) +
        on(21, 2) +
        on(23, ATS) +
        on(24, f.STALL_MODEL) +
        on(26, f.TERM_MODEL) +
        on(27, f.SIDSIZE >= 7),
      IDR1: f.SIDSIZE + on(6, f.SSIDSIZE) + on(16, 8) + on(21, 8) + on(26, f.ATTR_PERMS_OVR),
      IDR3: on(2, f.HAD) + on(4, S2P && f.XNX) + on(8, S2P && f.FWB) + on(9, f.STT) + on(13, f.E0PD) + on(17, f.EPAN) + on(10, 1) + on(11, 2),
      IDR5:
        oas[f.oas % oas.length] +
        on(4, f.granules & 1) +
        on(5, (f.granules >> 1) & 1) +
        on(6, (f.granules >> 2) & 1) +
        on(7, DS) +
        on(10, f.VAX && (GRAN64K || DS)) +
        on(16, f.STALL_MODEL === 1 ? 0 : 64),
      AIDR: 1,
    };
  });

const address = fc
  .record({
    width: fc.integer({ min: 12, max: 34 }),
    low: fc.bigInt({ min: 0n, max: 2n ** 34n - 1n }),
    odd: fc.integer({ min: 0, max: 19 }),
    top: fc.bigInt({ min: 0n, max: 2n ** 30n - 1n }),
  })
  .map(({ width, low, odd, top }) => {
    const small = low % 2n ** BigInt(width);
    if (odd === 0) return small | (top << 34n);
    if (odd <= 4) return 2n ** 64n - 1n - small;
    if (odd === 5) return (2n ** 56n - 1n - small) | ((top % 256n) << 56n);
    // 52 bits: level -1, or a level above the usual start.
    if (odd === 7) return small | ((top % 2n ** 18n) << 34n);
    if (odd === 6) return small | ((top % 256n) << 56n);
    return small;
  });

const registers = fc
  .record({
    ATSCHK: often,
    RECINVSID: often,
    REC_CFG_ATS: flag,
    E2H: flag,
    log2: fc.integer({ min: 3, max: 17 }),
    split: fc.constantFrom(6, 8, 10, 7),
    fmt: fc.constantFrom(0, 1, 1),
    skew: fc.nat(2 ** 20),
    far: fc.nat(60),
  })
  .map(({ ATSCHK, RECINVSID, REC_CFG_ATS, E2H, log2, split, fmt, skew, far }) => ({
    cr0: 0b0101 + (ATSCHK ? 0b10000 : 0),
    cr2: (E2H ? 1 : 0) + (RECINVSID ? 2 : 0) + (REC_CFG_ATS ? 8 : 0),
    STRTAB_BASE: (far === 0 ? 2n ** 50n : 0n) + REGION.streamTable + BigInt(skew) * 64n,
    STRTAB_BASE_CFG: BigInt(log2 + split * 64 + fmt * 65536),
  }));

const access = (addresses: readonly bigint[], sids: readonly number[]) =>
  fc
    .record({
      sid: fc.constantFrom(...sids),
      ssid: fc.constantFrom(null, null, null, 0, 1, 5, 70, 1030, 2 ** 20 - 1),
      address: fc.constantFrom(...addresses),
      offset: fc.nat(4095),
      write: flag,
      priv: flag,
      exec: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
      translated: fc.integer({ min: 0, max: 11 }).map((n) => n === 0),
    })
    .map(
      ({ offset, translated, ...one }): WalkedAccess => ({
        ...one,
        translated,
        address: one.address - (one.address % 4096n) + BigInt(offset),
        // A Translated transaction carries no PASID (PASIDTT = 0), so it is unprivileged data (smmuv3.md, 8.4); InD is 0 for writes.
        ...(translated ? { ssid: null, priv: false, exec: false } : { exec: one.exec && !one.write }),
      }),
    );

const rate = (...values: number[]) => fc.constantFrom(0, ...values);

export const randomMachine: fc.Arbitrary<RandomMachine> = fc
  .record({
    seed: fc.integer(),
    idr: idRegisters,
    regs: registers,
    rates: fc
      .record({
        deep: flag,
        abort: rate(0, 10, 40),
        flaw: rate(0, 700),
        cdFlaw: rate(0, 700),
        invalid: rate(0, 20, 80),
        size: rate(0, 20, 80),
        rights: rate(100, 400, 800),
        silent: rate(0, 0, 100),
      })
      .map((all) => (all.deep ? { ...all, flaw: 0, cdFlaw: 0, silent: 0, abort: all.abort / 2, invalid: all.invalid / 2, size: all.size / 2 } : all)),
    cached: flag,
    addresses: fc.array(address, { minLength: 1, maxLength: 3 }),
    sids: fc.array(fc.constantFrom(0, 1, 2, 5, 13, 63, 300, 2000), { minLength: 1, maxLength: 2 }),
    beyond: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
  })
  .chain(({ addresses, sids, beyond, ...rest }) => {
    const size = 2 ** Math.min(Number(rest.regs.STRTAB_BASE_CFG) % 64, rest.idr.IDR1 % 64);
    const streams = sids.map((sid) => (beyond ? sid + size : sid % size));
    // A Translated transaction needs a function that uses ATS.
    const ats = (rest.idr.IDR0 & 0x400) !== 0;
    return fc.array(access(addresses, streams), { minLength: 1, maxLength: 6 }).map((accesses) => ({
      ...rest,
      accesses: accesses.map((one) => ({ ...one, ssid: rest.rates.deep ? null : one.ssid, translated: one.translated && ats && !rest.rates.deep })),
    }));
  });
