import type { BitStruct, Layout } from "../codec/bit-struct.ts";
import * as command from "./command.ts";
import { type CommandName, OPCODE } from "./command.ts";

const nameOf = new Map<number, CommandName>(Object.entries(OPCODE).map(([name, opcode]) => [opcode, name as CommandName]));
/** Commands whose operands another one's layout describes. */
const LAYOUT_OF: Partial<Record<CommandName, BitStruct<Layout>>> = {
  CMD_TLBI_EL2_VAA: command.CMD_TLBI_EL2_VA,
  CMD_TLBI_EL3_VA: command.CMD_TLBI_EL2_VA,
  CMD_TLBI_EL2_ASID: command.CMD_TLBI_NH_ASID,
};
const structs = command as unknown as Record<string, BitStruct<Layout> | undefined>;

/** The structure of a command, by its opcode; undefined: nothing names it. */
export function commandStruct(opcode: number): BitStruct<Layout> | undefined {
  const name = nameOf.get(opcode);
  return name && (LAYOUT_OF[name] ?? structs[name]);
}
/** Fields that hold address bits from bit 12 (Addr) or bit 2 (MSIAddress) up; shown as the address. */
const ADDRESS_SHIFT: Record<string, bigint> = { Addr: 12n, MSIAddress: 2n };
const HEX = new Set(["StreamID", "MSIData"]);

export interface DecodedCommand {
  name: string;
  fields: Record<string, string | number>;
}

/** One 16-byte command for people: its name and its operands, addresses and StreamIDs in hex. Opcodes that nothing names keep their number. */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const name = nameOf.get(bytes[0]);
  if (name === undefined) return { name: `0x${bytes[0].toString(16)}`, fields: {} };
  const fields: Record<string, string | number> = {};
  for (const [field, value] of Object.entries((LAYOUT_OF[name] ?? structs[name])?.decode(bytes) ?? {})) {
    if (field === "Opcode" || field === "SSec") continue;
    const shift = ADDRESS_SHIFT[field];
    fields[field] = shift !== undefined ? `0x${(value << shift).toString(16)}` : HEX.has(field) ? `0x${value.toString(16)}` : Number(value);
  }
  return { name, fields };
}
