import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { connect } from "../connection/connection.ts";
import { edgeViews } from "../inspect/edge-lines.ts";
import { addressesFor, type ConnectOptions } from "./connect-option.ts";
import { EXIT, infrastructureError, inputError } from "./errors.ts";
import { numberOption } from "./options.ts";

export interface TraceOptions extends ConnectOptions {
  edge: string;
  vm: string;
  count?: string;
}

/** `faultline trace --edge E`: what crosses an edge, live, until Ctrl-C, `--count` lines, or the loss of a part. With --json one object at the end, so only with --count. */
export async function traceCommand(options: TraceOptions): Promise<number> {
  if (!Object.hasOwn(edgeViews, options.edge)) throw inputError(`--edge ${options.edge} is no edge: ${Object.keys(edgeViews).join(", ")}`, "edge");
  const view = edgeViews[options.edge as keyof typeof edgeViews];
  const count = options.count === undefined ? Number.POSITIVE_INFINITY : numberOption("count", options.count, 1, 1e9);
  if (options.json && options.count === undefined) throw inputError("--json needs --count: one object cannot be printed of a trace without end", "count");
  const connection = await connect(addressesFor(options));
  const vm = numberOption("vm", options.vm, 0, connection.machine.vms.length - 1);
  const lines: string[] = [];
  let enough = () => {};
  const done = new Promise<void>((resolve) => (enough = resolve));
  const took = (event: TraceEvent) => {
    for (const line of view.line(event)?.split("\n") ?? []) {
      if (lines.length >= count) return;
      lines.push(line);
      if (!options.json) process.stdout.write(`${line}\n`);
      if (lines.length >= count) enough();
    }
  };
  try {
    const parts = connection.parts.filter(({ kind, vm: of }) => view.parts.includes(kind) && (kind === "smmu" || kind === "host" || of === vm));
    const subscriptions = parts.map(({ name }) => ({ name, subscription: connection.client(name).trace(took, view.kinds) }));
    await Promise.all(subscriptions.map(({ subscription }) => subscription.active));
    process.stderr.write(`tracing the ${options.edge} edge of ${connection.addresses.text}\n`);
    const lost = subscriptions.map(async ({ name, subscription }) => {
      const reason = await subscription.ended;
      throw infrastructureError(`lost ${name}: ${reason ?? "it stopped"}`, name);
    });
    await Promise.race([done, ...lost]);
    if (options.json) process.stdout.write(`${JSON.stringify({ ok: true, edge: options.edge, lines })}\n`);
    return EXIT.ok;
  } finally {
    connection.close();
  }
}
