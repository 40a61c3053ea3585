import type { Field } from "./field.ts";

/** Registers that identify an implementation: a machine is built with them (Arm IHI 0070 G.b, 6.3.1 to 6.3.8). */
export const ID_REGISTERS = { IDR0: 0x00, IDR1: 0x04, IDR2: 0x08, IDR3: 0x0c, IDR4: 0x10, IDR5: 0x14, IIDR: 0x18, AIDR: 0x1c } as const;

/** The ID registers among the members of a profile, by name. Throws `Malformed`. */
export function identityOfFile(members: readonly [string, Field][]): Record<string, number> {
  return Object.fromEntries(members.filter(([name]) => Object.hasOwn(ID_REGISTERS, name)).map(([name, field]) => [name, field.number(32)]));
}
