import { bitStruct } from "../codec/bit-struct.ts";

/** Context descriptor, 64 bytes. Arm IHI 0070 G.b, 5.4. TTBx hold address bits [51:4]. */
export const CD = bitStruct("CD", 64, {
  T0SZ: [5, 0], TG0: [7, 6], IR0: [9, 8], OR0: [11, 10], SH0: [13, 12], EPD0: [14, 14], ENDI: [15, 15],
  T1SZ: [21, 16], TG1: [23, 22], IR1: [25, 24], OR1: [27, 26], SH1: [29, 28], EPD1: [30, 30], V: [31, 31],
  IPS: [34, 32], AFFD: [35, 35], WXN: [36, 36], UWXN: [37, 37], TBI0: [38, 38], TBI1: [39, 39], PAN: [40, 40], AA64: [41, 41], HD: [42, 42], HA: [43, 43],
  S: [44, 44], R: [45, 45], A: [46, 46], ASET: [47, 47], ASID: [63, 48],
  NSCFG0: [64, 64], HAD0: [65, 65], E0PD0: [66, 66], HAFT: [67, 67], TTB0: [115, 68], PnCH: [122, 122], EPAN: [123, 123],
  NSCFG1: [128, 128], HAD1: [129, 129], E0PD1: [130, 130], AIE: [131, 131], TTB1: [179, 132], DS: [186, 186], PIE: [187, 187],
  MAIR0: [223, 192], MAIR1: [255, 224], AMAIR0: [287, 256], AMAIR1: [319, 288], PARTID: [367, 352], PMG: [375, 368],
});
