import type { EdgeStatistics } from "@faultline/shared/edge/edge.ts";
import { connect } from "../connection/connection.ts";
import { renderState } from "../inspect/render.ts";
import { addressesFor, type ConnectOptions } from "./connect-option.ts";
import { EXIT } from "./errors.ts";

/** `faultline status`: every part, its edges, queue depths and counts. Exit 3 when a part does not answer. */
export async function statusCommand(options: ConnectOptions): Promise<number> {
  const connection = await connect(addressesFor(options));
  try {
    const services = await Promise.all(
      connection.parts.map(async ({ name, address, down, client }) => {
        if (down) return { service: name, address, up: false as const, reason: down };
        const [service, counts] = await Promise.all([client.state("/service"), client.state("/counts")]);
        const { pid, ready, edges } = service as { pid: number; ready: boolean; edges: EdgeStatistics[] };
        return { service: name, address, up: true as const, pid, ready, edges, counts: counts as Record<string, number> };
      }),
    );
    // A further VM of a composed machine is started by its profile: none of its parts answers, and none is missed.
    const off = (name: string): boolean => /[1-9]\d*$/.test(name) && services.filter((state) => state.service.endsWith(/\d+$/.exec(name)![0])).every(({ up }) => !up);
    const lost = services.find((state) => !state.up && (connection.addresses.allParts || !off(state.service)));
    const ok = lost === undefined;
    if (options.json) process.stdout.write(`${JSON.stringify({ ok, services, ...(lost && !lost.up ? { error: errorOf(lost.service, lost.reason) } : {}) })}\n`);
    else {
      const lines = services.flatMap((state) =>
        state.up
          ? [
              `${state.service.padEnd(8)} ${state.ready ? "ready" : "starting"}, pid ${state.pid}, ${state.address}`,
              ...renderState(
                state.edges.map(({ direction, peer, open, sent, received, full, rejected }) => ({
                  edge: direction,
                  peer,
                  state: open ? "up" : "broken",
                  sent,
                  received,
                  full,
                  rejected,
                })),
                "  ",
              ),
              `  ${Object.entries(state.counts)
                .map(([name, n]) => `${name} ${n}`)
                .join(", ")}`,
            ]
          : [
              !connection.addresses.allParts && off(state.service)
                ? `${state.service.padEnd(8)} not started, ${state.address}`
                : `${state.service.padEnd(8)} DOWN, ${state.address}: ${state.reason}`,
            ],
      );
      process.stdout.write(`${lines.join("\n")}\n`);
    }
    return ok ? EXIT.ok : EXIT.infrastructure;
  } finally {
    connection.close();
  }
}

/** As every command says what went wrong (interfaces.md, section 11). */
const errorOf = (field: string, reason: string): object => ({ kind: "infrastructure", message: `${field} does not answer (${reason})`, field });
