import { connect } from "../connection/connection.ts";
import { renderState } from "../inspect/render.ts";
import { dumpViews, infoViews, type View } from "../inspect/views.ts";
import { addressesFor, type ConnectOptions } from "./connect-option.ts";
import { EXIT, inputError } from "./errors.ts";

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
  const connection = await connect(addressesFor(options));
  try {
    const found: Record<string, Record<string, unknown>> = {};
    for (const part of connection.parts) {
      if (options.vm !== undefined && part.kind !== "smmu" && part.kind !== "host" && part.vm !== Number(options.vm)) continue;
      for (const path of view.paths[part.kind] ?? []) {
        const asked = filled(path, options);
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

const filled = (path: string, options: InfoOptions): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(bdfNumber(name, options[name as "sid"] ?? "")));

/** 00:01.0 is 0x8. */
function bdfNumber(name: string, value: string): string {
  const bdf = name === "bdf" || name === "sid" ? /^([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i.exec(value) : null;
  return bdf ? String((Number.parseInt(bdf[1], 16) << 8) | (Number.parseInt(bdf[2], 16) << 3) | Number(bdf[3])) : value;
}

const text = (found: Record<string, Record<string, unknown>>): string[] =>
  Object.entries(found).flatMap(([part, paths]) =>
    Object.entries(paths).flatMap(([path, state]) => [`${part} ${path.replace(/\?.*/, "")}`, ...(state === null ? ["  does not answer"] : renderState(state, "  "))]),
  );
