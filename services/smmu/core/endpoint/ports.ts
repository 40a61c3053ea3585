import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";
import type { HardwareFaults } from "@faultline/shared/lab/armed-hardware.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";

/** What a function is given besides its link. */
export interface FunctionPorts {
  tracer: Tracer;
  timer(ns: number, expired: () => void): { cancel(): void };
  held(point: string, fields: Record<string, unknown>): boolean;
  /** Accesses that the lab lets fail; without it none does. */
  faults?: HardwareFaults;
  engine: AcceleratorEngine;
  now(): number;
}
