import { mask, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { type InterruptSource, SMMU_DEVICE_ID, type SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Identity } from "../identity.ts";
import type { HardwarePorts } from "../ports.ts";
import type { Gerror } from "./gerror.ts";
import type { RegisterFile } from "./register-file.ts";

/** What of the registers belongs to a source. */
const sourceOf = <S extends "EVENTQ" | "PRIQ" | "GERROR">(source: S) => ({
  enable: mask(registers.IRQ_CTRL.fields[`${source}_IRQEN`]),
  cfg0: `${source}_IRQ_CFG0` as const,
  cfg1: `${source}_IRQ_CFG1` as const,
  aborted: `MSI_${source}_ABT_ERR` as const,
});
const SOURCES = { EVENTQ: sourceOf("EVENTQ"), PRIQ: sourceOf("PRIQ"), GERROR: sourceOf("GERROR") };

const word = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

/**
 * The SMMU's interrupts, as MSIs or wired pulses (3.18). A source has one output at a time: its MSI where IDR0.MSI and an address are set, its wire otherwise. An
 * implementation with both outputs raises both (spec/smmuv3.md, 1.6 and 4.1); this one has the wire as the alternative (issue 4), because the two say the same, software that
 * set up the MSI has nobody at the line, and a second message for every record would lie on the path of each fault. What an interrupt announces is in memory and registers before it leaves: posted bytes go with it.
 */
export class Interrupts {
  readonly #regs: RegisterFile;
  readonly #identity: Identity;
  readonly #ports: HardwarePorts;
  readonly #gerror: Gerror;
  /** Messages that found no credit: a posted write waits for one, it is not lost (PCIe 2.6.1). One of each kind says what all of them would. */
  readonly #waiting = new Map<string, () => SmmuToHost>();
  /** M-room-for-interrupts: such a message is lost. */
  readonly #waits: boolean;

  constructor(regs: RegisterFile, identity: Identity, ports: HardwarePorts, gerror: Gerror, waits = true) {
    this.#waits = waits;
    this.#regs = regs;
    this.#identity = identity;
    this.#ports = ports;
    this.#gerror = gerror;
  }

  /** EVENTQ, PRIQ or GERROR, if enabled. An MSI where IRQ_CFG0.ADDR is set, the wired line otherwise. */
  raise(source: "EVENTQ" | "PRIQ" | "GERROR"): void {
    const { enable, cfg0, cfg1, aborted } = SOURCES[source];
    if ((this.#regs.low("IRQ_CTRL") & enable) === 0) return;
    const address = this.#identity.msi ? this.#regs.address(cfg0, 0xfffffffc) : 0;
    if (address === 0) this.signal(source, 0, 0);
    else if (!this.msi(address, this.#regs.low(cfg1))) this.#gerror.raise(aborted);
  }

  /** One 32-bit write of `data`, not translated: to GITS_TRANSLATER an interrupt of the SMMU's DeviceID, to RAM a store. Bits at or above OAS are not there (4.7.3). False: aborted. */
  msi(given: number, data: number): boolean {
    const address = given % 2 ** this.#identity.oas;
    if (address === addressMap.gitsTranslater) {
      this.signal("MSI", SMMU_DEVICE_ID, data);
      return true;
    }
    if (!this.#ports.memory.contains(address, 4)) return false;
    this.#ports.host.post(address, word(data));
    this.signal("MEMORY", 0, 0);
    return true;
  }

  /** Sends the interrupt message with the pointers as they are now. */
  signal(source: InterruptSource, deviceId: number, eventId: number): void {
    const { faults } = this.#ports;
    if (faults?.armed && faults.fails("smmu:interrupt", "lose-interrupt", { source })) return; // what it announces stays posted
    const regs = this.#regs;
    const message = (): SmmuToHost => ({
      kind: "interrupt",
      source,
      deviceId,
      eventId,
      eventqProd: regs.low("EVENTQ_PROD"),
      priqProd: regs.low("PRIQ_PROD"),
      cmdqCons: regs.low("CMDQ_CONS"),
      gerror: regs.low("GERROR"),
    });
    if (this.#waiting.size === 0 && this.#ports.host.send(message()) !== "full") return;
    if (!this.#waits) return;
    this.#waiting.set(`${source} ${deviceId} ${eventId}`, message);
    if (this.#waiting.size === 1) void this.#sendWaiting();
  }

  async #sendWaiting(): Promise<void> {
    while (this.#waiting.size > 0) {
      await this.#ports.host.writable();
      for (const [kind, message] of this.#waiting) {
        if (this.#ports.host.send(message()) === "full") break;
        this.#waiting.delete(kind);
      }
    }
  }
}
