import type { EndpointOptions } from "@faultline/shared/machine/machine.ts";
import type { PciFunction, Upstream } from "../link.ts";
import { Accelerator } from "./accelerator.ts";
import type { FunctionPorts } from "./ports.ts";
import { ScriptedEndpoint } from "./scripted-endpoint.ts";

/** The function that the machine file names. */
export function createFunction(options: EndpointOptions, upstream: Upstream, ports: FunctionPorts): PciFunction {
  return options.kind === "scripted" ? new ScriptedEndpoint(options, upstream, ports) : new Accelerator(options, upstream, ports);
}
