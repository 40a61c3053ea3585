import { hex, hexBytes } from "@faultline/shared/codec/uint64.ts";
import { parseBdf } from "@faultline/shared/machine/units.ts";
import type { Action, Outcome } from "@faultline/shared/shell/endpoint-actions.ts";
import { connect } from "../connection/connection.ts";
import { actionOf, type Given } from "../endpoint/actions.ts";
import { EndpointClient } from "../endpoint/client.ts";
import { outcomeText } from "../endpoint/outcome-text.ts";
import { addressesFor, type ConnectOptions } from "./connect-option.ts";
import { EXIT, inputError } from "./errors.ts";

export type EndpointOptions = ConnectOptions & Given;

/** `faultline endpoint do BDF ACTION`: one action of a scripted endpoint of a machine that runs, and its architected outcome. */
export async function endpointCommand(bdfText: string, name: string, { connect: where, json, ...given }: EndpointOptions): Promise<number> {
  const bdf = parseBdf(bdfText.toLowerCase());
  if (bdf === null) throw inputError(`${bdfText} is no function like 00:02.0`, "bdf");
  const action = actionOf(name, given);
  const connection = await connect(addressesFor({ connect: where }));
  const client = new EndpointClient(connection.parts[0].address);
  try {
    const outcome = await perform(client, bdf, action);
    const report = { ok: true, bdf: bdfText, action: name, outcome: outcome === null ? {} : plain(outcome) };
    const lines = outcome === null || action === "reset" ? ["the machine is powered on again; edges are up, RAM is zero"] : outcomeText(action, outcome);
    process.stdout.write(`${json ? JSON.stringify(report) : lines.join("\n")}\n`);
    return EXIT.ok;
  } finally {
    client.close();
    connection.close();
  }
}

/** Null: the machine was powered on again, which only its scripted endpoints may ask for. */
async function perform(client: EndpointClient, bdf: number, action: Action | "reset"): Promise<Outcome | null> {
  const [outcome] = await client.do(bdf, action === "reset" ? [{ kind: "flr" }] : [action]);
  if (action !== "reset") return outcome;
  await client.reset();
  return null;
}

/** Addresses as hex strings, bytes as hex. */
function plain({ kind: _, ...outcome }: Outcome): object {
  return JSON.parse(
    JSON.stringify(outcome, (key, value) => {
      if (typeof value === "bigint" || key === "address" || key === "pa") return hex(value);
      return value instanceof Uint8Array ? hexBytes(value) : value;
    }),
  );
}
