import type { Command } from "commander";
import { type Addresses, connectOrOnlyRun } from "../connection/addresses.ts";

export interface ConnectOptions {
  connect?: string;
  json?: boolean;
}

export const CONNECT_HELP = "RUN, HOST:PORT of the smmu (compose: 127.0.0.1:5001), or NAME=HOST:PORT,.. (default: FAULTLINE_CONNECT, FAULTLINE_RUN, the only run here)";

/** Adds `--connect` and `--json` to a command that looks at a machine which runs. */
export const onRunningMachine = (command: Command): Command => command.option("--connect <where>", CONNECT_HELP).option("--json", "one JSON object on stdout");

export const addressesFor = (options: ConnectOptions): Addresses => connectOrOnlyRun(options.connect);
