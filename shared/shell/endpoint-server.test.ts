import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, credentials, makeGenericClientConstructor, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DoReply__Output } from "../gen/types/lab/v1/DoReply.ts";
import type { DoRequest } from "../gen/types/lab/v1/DoRequest.ts";
import type { EndpointClient } from "../gen/types/lab/v1/Endpoint.ts";
import type { ReadMemoryReply__Output } from "../gen/types/lab/v1/ReadMemoryReply.ts";
import type { Action, Outcome } from "./endpoint-actions.ts";
import { actionToWire, outcomeFromWire } from "./endpoint-messages.ts";
import { type DmaRequest, dmaOn, endpointService, serveEndpoint } from "./endpoint-server.ts";

const iova = Buffer.from("00100000ffff0000", "hex");

describe("lab/v1 Endpoint (interfaces.md, section 6)", () => {
  const folder = mkdtempSync(join(tmpdir(), "endpoint-"));
  const address = `unix:${folder}/smmu.sock`;
  const done: (object | "reset")[] = [];
  let answer: Outcome | null = null;
  const server = new Server();
  let client: Client & EndpointClient;
  const dma = (request: { length: number; write: boolean }): Outcome =>
    request.length === 0
      ? { kind: "dma", ok: true, pa: 0xf_0000_0000_1000 }
      : request.write
        ? { kind: "dma", ok: false, stalled: true }
        : { kind: "dma", ok: true, data: Uint8Array.of(1, 2) };
  beforeAll(async () => {
    serveEndpoint(server, {
      refused: (sid) => (sid === 0xbad ? "0b:15.5 is an accelerator" : null),
      perform(sid, action: Action) {
        done.push({ sid, ...action });
        return answer ?? (action.kind === "dma" ? dma(action) : { kind: "pageRequest", sent: 1, responses: [] });
      },
      reset: () => void done.push("reset"),
      readMemory: (at, length) => (at === 0x1000 ? new Uint8Array(length).fill(7) : null),
    });
    await new Promise<void>((resolve, reject) => server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())));
    const Constructor = makeGenericClientConstructor(endpointService() as never, "Endpoint");
    client = new Constructor(address, credentials.createInsecure()) as unknown as Client & EndpointClient;
  });
  afterAll(() => {
    client.close();
    server.forceShutdown();
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
    const request = { kind: "dma", ssid: null, priv: false, exec: false, write: false, iova: 0xffff_0000_1000n };
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

  it("takes every action of section 6 with its fields", async () => {
    done.length = 0;
    const address = Buffer.from("0030000000000000", "hex");
    const page = { hasPasid: true, pasid: 5, prgi: 511, last: true, read: true, address, waitMs: 9 };
    await act(
      { sid: 8, translate: { hasPasid: true, pasid: 5, exec: true, noWrite: true, address, count: 3 } },
      { sid: 8, translate: { address } },
      { sid: 8, translatedDma: { pa: address, length: 4 } },
      { sid: 8, pageRequest: page },
      { sid: 8, stopMarker: { pasid: 5 } },
      { sid: 8, completeInvalidation: { policy: "late", afterNs: 7e9 } },
      { sid: 8, completeInvalidation: { policy: "itag", itag: 31 } },
      { sid: 8, flood: { first: page, count: 12 } },
      { sid: 8, link: { up: true } },
      { sid: 8, flr: {} },
      { sid: 8, received: {} },
    );
    const prefix = { ssid: 5, priv: false, exec: false };
    const request = { ...prefix, prgi: 511, last: true, read: true, write: false, address: 0x3000n, waitMs: 9 };
    expect(done).toEqual(
      [
        { kind: "translate", ...prefix, exec: true, noWrite: true, address: 0x3000n, count: 3 },
        { kind: "translate", ...prefix, ssid: null, noWrite: false, address: 0x3000n, count: 1 },
        { kind: "translatedDma", pa: 0x3000n, write: false, length: 4 },
        { kind: "pageRequest", ...request },
        { kind: "stopMarker", ssid: 5 },
        { kind: "completeInvalidation", policy: "late", itag: 0, afterNs: 7e9 },
        { kind: "completeInvalidation", policy: "itag", itag: 31, afterNs: 0 },
        { kind: "flood", ...request, count: 12 },
        { kind: "link", up: true },
        { kind: "flr" },
        { kind: "received" },
      ].map((action) => ({ sid: 8, ...action })),
    );
  });

  const prefix = { ssid: 5, priv: true, exec: true };
  const ask = { ...prefix, prgi: 9, last: true, read: false, write: true, address: 0x7000n, waitMs: 3 };
  const actions: Action[] = [
    { kind: "dma", ...prefix, ssid: null, priv: false, exec: false, iova: 0x1000n, write: false, length: 7 },
    { kind: "dma", ...prefix, iova: (1n << 64n) - 8n, write: true, length: 2, data: Uint8Array.of(1, 2) },
    { kind: "translate", ...prefix, noWrite: true, address: 0x5000n, count: 4 },
    { kind: "translatedDma", pa: 0x4000_0000n, write: false, length: 4 },
    { kind: "pageRequest", ...ask },
    { kind: "pageRequest", ...ask, last: false, read: true, write: false },
    { kind: "stopMarker", ssid: 5 },
    { kind: "completeInvalidation", policy: "late", itag: 0, afterNs: 60e9 },
    { kind: "completeInvalidation", policy: "itag", itag: 31, afterNs: 0 },
    { kind: "flood", ...ask, count: 12 },
    { kind: "link", up: false },
    { kind: "flr" },
    { kind: "received" },
  ];
  it("a client's actions arrive as they were meant", async () => {
    done.length = 0;
    await act(...actions.map((action) => actionToWire(8, action)));
    expect(done).toEqual(actions.map((action) => ({ sid: 8, ...action })));
  });

  const state = { up: true, busMaster: true, pasidEnabled: true, atsEnabled: true, priEnabled: false, priStatus: ["stopped"], allocation: 32 };
  const responses = [
    { pasid: 5, prgi: 511, code: 15, expected: true },
    { pasid: null, prgi: 0, code: 0, expected: false },
  ];
  const entry = { address: 0x20_0000, sizeBytes: 0x20_0000, R: true, W: false, Exe: true, Priv: false, Global: false, N: true, U: false };
  const outcomes: Outcome[] = [
    { kind: "dma", ok: true, stalled: false, data: Uint8Array.of(3), status: "SC" },
    { kind: "translatedDma", ok: false, stalled: false, data: new Uint8Array(), status: "CA" },
    { kind: "translate", status: "UR", entries: [] },
    // PCIe 10.2.3.2: 2 MiB is S with bits 12 to 19 one; R, Exe, N are bits 0, 3, 10.
    { kind: "translate", status: "SC", entries: [{ ...entry, raw: 0x20_0000n | 0xff800n | 0x409n }] },
    { kind: "pageRequest", sent: 1, responses },
    { kind: "stopMarker", sent: 1, responses: [] },
    { kind: "flood", sent: 2, responses },
    { kind: "completeInvalidation", policy: "never", completed: false, outstanding: 2 },
    { kind: "link", state: { ...state, up: false } },
    { kind: "flr", state },
    { kind: "received", responses, invalidations: [{ pasid: 5, global: true, address: 0x1000n, sizeBytes: 2 ** 64, itag: 31 }], dropped: 1, state },
  ];
  it.each(outcomes.map((outcome, i) => [outcome.kind, i] as const))("the outcome of %s crosses with every field (%i)", async (_, i) => {
    answer = outcomes[i];
    const reply = await act({ sid: 8, flr: {} });
    answer = null;
    expect(outcomeFromWire(reply.outcomes[0])).toEqual(outcomes[i]);
  });

  const wrong: [what: string, action: NonNullable<DoRequest["actions"]>[number], RegExp][] = [
    ["a PASID of 21 bits", { stopMarker: { pasid: 2 ** 20 } }, /stopMarker\.pasid: must be below 2\^20/],
    ["a PRG index of 10 bits", { pageRequest: { address: iova, prgi: 512 } }, /pageRequest\.prgi: must be below 2\^9, got 512/],
    ["a short address", { translate: { address: Buffer.of(1) } }, /translate\.address: must be 8/],
    ["a policy that does not exist", { completeInvalidation: { policy: "soon" } }, /completeInvalidation\.policy: must be one of answer, never, late, itag/],
    ["an ITag of 6 bits", { completeInvalidation: { policy: "itag", itag: 32 } }, /completeInvalidation\.itag: must be below 32/],
    ["an empty flood", { flood: { first: { address: iova } } }, /flood\.count: must be at least 1/],
    ["a flood of nothing", { flood: { count: 1 } }, /flood\.first: is missing/],
    ["a wait of hours", { pageRequest: { address: iova, waitMs: 1e7 } }, /wait_ms: must be at most 60000/],
    ["no scripted endpoint", { sid: 0xbad, flr: {} }, /actions\[0\]\.sid: 0b:15\.5 is an accelerator/],
  ];
  it.each(wrong)("%s is INVALID_ARGUMENT", async (_, action, message) => {
    done.length = 0;
    await expect(act({ sid: 1, ...action })).rejects.toThrow(message);
    expect(done).toEqual([]);
  });

  it("names what is wrong, and has then done nothing", async () => {
    done.length = 0;
    const good = { sid: 1, dma: { iova, length: 1 } };
    await expect(act(good, { sid: 1 })).rejects.toThrow(/INVALID_ARGUMENT: actions\[1\]\.action: is missing/);
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
