import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { HardwareFaults } from "@faultline/shared/lab/armed-hardware.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";

/** What the hardware is connected to. */
export interface HardwarePorts {
  memory: PhysicalMemory;
  host: EdgePort<SmmuToHost, HostToSmmu>;
  tracer: Tracer;
  /** A time-out of the hardware's own (ATC invalidation). */
  timer(ns: number, expired: () => void): { cancel(): void };
  now(): number;
  /** A hardware point (points.ts): true while the lab holds it, and the step is then not done. */
  held(point: string, fields: Record<string, unknown>): boolean;
  /** Accesses that the lab lets fail; without it none does. */
  faults?: HardwareFaults;
  engine: AcceleratorEngine;
}
