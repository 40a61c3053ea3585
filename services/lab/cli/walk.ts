import { hex } from "@faultline/shared/codec/uint64.ts";
import { connect } from "../connection/connection.ts";
import { addressesFor, type ConnectOptions } from "./connect-option.ts";
import { EXIT, inputError } from "./errors.ts";
import { identifierOption } from "./options.ts";

export interface WalkOptions extends ConnectOptions {
  sid: string;
  ssid?: string;
  iova: string;
  write?: boolean;
  priv?: boolean;
  exec?: boolean;
}

interface Step {
  structure: string;
  address: string;
  value: string[];
  fields: Record<string, number | string>;
}
interface Walk {
  sid: string;
  ssid: number | null;
  iova: string;
  access: string;
  steps: Step[];
  updates: { address: string; value: string }[];
  outcome: Record<string, string | boolean | null> & { result: string };
}

/** `faultline walk`: every descriptor that a transaction's translation reads, and what becomes of it. */
export async function walkCommand(options: WalkOptions): Promise<number> {
  const number = (name: "sid" | "ssid" | "iova"): string => hex(identifierOption(name, options[name] ?? ""));
  const query = new URLSearchParams({ iova: number("iova"), ssid: options.ssid === undefined ? "none" : number("ssid") });
  for (const flag of ["write", "priv", "exec"] as const) if (options[flag]) query.set(flag, "1");
  const path = `/walk/${number("sid")}?${query}`;
  const connection = await connect(addressesFor(options));
  try {
    const walk = (await connection
      .client("smmu")
      .state(path)
      .catch((error: Error) => Promise.reject(inputError(error.message, /^\w+(?=: )/.exec(error.message)?.[0])))) as Walk;
    process.stdout.write(`${options.json ? JSON.stringify({ ok: true, ...walk }) : text(walk).join("\n")}\n`);
    return EXIT.ok;
  } finally {
    connection.close();
  }
}

const fields = (values: Record<string, number | string>): string =>
  Object.entries(values)
    .filter(([name, value]) => (value !== 0 && value !== "0x0" ? true : name === "valid" || name === "V"))
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

function text({ sid, ssid, iova, access, steps, outcome }: Walk): string[] {
  const { result, ...more } = outcome;
  const rest = Object.entries(more)
    .filter(([, value]) => value !== null && value !== false)
    .map(([name, value]) => (value === true ? name : `${name}=${value}`));
  return [
    `sid=${sid} ssid=${ssid ?? "none"} iova=${iova}, ${access}`,
    ...steps.map(
      ({ structure, address, value, fields: all }) => `  ${structure.padEnd(16)} ${address.padEnd(12)} ${value.length === 1 ? `${value[0]}  ` : ""}${fields(all)}`,
    ),
    `=> ${[result, ...rest].join(" ")}`,
  ];
}
