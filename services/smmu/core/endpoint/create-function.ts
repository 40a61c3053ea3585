import type { EndpointOptions } from "@faultline/shared/machine/machine.ts";
import type { PciFunction, Upstream } from "../link.ts";
import { Accelerator } from "./accelerator.ts";
import type { FunctionPorts } from "./ports.ts";

/** The function that the machine file names. */
export function createFunction(options: EndpointOptions, upstream: Upstream, ports: FunctionPorts): PciFunction {
  return new Accelerator(options, upstream, ports);
}
