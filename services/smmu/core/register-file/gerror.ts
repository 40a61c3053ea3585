import { mask, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import type { RegisterFile } from "./register-file.ts";

type Error = keyof (typeof registers)["GERROR"]["fields"];

/**
 * GERROR and GERRORN: error i is active while the two differ in bit i (6.3.20). Software that toggles a bit of GERRORN whose error is not active (CONSTRAINED UNPREDICTABLE)
 * gets what it wrote: the error looks active, and what it stops is stopped.
 */
export class Gerror {
  readonly #regs: RegisterFile;
  /** An error became active; MSI_GERROR_ABT_ERR raises no interrupt. */
  activated: (error: Error) => void = () => {};

  constructor(regs: RegisterFile) {
    this.#regs = regs;
  }

  active(error: Error): boolean {
    return ((this.#regs.low("GERROR") ^ this.#regs.low("GERRORN")) & mask(registers.GERROR.fields[error])) !== 0;
  }

  /** Toggles the bit unless the error is active already. */
  raise(error: Error): void {
    if (this.active(error)) return;
    this.#regs.set("GERROR", this.#regs.low("GERROR") ^ mask(registers.GERROR.fields[error]));
    if (error !== "MSI_GERROR_ABT_ERR") this.activated(error);
  }
}
