import { type Server, type ServerUnaryCall, type sendUnaryData, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { numberOf } from "../codec/uint64.ts";
import type { DoReply } from "../gen/types/lab/v1/DoReply.ts";
import type { DoRequest__Output } from "../gen/types/lab/v1/DoRequest.ts";
import type { EndpointOutcome } from "../gen/types/lab/v1/EndpointOutcome.ts";
import type { EndpointResetReply } from "../gen/types/lab/v1/EndpointResetReply.ts";
import type { ReadMemoryReply } from "../gen/types/lab/v1/ReadMemoryReply.ts";
import type { ReadMemoryRequest__Output } from "../gen/types/lab/v1/ReadMemoryRequest.ts";
import type { Machine } from "../machine/machine.ts";
import type { Action, DmaRequest, DmaResult, Outcome } from "./endpoint-actions.ts";
import { actionFromWire, outcomeToWire } from "./endpoint-messages.ts";
import { MAX_TRANSFER, misfit } from "./endpoint-misfit.ts";
import { protoPackage } from "./protos.ts";

export type { DmaRequest, DmaResult } from "./endpoint-actions.ts";

/**
 * The `replay` key of a machine JSON: smmu then has this RAM for itself instead of the memory file, these ID registers instead of those the machine
 * file leads to, and serves lab/v1 Endpoint.
 */
export interface ReplayOptions {
  /** By register name, 32 bits each. */
  idr: Readonly<Record<string, number>>;
  /** As in HardwareOptions. */
  globalMatchesAnyAsid: boolean;
  /** Bytes; what lies outside does not answer. */
  ram: { base: number; size: number };
}
export type ReplayMachine = Machine & { replay?: ReplayOptions };

/** What the service does for its clients. */
export interface EndpointPorts {
  /** Why `sid` does not do such an action, or null. */
  refused(sid: number, action: Action): string | null;
  /** The architected outcome. Only what may wait for a response is a promise. */
  perform(sid: number, action: Action): Outcome | Promise<Outcome>;
  reset(): void;
  /** Null: not all of it is RAM. */
  readMemory(address: number, length: number): Uint8Array | null;
}

/** What a scripted requester needs of the hardware (services/smmu/core/hardware.ts). */
interface DmaHardware {
  dma(request: DmaRequest): { ok: boolean; data?: Uint8Array; stalled?: object };
  smmu: { transact(t: { sid: number; ssid: number | null; translated: boolean; address: bigint; write: boolean; priv: boolean; exec: boolean }): object | string };
}

/** One DMA. A zero-length request is translated with the permission that it needs and moves nothing (PCIe 2.2.5: no byte enable is set): `pa` is where it went. */
export function dmaOn(hardware: DmaHardware, request: DmaRequest): DmaResult {
  if (request.length > 0) {
    const { stalled, ...result } = hardware.dma(request);
    return stalled ? { ...result, stalled: true } : result;
  }
  const { sid, ssid, iova: address, write, priv, exec } = request;
  const result = hardware.smmu.transact({ sid, ssid, translated: false, address, write, priv, exec: exec && !write });
  if (typeof result === "object") return "pa" in result ? { ok: true, pa: result.pa as number } : { ok: false };
  return result === "stalled" ? { ok: false, stalled: true } : { ok: result === "raz-wi" };
}

export const ENDPOINT_SERVICE = "lab.v1.Endpoint";
export const endpointService = () => protoPackage("lab")[ENDPOINT_SERVICE];

type Answer<Reply> = sendUnaryData<Reply>;

/** Adds lab/v1 Endpoint to a server. */
export function serveEndpoint(server: Server, ports: EndpointPorts): void {
  const implementation = {
    async Do({ request }: ServerUnaryCall<DoRequest__Output, DoReply>, answer: Answer<DoReply>) {
      const actions: [sid: number, action: Action][] = [];
      for (const [index, wire] of request.actions.entries()) {
        const wrong = misfit(wire);
        if (wrong) return answer({ code: status.INVALID_ARGUMENT, details: `actions[${index}].${wrong}` });
        const action = actionFromWire(wire);
        const refused = ports.refused(wire.sid, action);
        if (refused) return answer({ code: status.INVALID_ARGUMENT, details: `actions[${index}].sid: ${refused}` });
        actions.push([wire.sid, action]);
      }
      const outcomes: EndpointOutcome[] = [];
      for (const [sid, action] of actions) {
        const outcome = ports.perform(sid, action);
        outcomes.push(outcomeToWire(outcome instanceof Promise ? await outcome : outcome));
      }
      answer(null, { outcomes });
    },
    Reset(_: unknown, answer: Answer<EndpointResetReply>) {
      ports.reset();
      answer(null, {});
    },
    ReadMemory({ request }: ServerUnaryCall<ReadMemoryRequest__Output, ReadMemoryReply>, answer: Answer<ReadMemoryReply>) {
      const { address, length } = request;
      if (address.length !== 8) return answer({ code: status.INVALID_ARGUMENT, details: "address: must be 8 little-endian bytes" });
      if (length > MAX_TRANSFER) return answer({ code: status.INVALID_ARGUMENT, details: `length: must be at most ${MAX_TRANSFER}, got ${length}` });
      const data = ports.readMemory(numberOf(address), length);
      answer(null, data ? { ok: true, data } : { ok: false });
    },
  };
  server.addService(endpointService() as never, implementation as unknown as UntypedServiceImplementation);
}
