import { bitStruct } from "../codec/bit-struct.ts";

/** Stream table entry, 64 bytes. Arm IHI 0070 G.b, 5.2. Address fields hold the address bits they are named for: S1ContextPtr is address[55:6], S2TTB is address[51:4]. */
export const STE = bitStruct("STE", 64, {
  V: [0, 0],
  Config: [3, 1],
  S1Fmt: [5, 4],
  S1ContextPtr: [55, 6],
  S1CDMax: [63, 59],
  S1DSS: [65, 64],
  S1CIR: [67, 66],
  S1COR: [69, 68],
  S1CSH: [71, 70],
  S2HWU59: [72, 72],
  S2HWU60: [73, 73],
  S2HWU61: [74, 74],
  S2HWU62: [75, 75],
  DRE: [76, 76],
  CONT: [80, 77],
  DCP: [81, 81],
  PPAR: [82, 82],
  MEV: [83, 83],
  S1PIE: [88, 88],
  S2FWB: [89, 89],
  S1MPAM: [90, 90],
  S1STALLD: [91, 91],
  EATS: [93, 92],
  STRW: [95, 94],
  MemAttr: [99, 96],
  MTCFG: [100, 100],
  ALLOCCFG: [104, 101],
  SHCFG: [109, 108],
  NSCFG: [111, 110],
  PRIVCFG: [113, 112],
  INSTCFG: [115, 114],
  S2VMID: [143, 128],
  S2T0SZ: [165, 160],
  S2SL0: [167, 166],
  S2IR0: [169, 168],
  S2OR0: [171, 170],
  S2SH0: [173, 172],
  S2TG: [175, 174],
  S2PS: [178, 176],
  S2AA64: [179, 179],
  S2ENDI: [180, 180],
  S2AFFD: [181, 181],
  S2PTW: [182, 182],
  S2HD: [183, 183],
  S2HA: [184, 184],
  S2S: [185, 185],
  S2R: [186, 186],
  S2HAFT: [187, 187],
  S2PIE: [188, 188],
  S2POE: [189, 189],
  DPT_VMATCH: [191, 190],
  S2NSW: [192, 192],
  S2NSA: [193, 193],
  S2SL0_2: [194, 194],
  S2DS: [195, 195],
  S2TTB: [243, 196],
  PARTID: [287, 272],
  MECID: [319, 304],
  PMG: [327, 320],
  VMSPtr: [375, 332],
});

/** STE.Config. 0b000 to 0b011 abort without an event. */
export const STE_CONFIG = { abort: 0b000, bypass: 0b100, s1: 0b101, s2: 0b110, nested: 0b111 } as const;
/** STE.EATS. */
export const EATS = { UR: 0, fullATS: 1, splitStage: 2, DPT: 3 } as const;
/** STE.S1DSS: what a transaction without a SubstreamID does; 3 behaves as 0. */
export const S1DSS = { terminate: 0, bypass: 1, substream0: 2 } as const;
/** STE.S1Fmt; 3 behaves as 0. */
export const S1FMT = { linear: 0, twoLevel4K: 1, twoLevel64K: 2 } as const;
