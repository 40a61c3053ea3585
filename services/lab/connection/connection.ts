import type { Machine } from "@faultline/shared/machine/machine.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { infrastructureError } from "../cli/errors.ts";
import { type Part, partsOf } from "../supervisor/parts.ts";
import type { Addresses } from "./addresses.ts";

/** Time for a service to answer that should be there already. */
const ANSWER_MS = 3_000;

export interface ConnectedPart extends Part {
  client: LabClient;
  address: string;
  /** It answered; else why not. */
  down: string | null;
}

/** lab/v1 of the services of a machine that runs. */
export interface Connection {
  machine: Machine;
  parts: readonly ConnectedPart[];
  addresses: Addresses;
  /** The client of a part that is needed. An infrastructure error names who does not answer and how to get it running. */
  client(name: string): LabClient;
  close(): void;
}

/** Connects to every part that answers. An infrastructure error when the smmu does not, who knows the machine. */
export async function connect(addresses: Addresses): Promise<Connection> {
  const smmu = open(addresses, partsOf(0)[0])!;
  const asked = await answers(smmu);
  if (asked.down) {
    smmu.client.close();
    throw infrastructureError(`smmu at ${smmu.address} does not answer (${asked.down}): is the machine up? ${addresses.cure}`, "connect");
  }
  const machine = (await smmu.client.state("/machine")) as Machine;
  const others = partsOf(machine.vms.length)
    .slice(1)
    .flatMap((part) => open(addresses, part) ?? []);
  const parts = [asked, ...(await Promise.all(others.map(answers)))];
  return {
    machine,
    parts,
    addresses,
    client(name) {
      const part = parts.find((candidate) => candidate.name === name);
      if (!part) throw infrastructureError(`${addresses.text} names no ${name}`, "connect");
      if (part.down) throw infrastructureError(`${name} at ${part.address} does not answer (${part.down}): ${addresses.cure}`, "connect");
      return part.client;
    },
    close: () => {
      for (const { client } of parts) client.close();
    },
  };
}

function open(addresses: Addresses, part: Part): Omit<ConnectedPart, "down"> | null {
  const address = addresses.of(part);
  return address === null ? null : { ...part, address, client: new LabClient(address) };
}

async function answers(part: Omit<ConnectedPart, "down">): Promise<ConnectedPart> {
  try {
    await part.client.ready(ANSWER_MS);
    return { ...part, down: null };
  } catch (error) {
    return { ...part, down: (error as Error).message };
  }
}
