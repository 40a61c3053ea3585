import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { numberOf, uint64Bytes, uint64Of } from "../codec/uint64.ts";
import type { DmaOutcome } from "../gen/types/lab/v1/DmaOutcome.ts";
import type { DoReply } from "../gen/types/lab/v1/DoReply.ts";
import type { DoRequest__Output } from "../gen/types/lab/v1/DoRequest.ts";
import type { EndpointAction__Output } from "../gen/types/lab/v1/EndpointAction.ts";
import type { EndpointOutcome } from "../gen/types/lab/v1/EndpointOutcome.ts";
import type { EndpointResetReply } from "../gen/types/lab/v1/EndpointResetReply.ts";
import type { ReadMemoryReply } from "../gen/types/lab/v1/ReadMemoryReply.ts";
import type { ReadMemoryRequest__Output } from "../gen/types/lab/v1/ReadMemoryRequest.ts";
import type { Machine } from "../machine/machine.ts";
import { channelOptions } from "./grpc-edge.ts";
import { InfrastructureError } from "./infrastructure-error.ts";
import { protoPackage } from "./protos.ts";

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

/** An untranslated DMA request of interfaces.md, section 6. */
export interface DmaRequest {
  sid: number;
  ssid: number | null;
  priv: boolean;
  exec: boolean;
  write: boolean;
  iova: bigint;
  /** Bytes of a read, or of `data`. 0: a zero-length request. */
  length: number;
  data?: Uint8Array;
}

/** `ok` false: terminated with an abort, or `stalled`: it has not ended. `pa`: of a zero-length request. */
export interface DmaResult {
  ok: boolean;
  data?: Uint8Array;
  pa?: number;
  stalled?: boolean;
}

/** What the service does for its clients. Each is synchronous: one request to completion. */
export interface EndpointPorts {
  dma(request: DmaRequest): DmaResult;
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

/** Bytes that one request may move or read. */
export const MAX_TRANSFER = 2 ** 26;

export const endpointService = () => protoPackage("lab")["lab.v1.Endpoint"];

/** Where a service that serves its edge at `listen`, a Unix socket, serves lab/v1 Endpoint. */
export const endpointAddress = (listen: string): string => `${listen.replace(/\.sock$/, "")}.endpoint.sock`;

type Answer<Reply> = sendUnaryData<Reply>;

/** Adds lab/v1 Endpoint to a server. */
export function serveEndpoint(server: Server, ports: EndpointPorts): void {
  const implementation = {
    Do({ request }: ServerUnaryCall<DoRequest__Output, DoReply>, answer: Answer<DoReply>) {
      for (const [index, action] of request.actions.entries()) {
        const wrong = misfit(action);
        if (wrong) return answer({ code: status.INVALID_ARGUMENT, details: `actions[${index}].${wrong}` });
      }
      answer(null, { outcomes: request.actions.map((action): EndpointOutcome => ({ dma: dmaOf(action, ports) })) });
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

/** Serves lab/v1 Endpoint on a socket of its own. Returns what closes it. Rejects with `InfrastructureError`. */
export async function listenEndpoint(address: string, ports: EndpointPorts): Promise<() => void> {
  const server = new Server(channelOptions(address));
  serveEndpoint(server, ports);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error ? reject(new InfrastructureError(`cannot serve ${address}: ${error.message}`)) : resolve(),
    );
  });
  return () => server.forceShutdown();
}

/** The field of an action that does not fit, with the reason, or null. */
function misfit({ action, dma }: EndpointAction__Output): string | null {
  if (action !== "dma" || !dma) return "action: must be dma";
  if (dma.iova.length !== 8) return "dma.iova: must be 8 little-endian bytes";
  // PCIe 6.20.1: a PASID has at most 20 bits.
  if (dma.hasPasid && dma.pasid >= 2 ** 20) return `dma.pasid: must be below 2^20, got ${dma.pasid}`;
  if (dma.length > MAX_TRANSFER) return `dma.length: must be at most ${MAX_TRANSFER}, got ${dma.length}`;
  return null;
}

function dmaOf({ sid, dma }: EndpointAction__Output, ports: EndpointPorts): DmaOutcome {
  const { hasPasid, pasid, priv, exec, write, iova, bytes, length } = dma!;
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const request = { sid, ssid: hasPasid ? pasid : null, priv, exec, write, iova: uint64Of(iova) };
  const outcome = ports.dma(write ? { ...request, length: data.length, data } : { ...request, length });
  return { ...outcome, pa: outcome.pa === undefined ? undefined : uint64Bytes(outcome.pa) };
}
