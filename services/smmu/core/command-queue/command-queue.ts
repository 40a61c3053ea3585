import { CERROR, CMD_SYNC, OPCODE, SYNC_CS } from "@faultline/shared/arm-smmu-v3/command.ts";
import { commandName, decodeCommand } from "@faultline/shared/arm-smmu-v3/decode-command.ts";
import { increment } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import type { HardwarePorts } from "../ports.ts";
import { QueueRegisters } from "../queue-registers.ts";
import type { Gerror } from "../register-file/gerror.ts";
import type { Interrupts } from "../register-file/interrupt.ts";
import type { RegisterFile } from "../register-file/register-file.ts";

const CMDQEN = 8;
const CS = CMD_SYNC.reader("CS");
const MSIData = CMD_SYNC.reader("MSIData");
/** MSIAddress[55:2]; no machine has more than 52 bits. */
const msiAddress = (words: Uint32Array): number => (words[3] & 0xfffff) * 2 ** 32 + ((words[2] & 0xffff_fffc) >>> 0);

/** What a CMD_SYNC has to wait for besides the commands, which take effect at once. */
export interface CompletionState {
  /** ATC invalidations whose completion has not come. */
  outstandingAtc(): number;
  /** True once, after an ATC_INV timed out. */
  takeAtcTimeout(): boolean;
}

/** Executes one command; false: CERROR_ILL. "wait": it cannot start yet (no free ITag). */
export type Execute = (opcode: number, words: Uint32Array) => boolean | "wait";

/** The command queue: consumed one command a step, so that faults and holds fit between two (4, 7.1). */
export class CommandQueue {
  readonly queue: QueueRegisters;
  readonly #regs: RegisterFile;
  readonly #ports: HardwarePorts;
  readonly #gerror: Gerror;
  readonly #interrupts: Interrupts;
  readonly #execute: Execute;
  readonly #completion: CompletionState;
  readonly #msi: boolean;
  #again = false;
  /** The command in progress. */
  readonly #words = new Uint32Array(4);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  constructor(
    regs: RegisterFile,
    sizes: { cmdqLog2: number; msi: boolean },
    ports: HardwarePorts,
    gerror: Gerror,
    interrupts: Interrupts,
    execute: Execute,
    completion: CompletionState,
  ) {
    this.queue = new QueueRegisters(regs, "CMDQ", 16, sizes.cmdqLog2);
    this.#msi = sizes.msi;
    this.#regs = regs;
    this.#ports = ports;
    this.#gerror = gerror;
    this.#interrupts = interrupts;
    this.#execute = execute;
    this.#completion = completion;
  }

  /** M-compare-cons: CMDQ_PROD was written with what it is, and its newest command is executed once more when everything is consumed. */
  publishedAgain(): void {
    this.#again = (this.#regs.low("CR0") & CMDQEN) !== 0;
  }

  #back(): void {
    const { queue } = this;
    this.#again = false;
    queue.cons = (queue.cons & 0x7f00_0000) | ((queue.cons + 2 ** (queue.log2Size + 1) - 1) % 2 ** (queue.log2Size + 1));
  }

  /** Consumes one command. False: disabled, stopped by an error, empty, held, or its CMD_SYNC waits. */
  step(): boolean {
    const { queue } = this;
    if (this.#again && queue.empty) this.#back();
    if (queue.empty || (this.#regs.low("CR0") & CMDQEN) === 0 || this.#gerror.active("CMDQ_ERR")) return false;
    if (this.#ports.held("smmu.command-queue.before-command", { cons: queue.cons })) return false;
    if (!this.#fetch()) return this.#error(CERROR.CERROR_ABT);
    const words = this.#words;
    const opcode = words[0] & 0xff;
    if (opcode === OPCODE.CMD_SYNC) return this.#sync(words);
    const done = this.#execute(opcode, words);
    if (done === "wait") return false;
    if (!done) return this.#error(CERROR.CERROR_ILL);
    this.#consumed();
    return true;
  }

  /** The command at CONS. False: the fetch aborts. */
  #fetch(): boolean {
    const { queue } = this;
    const { faults, memory } = this.#ports;
    if (faults?.armed && faults.fails("smmu:cmdq", "abort", { cons: queue.cons })) return false;
    const address = queue.address(queue.cons);
    if (memory.readInto) return memory.readInto(address, this.#bytes);
    const bytes = memory.read(address, 16);
    if (bytes) this.#bytes.set(bytes);
    return bytes !== null;
  }

  #consumed(): void {
    const { queue } = this;
    queue.cons = (queue.cons & 0x7f00_0000) | increment(queue.cons, queue.log2Size);
    if (this.#ports.tracer.wants("command.executed", commandName(this.#words[0] & 0xff))) {
      const { name, fields } = decodeCommand(this.#bytes);
      const { StreamID, SubstreamID, SSV, PRGIndex, ASID, VMID } = fields;
      const number = (value: string | number | undefined) => (typeof value === "number" ? value : undefined);
      this.#ports.tracer.emit(
        "command.executed",
        {
          sid: typeof StreamID === "string" ? StreamID : undefined,
          pasid: SSV === 0 ? undefined : number(SubstreamID),
          grpid: number(PRGIndex),
          asid: number(ASID),
          vmid: number(VMID),
        },
        { name, ...fields },
      );
    }
  }

  /** CONS is past the SYNC before its MSI, wire or event is seen (4.7.3). */
  #sync(words: Uint32Array): boolean {
    const cs = CS(words, 0);
    if (cs === 3 || (words[0] & 0x400) !== 0) return this.#error(CERROR.CERROR_ILL);
    if (this.#completion.outstandingAtc() > 0) return false;
    if (this.#completion.takeAtcTimeout()) return this.#error(CERROR.CERROR_ATC_INV_SYNC);
    this.#consumed();
    // SIG_SEV wakes a CPU that waits for an event: none here does, and a CPU that polls sees CONS.
    if (cs !== SYNC_CS.SIG_IRQ) return true;
    const address = msiAddress(words);
    if (this.#msi && address !== 0) {
      if (!this.#interrupts.msi(address, MSIData(words, 0))) this.#gerror.raise("MSI_CMDQ_ABT_ERR");
    } else this.#interrupts.signal("CMD_SYNC", 0, 0);
    return true;
  }

  /** 7.1: RD stays at the command, ERR is set, then GERROR.CMDQ_ERR. Acknowledged, the queue goes on from RD. */
  #error(code: number): boolean {
    const { queue } = this;
    queue.cons = (queue.cons & 0xfffff) | (code << 24);
    this.#ports.tracer.emit("command-queue.error", {}, { code, cons: queue.cons & 0xfffff });
    this.#gerror.raise("CMDQ_ERR");
    return true;
  }
}
