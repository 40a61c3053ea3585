import * as fc from "fast-check";
import { OPCODES } from "./command-legality.ts";
import type { IdValues, WalkedAccess } from "./machine.ts";
import { idRegisters } from "./random-machine.ts";

/** The function that uses ATS. */
export const ATS_SID = 8;
/** Registers by offset (smmuv3.md, 1.2). */
export const OFFSET = {
  CR0: 0x20,
  CR2: 0x2c,
  IRQ_CTRL: 0x50,
  GERROR: 0x60,
  GERRORN: 0x64,
  STRTAB_BASE: 0x80,
  STRTAB_BASE_CFG: 0x88,
  CMDQ_BASE: 0x90,
  CMDQ_PROD: 0x98,
  CMDQ_CONS: 0x9c,
  EVENTQ_BASE: 0xa0,
  PRIQ_BASE: 0xc0,
};

export type Action =
  | { do: "register"; offset: number; size: number; value: bigint }
  | { do: "set up"; cr0: number; hole: boolean }
  | { do: "commands"; list: bigint[]; acknowledge: boolean }
  | { do: "access"; access: WalkedAccess }
  | { do: "page request"; pasid: number | null; last: boolean; prgi: number }
  | { do: "time passes" }
  | { do: "wait for an invalidation that nobody completes" }
  | { do: "scribble"; at: number; value: bigint };

const offsets = [
  ...Object.values(OFFSET),
  0x24,
  0x28,
  0x44,
  0x54,
  0x68,
  0x70,
  0x74,
  0xb0,
  0xb8,
  0xbc,
  0xd0,
  0xd8,
  0xdc,
  0x100a8,
  0x100ac,
  0x100c8,
  0x100cc,
  0x100,
  0x180,
  0xfe0,
  0x8000,
];
const word = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 63n }), fc.constant(2n ** 64n - 1n));

const command = fc
  .record({
    opcode: fc.oneof(
      { weight: 10, arbitrary: fc.constantFrom(...OPCODES.possible) },
      { weight: 1, arbitrary: fc.constantFrom(...OPCODES.refused) },
      { weight: 1, arbitrary: fc.nat(255) },
    ),
    SSec: fc.nat(7).map((n) => n === 0),
    sid: fc.constantFrom(ATS_SID, ATS_SID, 0, 3, 2 ** 32 - 1),
    low: fc.bigInt({ min: 0n, max: 2n ** 21n - 1n }),
    high: fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constant(0n),
      fc.constant(31n),
      fc.bigInt({ min: 0n, max: 15n }).map((tlb) => (tlb << 8n) | 0x1000n),
    ),
    plain: fc.boolean(),
  })
  .map(({ opcode, SSec, sid, low, high, plain }) => {
    const fields = plain ? 0n : (low << 11n) & ~0x400n;
    return BigInt(opcode) | (SSec ? 0x400n : 0n) | fields | (BigInt(sid) << 32n) | (high << 64n);
  });

const access = fc.record({
  sid: fc.constantFrom(0, 1, 8, 63, 2 ** 31),
  ssid: fc.constantFrom(null, 0, 1, 2 ** 20 - 1),
  translated: fc.boolean(),
  address: word,
  write: fc.boolean(),
  priv: fc.boolean(),
  exec: fc.boolean(),
});

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("register" as const),
      offset: fc.oneof(fc.constantFrom(...offsets), fc.nat(0x1ffff)),
      size: fc.constantFrom(1, 2, 4, 4, 8),
      value: word,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("set up" as const), cr0: fc.constantFrom(0x1f, 0x1f, 0x1d, 0x0f), hole: fc.nat(9).map((n) => n === 0) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("commands" as const), list: fc.array(command, { minLength: 1, maxLength: 6 }), acknowledge: fc.nat(5).map((n) => n > 0) }),
  },
  { weight: 4, arbitrary: access.map((one) => ({ do: "access" as const, access: one })) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("page request" as const), pasid: fc.constantFrom(null, 1), last: fc.boolean(), prgi: fc.nat(511) }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: "time passes" as const }, { do: "wait for an invalidation that nobody completes" as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("scribble" as const), at: fc.nat(2 ** 12).map((n) => 0x1000_0000 + 8 * n), value: word }) },
);

export interface Hostility {
  idr: IdValues;
  actions: Action[];
}

export const hostility: fc.Arbitrary<Hostility> = fc
  .record({ idr: idRegisters, PRI: fc.boolean(), MSI: fc.boolean(), RIL: fc.nat(3).map((n) => n > 0), actions: fc.array(action, { minLength: 5, maxLength: 40 }) })
  .map(({ idr, PRI, MSI, RIL, actions }) => {
    const ats = (idr.IDR0 & 0x400) !== 0;
    const IDR0 = idr.IDR0 + (ats && PRI ? 0x1_0000 : 0) + (MSI ? 0x2000 : 0);
    return {
      idr: { ...idr, IDR0, IDR1: idr.IDR1 + (ats && PRI ? 4 << 11 : 0), IDR3: RIL ? idr.IDR3 : idr.IDR3 & ~0x400 },
      actions: [{ do: "set up", cr0: 0x1f, hole: false }, ...actions],
    };
  });
