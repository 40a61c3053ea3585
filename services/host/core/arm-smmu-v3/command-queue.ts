import { increment, indexOf, isEmpty, used } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { Mutex } from "@faultline/shared/execution/mutex.ts";
import { ETIMEDOUT } from "@faultline/shared/linux-uapi/errno.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Bus } from "../bus.ts";
import { type Command, syncMsiPoll, syncSev } from "./command-encoding.ts";
import { REG, registerAddress } from "./registers.ts";

/** ARM_SMMU_POLL_TIMEOUT_US. */
export const POLL_TIMEOUT_NS = 1_000_000_000;
/** A batch holds at most BITS_PER_LONG commands. */
export const BATCH_COMMANDS = 64;
const ENTRY = 16;

/**
 * The command queue. One posted write of CMDQ_PROD publishes a batch: its entries travel with it.
 * Linux lets CPUs reserve slots with a compare-exchange and one of them write PROD for all; here the lock "cmdq" has the same effect.
 */
export class CommandQueue {
  readonly base: number;
  readonly log2Size: number;
  readonly #bus: Bus;
  readonly #memory: PhysicalMemory;
  readonly #execution: Execution;
  readonly #tracer: Tracer;
  readonly #msiPoll: boolean;
  /** M-wait-for-sync: nobody waits for a CMD_SYNC. */
  readonly #waits: boolean;
  /** S05: a CMD_SYNC that another CPU waits for is taken for one's own. */
  readonly #sharesSync: boolean;
  /** Slot of the CMD_SYNC that was waited for last, while somebody waits for it. */
  #syncUnderWay: number | null = null;
  readonly #lock: Mutex;
  #prod = 0;
  #cons = 0;

  constructor(o: {
    base: number;
    log2Size: number;
    bus: Bus;
    memory: PhysicalMemory;
    execution: Execution;
    tracer: Tracer;
    msiPoll: boolean;
    waits?: boolean;
    sharesSync?: boolean;
  }) {
    this.base = o.base;
    this.log2Size = o.log2Size;
    this.#bus = o.bus;
    this.#memory = o.memory;
    this.#execution = o.execution;
    this.#tracer = o.tracer;
    this.#msiPoll = o.msiPoll;
    this.#waits = o.waits ?? true;
    this.#sharesSync = o.sharesSync ?? false;
    this.#lock = new Mutex("cmdq", o.execution.locks);
  }

  get prod(): number {
    return this.#prod;
  }

  slotAddress(pointer: number): number {
    return this.base + indexOf(pointer, this.log2Size) * ENTRY;
  }

  /** CMDQ_CONS as an interrupt carried it. */
  observeCons(cons: number): void {
    // An older value than the known one is a message that was overtaken.
    if (used(this.#prod, cons, this.log2Size) <= used(this.#prod, this.#cons, this.log2Size)) this.#cons = increment(cons, this.log2Size, 0);
  }

  /** Commands without a CMD_SYNC: nothing waits for them. */
  async issue(commands: readonly Command[]): Promise<void> {
    for (let at = 0; at < commands.length; at += BATCH_COMMANDS)
      await this.#publish(commands.length <= BATCH_COMMANDS ? commands : commands.slice(at, at + BATCH_COMMANDS), false);
  }

  /** Commands and a CMD_SYNC; full batches before the last one go without. 0, or -ETIMEDOUT when the SYNC did not complete within a second. */
  async issueWithSync(commands: readonly Command[]): Promise<number> {
    let at = 0;
    for (; commands.length - at > BATCH_COMMANDS; at += BATCH_COMMANDS) await this.#publish(commands.slice(at, at + BATCH_COMMANDS), false);
    const shared = this.#sharesSync ? this.#syncUnderWay : null;
    const published = await this.#publish(commands.slice(at), shared === null);
    if (!this.#waits) return 0;
    const sync = shared ?? published;
    this.#syncUnderWay = sync;
    const done = this.#msiPoll
      ? await this.#execution.poll(() => this.#memory.load32(this.slotAddress(sync)) === 0 || this.#bus.broken, POLL_TIMEOUT_NS)
      : await this.#pollCons(sync);
    if (this.#syncUnderWay === sync) this.#syncUnderWay = null;
    if (!done || this.#bus.broken) {
      this.#tracer.emit("host.command-timeout", {}, { slot: sync, commands: commands.map((command) => command.name) });
      return -ETIMEDOUT;
    }
    const after = increment(sync, this.log2Size);
    if (used(this.#prod, after, this.log2Size) <= used(this.#prod, this.#cons, this.log2Size)) this.#cons = after;
    return 0;
  }

  /** Pointer of the batch's last command. */
  async #publish(commands: readonly Command[], withSync: boolean): Promise<number> {
    await this.#lock.lock();
    try {
      const count = commands.length + (withSync ? 1 : 0);
      await (this.#room() < count ? this.#waitForSpace(count) : undefined);
      let last = this.#prod;
      for (const command of commands) {
        this.#bus.post(this.slotAddress(this.#prod), command.bytes);
        last = this.#advance(command);
      }
      if (withSync) {
        const slot = this.slotAddress(this.#prod);
        // The entry is in the store buffer until PROD leaves, so what a former lap left in the slot must not look like a completion.
        if (this.#msiPoll) this.#memory.store32(slot, 0xffffffff);
        const sync = this.#msiPoll ? syncMsiPoll(slot) : syncSev();
        this.#bus.post(slot, sync.bytes);
        last = this.#advance(sync);
      }
      await this.#execution.point("host.command-queue.before-prod", { prod: this.#prod, commands: count });
      await this.#bus.write32(registerAddress(REG.CMDQ_PROD), this.#prod);
      return last;
    } finally {
      this.#lock.unlock();
    }
  }

  #advance(command: Command): number {
    if (this.#tracer.wants("host.command")) this.#tracer.emit("host.command", {}, { name: command.name, slot: this.#prod, ...command.fields });
    const at = this.#prod;
    this.#prod = increment(this.#prod, this.log2Size);
    return at;
  }

  #room(): number {
    return (1 << this.log2Size) - used(this.#prod, this.#cons, this.log2Size);
  }

  async #waitForSpace(count: number): Promise<void> {
    while (this.#room() < count && !this.#bus.broken) {
      this.observeCons(await this.#bus.read32(registerAddress(REG.CMDQ_CONS)));
      if (this.#room() < count) await this.#execution.sleep(1_000);
    }
  }

  async #pollCons(sync: number): Promise<boolean> {
    const deadline = this.#execution.now() + POLL_TIMEOUT_NS;
    const after = increment(sync, this.log2Size);
    for (;;) {
      this.observeCons(await this.#bus.read32(registerAddress(REG.CMDQ_CONS)));
      if (isEmpty(after, this.#cons, this.log2Size) || used(this.#prod, this.#cons, this.log2Size) <= used(this.#prod, after, this.log2Size)) return true;
      if (this.#execution.now() >= deadline || this.#bus.broken) return false;
      await this.#execution.sleep(1_000);
    }
  }
}
