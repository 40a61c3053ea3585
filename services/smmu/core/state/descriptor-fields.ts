import { bitStruct } from "@faultline/shared/codec/bit-struct.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { fieldsOf } from "@faultline/shared/state/fields.ts";

/** Translation table descriptors by kind, for people; the walk reads halves. Arm ARM D8.3. Where the address bits are the walk tells. */
const table1 = bitStruct("table descriptor, stage 1", 8, {
  valid: [0, 0],
  table: [1, 1],
  NextLevelTable: [47, 12],
  PXNTable: [59, 59],
  UXNTable: [60, 60],
  APTable: [62, 61],
  NSTable: [63, 63],
});
const table2 = bitStruct("table descriptor, stage 2", 8, { valid: [0, 0], table: [1, 1], NextLevelTable: [47, 12] });
const leaf1 = bitStruct("leaf descriptor, stage 1", 8, {
  valid: [0, 0],
  page: [1, 1],
  AttrIndx: [4, 2],
  NS: [5, 5],
  AP: [7, 6],
  SH: [9, 8],
  AF: [10, 10],
  nG: [11, 11],
  OutputAddress: [47, 12],
  DBM: [51, 51],
  Contiguous: [52, 52],
  PXN: [53, 53],
  UXN: [54, 54],
});
const leaf2 = bitStruct("leaf descriptor, stage 2", 8, {
  valid: [0, 0],
  page: [1, 1],
  MemAttr: [5, 2],
  S2AP: [7, 6],
  SH: [9, 8],
  AF: [10, 10],
  OutputAddress: [47, 12],
  DBM: [51, 51],
  Contiguous: [52, 52],
  XN: [54, 53],
});
const ADDRESSES = ["NextLevelTable", "OutputAddress"];

/** Fields of the descriptor at `level`, with the address that the walk took from it; an invalid one has no other field than `valid`. */
export function descriptorFields(stage: 1 | 2, level: number, bytes: Uint8Array, output: number): Record<string, number | string> {
  if ((bytes[0] & 1) === 0) return { valid: 0 };
  const isTable = level < 3 && (bytes[0] & 2) !== 0;
  const fields = fieldsOf(isTable ? (stage === 1 ? table1 : table2) : stage === 1 ? leaf1 : leaf2, bytes);
  for (const name of ADDRESSES) if (name in fields) fields[name] = hex(output);
  return fields;
}
