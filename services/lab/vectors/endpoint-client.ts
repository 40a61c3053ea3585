import { numberOf, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { DoReply__Output } from "@faultline/shared/gen/types/lab/v1/DoReply.ts";
import type { DoRequest } from "@faultline/shared/gen/types/lab/v1/DoRequest.ts";
import type { EndpointClient as Stub } from "@faultline/shared/gen/types/lab/v1/Endpoint.ts";
import { type DmaRequest, endpointService } from "@faultline/shared/shell/endpoint-server.ts";
import { channelOptions } from "@faultline/shared/shell/grpc-edge.ts";
import { type Client, credentials, makeGenericClientConstructor, type ServiceError, status } from "@grpc/grpc-js";
import { Stuck } from "./replay-machine.ts";

const Constructor = makeGenericClientConstructor(endpointService() as never, "Endpoint");

export interface DmaResult {
  ok: boolean;
  stalled: boolean;
  data: Uint8Array;
  pa: number | null;
}

/** lab/v1 Endpoint of smmu. Every call has a deadline: past it, it rejects with `Stuck`. */
export class EndpointClient {
  readonly #stub: Client & Stub;
  readonly #limitMs: number;

  constructor(address: string, limitMs: number) {
    this.#stub = new Constructor(address, credentials.createInsecure(), channelOptions(address)) as unknown as Client & Stub;
    this.#limitMs = limitMs;
  }

  /** DMAs in order, each to its end before the next. */
  async dma(requests: readonly DmaRequest[]): Promise<DmaResult[]> {
    const actions = requests.map(({ sid, ssid, priv, exec, write, iova, length, data }): NonNullable<DoRequest["actions"]>[number] => {
      const payload = write ? { bytes: data ?? new Uint8Array(length) } : { length };
      return { sid, dma: { hasPasid: ssid !== null, pasid: ssid ?? 0, priv, exec, write, iova: uint64Bytes(iova), ...payload } };
    });
    const { outcomes } = await this.#unary<DoReply__Output>((deadline, done) => this.#stub.Do({ actions }, { deadline }, done));
    return outcomes.map(({ dma }) => ({ ok: dma!.ok, stalled: dma!.stalled, data: plain(dma!.data), pa: dma!.pa.length ? numberOf(dma!.pa) : null }));
  }

  async reset(): Promise<void> {
    await this.#unary((deadline, done) => this.#stub.Reset({}, { deadline }, done));
  }

  /** Null: not all of it is RAM. */
  async readMemory(address: number, length: number): Promise<Uint8Array | null> {
    const request = { address: uint64Bytes(address), length };
    const { ok, data } = await this.#unary<{ ok: boolean; data: Buffer }>((deadline, done) => this.#stub.ReadMemory(request, { deadline }, done));
    return ok ? plain(data) : null;
  }

  close(): void {
    this.#stub.close();
  }

  #unary<Reply>(call: (deadline: Date, done: (error: ServiceError | null, reply?: Reply) => void) => unknown): Promise<Reply> {
    return new Promise((resolve, reject) => {
      call(new Date(Date.now() + this.#limitMs), (error, reply) => {
        if (!error && reply) return resolve(reply);
        const late = error?.code === status.DEADLINE_EXCEEDED;
        reject(late ? new Stuck(`no answer within ${this.#limitMs / 1000} s`) : new Error(error?.details || error?.message || "no answer"));
      });
    });
  }
}

/** A Uint8Array over a decoded message's bytes. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
