import { type Register, type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { fieldValues } from "@faultline/shared/state/fields.ts";
import { hexString, list, record, text } from "@faultline/shared/state/schema.ts";
import { notFound, type Structure } from "@faultline/shared/state/structure.ts";
import type { Smmu } from "../smmu.ts";

const schema = record({ name: text(), offset: hexString("from the SMMU's base"), value: hexString(), fields: fieldValues });

function register(smmu: Smmu, name: RegisterName) {
  const { offset, sizeBytes, fields }: Register = registers[name];
  const value = (sizeBytes === 8 ? BigInt(smmu.regs.high(name)) << 32n : 0n) | BigInt(smmu.regs.low(name));
  const values = Object.entries(fields).map(([field, [hi, lo]]) => {
    const bits = BigInt.asUintN(hi - lo + 1, value >> BigInt(lo));
    if (field === "ADDR") return [field, hex(bits << BigInt(lo))]; // the address, not its bits from `lo` up
    return [field, hi - lo < 32 ? Number(bits) : hex(bits)];
  });
  return { name, offset: hex(offset), value: hex(value), fields: Object.fromEntries(values) as Record<string, number | string> };
}

/** Both register pages, as a read would find them. Arm IHI 0070 G.b, 6.2. */
export const registerStructures = (smmu: Smmu): Structure[] => [
  {
    path: "/registers",
    sentence: "Every register of both pages, with its fields.",
    parameters: {},
    schema: list(schema),
    read: () => (Object.keys(registers) as RegisterName[]).map((name) => register(smmu, name)),
  },
  {
    path: "/registers/{name}",
    sentence: "One register by its name or offset.",
    parameters: { name: { is: "word", sentence: "like CR0, or 0x20" } },
    schema,
    read({ word }) {
      const asked = word("name");
      const offset = /^0x[0-9a-f]+$/i.test(asked) ? Number(asked) : Number.NaN;
      const name = (Object.keys(registers) as RegisterName[]).find((known) => known === asked || registers[known].offset === offset);
      return name ? register(smmu, name) : notFound("name", `no register ${asked}`);
    },
  },
  {
    path: "/smmu",
    sentence: "What the SMMU is and whether it is on: ID registers, enables and errors by field.",
    parameters: {},
    schema: record({ id: list(schema), control: list(schema) }),
    read: () => ({
      id: (["IDR0", "IDR1", "IDR3", "IDR5", "IIDR", "AIDR"] as const).map((name) => register(smmu, name)),
      control: (["CR0", "CR0ACK", "CR1", "CR2", "GBPA", "IRQ_CTRL", "GERROR", "GERRORN", "STRTAB_BASE", "STRTAB_BASE_CFG"] as const).map((name) => register(smmu, name)),
    }),
  },
];
