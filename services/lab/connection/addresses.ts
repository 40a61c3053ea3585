import { join } from "node:path";
import { inputError } from "../cli/errors.ts";
import { type Part, partsOf } from "../supervisor/parts.ts";
import { liveRuns, runsFolder } from "../supervisor/run-folder.ts";

/** Where the services of a machine serve; null: this way of connecting does not name that part. */
export interface Addresses {
  of(part: Part): string | null;
  /** Every part of the machine is started together: one that does not answer is missed. */
  allParts: boolean;
  /** For sentences: "run run-4711", "127.0.0.1:5001". */
  text: string;
  /** How to get it running, for the same sentences. */
  cure: string;
}

const COMPOSE = "docker compose up -d --wait";

/**
 * `--connect`: a RUN on this machine; HOST:PORT of the smmu, with the other parts on the ports after it (compose: 127.0.0.1:5001);
 * or NAME=HOST:PORT,.. for parts on hosts of their own. An input error names what is wrong with it.
 */
export function parseConnect(connect: string): Addresses {
  if (connect.includes("=")) return list(connect);
  const address = /^(.+):(\d+)$/.exec(connect);
  if (!address) return run(connect);
  const [, host, port] = address;
  if (Number(port) > 65_000) throw inputError(`--connect ${connect}: ${port} is no port`, "connect");
  return { text: connect, cure: COMPOSE, allParts: false, of: (part) => `${host}:${Number(port) + partsOf(part.vm + 1).findIndex(({ name }) => name === part.name)}` };
}

function list(connect: string): Addresses {
  const known = new Map<string, string>();
  for (const pair of connect.split(",")) {
    const match = /^(smmu|host|(?:vmm|guest)\d+)=(.+:\d+)$/.exec(pair.trim());
    if (!match) throw inputError(`--connect ${pair} is not NAME=HOST:PORT with a name like smmu, host, vmm0, guest0`, "connect");
    known.set(match[1], match[2]);
  }
  if (!known.has("smmu")) throw inputError(`--connect ${connect} does not name the smmu, which knows the machine`, "connect");
  return { text: connect, cure: COMPOSE, allParts: false, of: ({ name }) => known.get(name) ?? null };
}

function run(name: string): Addresses {
  const runs = liveRuns();
  if (!runs.some((live) => live.run === name)) {
    throw inputError(
      `--connect ${name}: no such run, and no HOST:PORT; runs here: ${runs.map((live) => live.run).join(", ") || "none (npx faultline up starts one)"}`,
      "connect",
    );
  }
  return { text: `run ${name}`, cure: "npx faultline up", allParts: true, of: (part) => `unix:${join(runsFolder(), name, `${part.name}.sock`)}` };
}

/** Flag before environment (FAULTLINE_CONNECT, FAULTLINE_RUN); null when neither says anything. */
export const connectOption = (flag: string | undefined): Addresses | null => {
  const connect = flag ?? (process.env.FAULTLINE_CONNECT || process.env.FAULTLINE_RUN);
  return connect ? parseConnect(connect) : null;
};

/** As `connectOption`; without one the only run on this machine. An input error when there is none or more than one. */
export function connectOrOnlyRun(flag: string | undefined): Addresses {
  const given = connectOption(flag);
  if (given) return given;
  const runs = liveRuns();
  if (runs.length === 1) return run(runs[0].run);
  const which = runs.length === 0 ? "no machine runs here: npx faultline up starts one" : `several run here (${runs.map((live) => live.run).join(", ")})`;
  throw inputError(`${which}; --connect RUN or HOST:PORT says which`, "connect");
}
