import { CERROR } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Bus } from "../bus.ts";
import { syncSev } from "./command-encoding.ts";
import type { CommandQueue } from "./command-queue.ts";
import { GERROR, REG, registerAddress } from "./registers.ts";

const NONE: ReadonlySet<string> = new Set();

/** arm_smmu_gerror_handler. host-driver.md, section 9. */
export async function gerrorHandler(bus: Bus, queue: CommandQueue, tracer: Tracer, switches: ReadonlySet<string> = NONE): Promise<void> {
  const gerror = await bus.read32(registerAddress(REG.GERROR));
  const gerrorn = await bus.read32(registerAddress(REG.GERRORN));
  const active = ((gerror ^ gerrorn) & GERROR.MASK) >>> 0;
  if (active === 0 || bus.broken) return;
  if (active & GERROR.SFM_ERR) await bus.write32(registerAddress(REG.CR0), 0);
  let error: number | null = null;
  if (active & GERROR.CMDQ_ERR) {
    const cons = await bus.read32(registerAddress(REG.CMDQ_CONS));
    error = (cons >>> 24) & 0x7f;
    // The bad command becomes a CMD_SYNC, so that it is skipped; the bytes leave with the acknowledgement, which restarts the queue.
    if (error === CERROR.CERROR_ILL) bus.post(queue.slotAddress(cons & (2 ** queue.log2Size - 1)), syncSev().bytes);
  }
  tracer.emit("host.gerror", {}, { active, error });
  if (!switches.has("M-acknowledge-gerror")) await bus.write32(registerAddress(REG.GERRORN), gerror);
}
