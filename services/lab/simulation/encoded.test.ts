import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { Envelope } from "@faultline/shared/edge/envelope.ts";
import { inMemoryPair } from "@faultline/shared/edge/in-memory-transport.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { EnvelopeCodec } from "@faultline/shared/shell/envelope-codec.ts";
import { describe, expect, it, vi } from "vitest";
import { writeHistory } from "../history/history.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import { loadScenario } from "../scenarios/load-scenario.ts";
import { encodeMessages } from "./encoded.ts";
import { startSimulation } from "./running-simulation.ts";

const scenario = loadScenario("drop-page-response");

async function historyOf(encode: boolean): Promise<string> {
  const running = await startSimulation(scenario.machine, { seed: 3, switches: new Set(), encode });
  return writeHistory(await runExperiment(scenario, running, 3));
}

describe("a simulation whose messages pass through the codec (design.md, section 4: --encode)", () => {
  it("has the history of the one that passes objects, and encodes every message of it", async () => {
    const plain = await historyOf(false);
    const encoding = vi.spyOn(EnvelopeCodec.prototype, "toWire");
    const encoded = await historyOf(true);
    const crossed = encoding.mock.calls.length;
    encoding.mockRestore();
    expect(encoded).toBe(plain);
    // The history names every message but hello and ack, and the one that the rule loses, which never leaves.
    expect(crossed).toBeGreaterThanOrEqual(encoded.split('"kind":"edge.deliver"').length - 1);
  });
  it("hands over bytes of its own, posted writes too", () => {
    const [upper, lower] = inMemoryPair<HostToSmmu, SmmuToHost>((deliver) => deliver());
    encodeMessages(smmuEdge as never, upper as never, lower as never);
    const body = { kind: "mmioWrite", address: 0x0905_0000, value: Uint8Array.of(1, 2, 3, 4) } as const;
    const writes = [{ address: 0x4000_0000, data: Uint8Array.of(5, 6) }];
    const arrived: Envelope<HostToSmmu>[] = [];
    lower.onMessage = (envelope) => void arrived.push(envelope);
    upper.send({ seq: 1, replyTo: 0, lamport: 7, trace: new Uint8Array(0), writes, body });
    expect(arrived).toMatchObject([{ seq: 1, replyTo: 0, lamport: 7, writes, body }]);
    body.value[0] = 0xff;
    writes[0].data[0] = 0xff;
    expect(arrived).toMatchObject([{ writes: [{ data: Uint8Array.of(5, 6) }], body: { value: Uint8Array.of(1, 2, 3, 4) } }]);
  });
});
