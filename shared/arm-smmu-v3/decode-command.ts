import { type BitStruct, type Bits, fieldReader, type Layout } from "../codec/bit-struct.ts";
import { hex } from "../codec/uint64.ts";
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

/** undefined: nothing names the opcode. */
export const commandName = (opcode: number): CommandName | undefined => nameOf.get(opcode);

/** The structure of a command, by its opcode; undefined: nothing names it. */
export function commandStruct(opcode: number): BitStruct<Layout> | undefined {
  const name = nameOf.get(opcode);
  return name && (LAYOUT_OF[name] ?? structs[name]);
}
/** Fields that hold address bits from bit 12 (Addr) or bit 2 (MSIAddress) up; shown as the address. */
const ADDRESS_UNIT: Record<string, number> = { Addr: 4096, MSIAddress: 4 };
const HEX = new Set(["StreamID", "MSIData"]);

/** How one operand is read and shown. */
interface Operand {
  name: string;
  show(words: Uint32Array): string | number;
}

function operandOf(name: string, [hi, lo]: Bits): Operand {
  const unit = ADDRESS_UNIT[name];
  if (hi - lo >= 53) {
    const [high, low] = [fieldReader([hi, lo + 32]), fieldReader([lo + 31, lo])];
    return { name, show: (words) => hex(((BigInt(high(words, 0)) << 32n) | BigInt(low(words, 0))) * BigInt(unit)) };
  }
  const read = fieldReader([hi, lo]);
  if (unit !== undefined) return { name, show: (words) => hex(read(words, 0) * unit) };
  return { name, show: HEX.has(name) ? (words) => hex(read(words, 0)) : (words) => read(words, 0) };
}

/** Operands of each command that is named, made when the first one of it is decoded. */
const operands = new Map<number, readonly Operand[]>();
function operandsOf(opcode: number): readonly Operand[] {
  let known = operands.get(opcode);
  if (!known) {
    const fields = Object.entries(commandStruct(opcode)?.layout ?? {}).filter(([name]) => name !== "Opcode" && name !== "SSec");
    operands.set(opcode, (known = fields.map(([name, bits]) => operandOf(name, bits))));
  }
  return known;
}

const words = new Uint32Array(4);

export interface DecodedCommand {
  name: string;
  fields: Record<string, string | number>;
}

/** One 16-byte command for people: its name and its operands, addresses and StreamIDs in hex. Opcodes that nothing names keep their number. */
export function decodeCommand(bytes: Uint8Array): DecodedCommand {
  const name = nameOf.get(bytes[0]);
  if (name === undefined) return { name: hex(bytes[0]), fields: {} };
  for (let i = 0; i < 4; i++) words[i] = bytes[4 * i] | (bytes[4 * i + 1] << 8) | (bytes[4 * i + 2] << 16) | (bytes[4 * i + 3] << 24);
  const fields: Record<string, string | number> = {};
  for (const operand of operandsOf(bytes[0])) fields[operand.name] = operand.show(words);
  return { name, fields };
}
