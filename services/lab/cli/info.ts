import { connect } from "../connection/connection.ts";
import { renderState } from "../inspect/render.ts";
import { dumpViews, infoViews, type View } from "../inspect/views.ts";
import { addressesFor, type ConnectOptions } from "./connect-option.ts";
import { EXIT, inputError } from "./errors.ts";
import { identifierOption, numberOption } from "./options.ts";

export interface InfoOptions extends ConnectOptions {
  sid?: string;
  ssid?: string;
  bdf?: string;
  vm?: string;
}

/** `faultline info WHAT` and `faultline dump WHAT`: the live state of a running machine, part by part. */
export async function infoCommand(command: "info" | "dump", what: string, options: InfoOptions): Promise<number> {
  const views: Record<string, View> = command === "info" ? infoViews : dumpViews;
  if (!Object.hasOwn(views, what)) throw inputError(`${command} ${what} is unknown: ${Object.keys(views).join(", ")}`, "what");
  const view = views[what];
  for (const name of view.needs ?? []) if (options[name as "sid"] === undefined) throw inputError(`${command} ${what} needs --${name}: ${view.sentence}`, name);
  const given = (["sid", "ssid", "bdf"] as const).filter((name) => options[name] !== undefined);
  const foreign = given.find((name) => !view.needs?.includes(name));
  if (foreign) throw inputError(`--${foreign} is not for ${command} ${what}: ${view.sentence}`, foreign);
  const ids = Object.fromEntries(given.map((name) => [name, String(identifierOption(name, options[name]!))]));
  const connection = await connect(addressesFor(options));
  try {
    const vm = options.vm === undefined ? null : numberOption("vm", options.vm, 0, connection.machine.vms.length - 1);
    const found: Record<string, Record<string, unknown>> = {};
    for (const part of connection.parts) {
      if (vm !== null && part.kind !== "smmu" && part.kind !== "host" && part.vm !== vm) continue;
      for (const path of view.paths[part.kind] ?? []) {
        const asked = path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name]);
        const state = part.down
          ? null
          : await part.client.state(asked).catch((error: Error) => Promise.reject(inputError(`${part.name}: ${error.message}`, view.needs?.[0])));
        (found[part.name] ??= {})[asked] = state;
      }
    }
    process.stdout.write(`${options.json ? JSON.stringify({ ok: true, what, parts: found }) : text(found).join("\n")}\n`);
    return EXIT.ok;
  } finally {
    connection.close();
  }
}

const text = (found: Record<string, Record<string, unknown>>): string[] =>
  Object.entries(found).flatMap(([part, paths]) =>
    Object.entries(paths).flatMap(([path, state]) => [`${part} ${path.replace(/\?.*/, "")}`, ...(state === null ? ["  does not answer"] : renderState(state, "  "))]),
  );
