import type { Machine } from "@faultline/shared/machine/machine.ts";
import { inputError } from "../cli/errors.ts";
import { partsOfVm } from "../supervisor/parts.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";
import type { Addresses } from "./addresses.ts";
import { attach, type TraceSelection } from "./attach.ts";
import { connect } from "./connection.ts";

/** A machine that others started, as the commands use it. It goes on when the command ends; the rules of the command do not. */
export async function connectMachine(addresses: Addresses, vm: number, trace: TraceSelection, seed = 0): Promise<{ machine: Machine; running: RunningMachine }> {
  const connection = await connect(addresses);
  try {
    const { machine } = connection;
    if (vm >= machine.vms.length) throw inputError(`--vm ${vm}: the machine has VMs 0 to ${machine.vms.length - 1}`, "vm");
    const clients = new Map(partsOfVm(vm).map((name) => [name, connection.client(name)]));
    const running = await attach({
      clients,
      mode: "connected",
      seed,
      switches: [],
      trace,
      machine,
      vm,
      control: null,
      orLost: (work) => work,
      close: async () => connection.close(),
    });
    return { machine, running };
  } catch (error) {
    connection.close();
    throw error;
  }
}
