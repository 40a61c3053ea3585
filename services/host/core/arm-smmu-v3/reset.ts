import type { Execution } from "@faultline/shared/execution/execution.ts";
import { ETIMEDOUT } from "@faultline/shared/linux-uapi/errno.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Bus } from "../bus.ts";
import { cfgiAll, tlbiEl2All, tlbiNsnhAll } from "./command-encoding.ts";
import { type CommandQueue, POLL_TIMEOUT_NS } from "./command-queue.ts";
import { CR0, IRQ_CTRL, MSI_EVENT, REG, registerAddress, type SmmuFeatures } from "./registers.ts";
import type { StreamTable } from "./stream-table.ts";

const CR1_WB_ISH = 0xd75; // SH inner shareable, IC and OC write-back, for tables and queues
const CR2_PTM_RECINVSID = 0x6;
const GBPA_ABORT = 1 << 20;
const GBPA_UPDATE = 2 ** 31;
const MSI_DEVICE_nGnRE = 1;
const RA_OR_WA = 2 ** 62; // bit 62: hint

export interface ResetContext {
  bus: Bus;
  execution: Execution;
  features: SmmuFeatures;
  commandQueue: CommandQueue;
  streamTable: StreamTable;
  eventQueue: { base: number; log2Size: number };
  priQueue: { base: number; log2Size: number } | null;
}

/** Value of a queue's BASE register. */
const queueBase = (queue: { base: number; log2Size: number }): bigint => BigInt(RA_OR_WA) | BigInt(queue.base) | BigInt(queue.log2Size);

/** Writes `value` and polls the acknowledging register; -ETIMEDOUT after one second. */
export async function writeAndPoll(bus: Bus, execution: Execution, register: number, ack: number, value: number): Promise<number> {
  await bus.write32(registerAddress(register), value);
  return pollRegister(bus, execution, ack, (read) => read === value);
}

async function pollRegister(bus: Bus, execution: Execution, register: number, done: (value: number) => boolean): Promise<number> {
  const deadline = execution.now() + POLL_TIMEOUT_NS;
  for (;;) {
    if (done(await bus.read32(registerAddress(register)))) return 0;
    if (execution.now() >= deadline || bus.broken) return -ETIMEDOUT;
    await execution.sleep(1_000);
  }
}

/** The reset sequence, in the order of host-driver.md section 2: the last value of CR0, or -ETIMEDOUT. */
export async function reset(c: ResetContext): Promise<number> {
  const { bus, execution, features, commandQueue, streamTable } = c;
  const cr0 = (value: number) => writeAndPoll(bus, execution, REG.CR0, REG.CR0ACK, value);
  const write32 = (register: number, value: number) => bus.write32(registerAddress(register), value);
  const write64 = (register: number, value: bigint) => bus.write64(registerAddress(register), value);

  // 1: a running SMMU aborts what it does not translate any more.
  if ((await bus.read32(registerAddress(REG.CR0))) & CR0.SMMUEN) {
    await write32(REG.GBPA, GBPA_ABORT + GBPA_UPDATE);
    if ((await pollRegister(bus, execution, REG.GBPA, (value) => value < GBPA_UPDATE)) < 0) return -ETIMEDOUT;
  }
  if ((await cr0(0)) < 0) return -ETIMEDOUT;
  await write32(REG.CR1, CR1_WB_ISH);
  await write32(REG.CR2, CR2_PTM_RECINVSID);
  await write64(REG.STRTAB_BASE, BigInt(RA_OR_WA) | BigInt(streamTable.base));
  await write32(REG.STRTAB_BASE_CFG, streamTable.config);

  await write64(REG.CMDQ_BASE, queueBase(commandQueue));
  await write32(REG.CMDQ_PROD, commandQueue.prod);
  await write32(REG.CMDQ_CONS, 0);
  let enables: number = CR0.CMDQEN;
  if ((await cr0(enables)) < 0) return -ETIMEDOUT;
  await commandQueue.issueWithSync([cfgiAll()]);
  if (features.hyp) await commandQueue.issueWithSync([tlbiEl2All()]);
  await commandQueue.issueWithSync([tlbiNsnhAll()]);

  await write64(REG.EVENTQ_BASE, queueBase(c.eventQueue));
  await write32(REG.EVENTQ_PROD, 0);
  await write32(REG.EVENTQ_CONS, 0);
  enables |= CR0.EVENTQEN;
  if ((await cr0(enables)) < 0) return -ETIMEDOUT;
  if (c.priQueue) {
    await write64(REG.PRIQ_BASE, queueBase(c.priQueue));
    await write32(REG.PRIQ_PROD, 0);
    await write32(REG.PRIQ_CONS, 0);
    enables |= CR0.PRIQEN;
    if ((await cr0(enables)) < 0) return -ETIMEDOUT;
  }
  if (features.ats) {
    enables |= CR0.ATSCHK;
    if ((await cr0(enables)) < 0) return -ETIMEDOUT;
  }

  if ((await setupInterrupts(c)) < 0) return -ETIMEDOUT;
  enables |= CR0.SMMUEN;
  return (await cr0(enables)) < 0 ? -ETIMEDOUT : enables;
}

async function setupInterrupts({ bus, execution, features, priQueue }: ResetContext): Promise<number> {
  if ((await writeAndPoll(bus, execution, REG.IRQ_CTRL, REG.IRQ_CTRLACK, 0)) < 0) return -ETIMEDOUT;
  const vectors: [cfg0: number, eventId: number][] = [
    [REG.GERROR_IRQ_CFG0, MSI_EVENT.GERROR],
    [REG.EVENTQ_IRQ_CFG0, MSI_EVENT.EVENTQ],
  ];
  if (priQueue) vectors.push([REG.PRIQ_IRQ_CFG0, MSI_EVENT.PRIQ]);
  for (const [cfg0] of vectors) await bus.write64(registerAddress(cfg0), 0n); // wired until an MSI is set
  if (features.msi) {
    for (const [cfg0, eventId] of vectors) {
      await bus.write64(registerAddress(cfg0), BigInt(addressMap.gitsTranslater));
      await bus.write32(registerAddress(cfg0 + 8), eventId);
      await bus.write32(registerAddress(cfg0 + 12), MSI_DEVICE_nGnRE);
    }
  }
  const enables = IRQ_CTRL.EVENTQ | IRQ_CTRL.GERROR | (priQueue ? IRQ_CTRL.PRIQ : 0);
  return writeAndPoll(bus, execution, REG.IRQ_CTRL, REG.IRQ_CTRLACK, enables);
}
