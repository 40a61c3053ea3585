import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, credentials, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DoReply__Output } from "../gen/types/lab/v1/DoReply.ts";
import type { DoRequest } from "../gen/types/lab/v1/DoRequest.ts";
import type { EndpointClient } from "../gen/types/lab/v1/Endpoint.ts";
import type { ReadMemoryReply__Output } from "../gen/types/lab/v1/ReadMemoryReply.ts";
import { type DmaRequest, dmaOn, endpointAddress, endpointService, listenEndpoint } from "./endpoint-server.ts";

const iova = Buffer.from("00100000ffff0000", "hex");

describe("lab/v1 Endpoint (interfaces.md, section 6)", () => {
  const folder = mkdtempSync(join(tmpdir(), "endpoint-"));
  const address = endpointAddress(`unix:${folder}/smmu.sock`);
  const done: (DmaRequest | "reset")[] = [];
  let close: () => void;
  let client: Client & EndpointClient;
  beforeAll(async () => {
    close = await listenEndpoint(address, {
      dma(request) {
        done.push(request);
        return request.length === 0 ? { ok: true, pa: 0xf_0000_0000_1000 } : request.write ? { ok: false, stalled: true } : { ok: true, data: Uint8Array.of(1, 2) };
      },
      reset: () => void done.push("reset"),
      readMemory: (at, length) => (at === 0x1000 ? new Uint8Array(length).fill(7) : null),
    });
    const Constructor = makeGenericClientConstructor(endpointService() as never, "Endpoint");
    client = new Constructor(address, credentials.createInsecure()) as unknown as Client & EndpointClient;
  });
  afterAll(() => {
    client.close();
    close();
    rmSync(folder, { recursive: true });
  });
  const act = (...actions: NonNullable<DoRequest["actions"]>) =>
    new Promise<DoReply__Output>((resolve, reject) => client.Do({ actions }, (error: ServiceError | null, reply) => (error ? reject(error) : resolve(reply!))));
  const read = (at: string, length: number) =>
    new Promise<ReadMemoryReply__Output>((resolve, reject) =>
      client.ReadMemory({ address: Buffer.from(at, "hex"), length }, (error: ServiceError | null, reply) => (error ? reject(error) : resolve(reply!))),
    );

  it("does actions in order, with one outcome each", async () => {
    done.length = 0;
    const { outcomes } = await act(
      { sid: 0x1234, dma: { iova, length: 2 } },
      { sid: 1, dma: { iova, hasPasid: true, pasid: 5, priv: true, write: true, bytes: Buffer.of(9, 8) } },
      { sid: 2, dma: { iova, write: true } },
    );
    const request = { ssid: null, priv: false, exec: false, write: false, iova: 0xffff_0000_1000n };
    expect(done).toEqual([
      { ...request, sid: 0x1234, length: 2 },
      { ...request, sid: 1, ssid: 5, priv: true, write: true, length: 2, data: Uint8Array.of(9, 8) },
      { ...request, sid: 2, write: true, length: 0, data: new Uint8Array() },
    ]);
    expect(outcomes.map(({ dma }) => [dma!.ok, dma!.stalled, dma!.data.toString("hex"), dma!.pa.toString("hex")])).toEqual([
      [true, false, "0102", ""],
      [false, true, "", ""],
      [true, false, "", "0010000000000f00"],
    ]);
  });

  it("names what is wrong, and has then done nothing", async () => {
    done.length = 0;
    const good = { sid: 1, dma: { iova, length: 1 } };
    await expect(act(good, { sid: 1 })).rejects.toThrow(/INVALID_ARGUMENT: actions\[1\]\.action: must be dma/);
    await expect(act(good, { sid: 1, dma: { iova: iova.subarray(1), length: 1 } })).rejects.toThrow(/actions\[1\]\.dma\.iova: must be 8/);
    await expect(act({ sid: 1, dma: { iova, hasPasid: true, pasid: 2 ** 20 } })).rejects.toThrow(/actions\[0\]\.dma\.pasid: must be below/);
    await expect(act({ sid: 1, dma: { iova, length: 2 ** 27 } })).rejects.toThrow(/actions\[0\]\.dma\.length: must be at most/);
    await expect(read("0010", 1)).rejects.toThrow(/INVALID_ARGUMENT: address: must be 8/);
    expect(done).toEqual([]);
  });

  it("reads memory, or says that it is none", async () => {
    expect((await read("0010000000000000", 3)).data).toEqual(Buffer.of(7, 7, 7));
    expect((await read("0020000000000000", 3)).ok).toBe(false);
  });

  it("powers the machine on again", async () => {
    done.length = 0;
    await new Promise<void>((resolve, reject) => client.Reset({}, (error: ServiceError | null) => (error ? reject(error) : resolve())));
    expect(done).toEqual(["reset"]);
  });
});

describe("a zero-length request (PCIe 2.2.5)", () => {
  const request: DmaRequest = { sid: 8, ssid: 3, priv: false, exec: true, write: true, iova: 0x1000n, length: 0 };
  const answered = (result: object | string) => dmaOn({ dma: () => ({ ok: false }), smmu: { transact: () => result } }, request);

  it("is translated as what it is, and moves nothing", () => {
    const asked: object[] = [];
    const smmu = {
      transact(t: object) {
        asked.push(t);
        return { pa: 0x5000 };
      },
    };
    expect(dmaOn({ dma: () => ({ ok: false }), smmu }, request)).toEqual({ ok: true, pa: 0x5000 });
    expect(asked).toEqual([{ sid: 8, ssid: 3, translated: false, address: 0x1000n, write: true, priv: false, exec: false }]);
  });
  it("ends as the transaction ends", () => {
    expect(["abort", "raz-wi", "stalled"].map(answered)).toEqual([{ ok: false }, { ok: true }, { ok: false, stalled: true }]);
  });
});
