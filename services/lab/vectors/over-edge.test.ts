import type { Edge } from "@faultline/shared/edge/edge.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { describe, expect, it } from "vitest";
import type { EndpointClient } from "./endpoint-client.ts";
import { OverEdge } from "./over-edge.ts";
import { Stuck } from "./replay-machine.ts";

const RAM = { base: 0x4000_0000, size: 0x1000 };
const REGISTERS = 0x0905_0000;

/** The SMMU's end: registers by offset, and what this machine sent in order. `records` come up with the next answer. */
function peer(registers: Record<number, number> = {}) {
  const log: string[] = [];
  let posted: string[] = [];
  const up: { address: number; data: Uint8Array }[] = [];
  const edge = {
    post: (address: number, data: Uint8Array) => void posted.push(`store ${address.toString(16)} ${data.length}`),
    send(body: HostToSmmu) {
      log.push(...posted, `write ${((body as { address: number }).address - REGISTERS).toString(16)}`);
      posted = [];
      return "sent";
    },
    async request(body: HostToSmmu): Promise<SmmuToHost> {
      const offset = (body as { address: number }).address - REGISTERS;
      log.push(...posted, `read ${offset.toString(16)}`);
      posted = [];
      for (const { address, data } of up.splice(0)) machine.store(address, data);
      return { kind: "mmioReadResult", value: new Uint8Array(new Uint32Array([registers[offset] ?? 0]).buffer) };
    },
    async writable() {},
  };
  const endpoint = {
    async dma() {
      log.push("dma");
      up.push({ address: 0x4000_0100, data: new Uint8Array(32) });
      return [{ ok: false, stalled: false, data: new Uint8Array(), pa: null }];
    },
    async readMemory(address: number, length: number) {
      log.push(`look ${address.toString(16)}`);
      return new Uint8Array(length);
    },
    async reset() {
      log.push("reset");
    },
  };
  const machine = new OverEdge(edge as unknown as Edge<HostToSmmu, SmmuToHost>, endpoint as unknown as EndpointClient, RAM, 100);
  return { machine, log, edge };
}
const dma = { sid: 8, write: false, iova: 0n, length: 4, data: undefined };

describe("a machine over its edge (design.md, section 2: posted writes travel with the event that publishes them)", () => {
  it("memory and registers that were written are there before a DMA starts: a read pushes them", async () => {
    const { machine, log } = peer();
    await machine.writeMemory(0x4000_0000, new Uint8Array(8));
    await machine.write(0x80, 8, 0n);
    await machine.dma(dma);
    expect(log).toEqual(["store 40000000 8", "write 80", "read 20", "dma"]);
  });

  it("a record that a DMA caused is in memory before memory is looked at, and before a later store to the same place", async () => {
    const { machine, log } = peer();
    await machine.dma(dma);
    await machine.readMemory(0x4000_0100, 32);
    expect(log).toEqual(["dma", "read 20", "store 40000100 32", "read 20", "look 40000100"]);
    log.length = 0;
    await machine.dma(dma);
    await machine.writeMemory(0x4000_0100, new Uint8Array(4));
    await machine.reset();
    expect(log).toEqual(["dma", "read 20", "store 40000100 32", "read 20", "store 40000100 4", "read 20", "reset"]);
  });

  it("a store outside RAM is refused here, as nothing would answer there", async () => {
    const { machine, log } = peer();
    expect([await machine.writeMemory(0x4000_0ffc, new Uint8Array(8)), await machine.writeMemory(0x3fff_fffc, new Uint8Array(4))]).toEqual([false, false]);
    expect(log).toEqual([]);
  });

  it("a command queue that does not move is not waited for for ever", async () => {
    const { machine, log } = peer({ 4: 8 << 21, 32: 8, 144: 8, 152: 5, 156: 3 }); // CMDQS, CMDQEN, LOG2SIZE, PROD 5, CONS 3
    await machine.write(0x98, 4, 5n);
    expect(log.filter((line) => line === "read 9c").length).toBeLessThan(1000);
  });

  it("a command queue that an error stopped is idle", async () => {
    const { machine, log } = peer({ 4: 8 << 21, 32: 8, 96: 1, 144: 8, 152: 5, 156: 3 }); // GERROR.CMDQ_ERR
    await machine.write(0x98, 4, 5n);
    expect(log.filter((line) => line === "read 9c")).toHaveLength(1);
  });

  it("an answer that does not come is a mismatch of the step, not a wait", async () => {
    const { machine, edge } = peer();
    edge.request = () => new Promise(() => {});
    await expect(machine.read(0, 4)).rejects.toThrow(Stuck);
  });

  it("when the process is gone, what waits and what follows says why", async () => {
    const { machine, edge } = peer();
    edge.request = () => new Promise(() => {});
    const waiting = machine.read(0, 4);
    machine.lose(new Error("lost smmu (killed by SIGKILL)"));
    await expect(waiting).rejects.toThrow("killed by SIGKILL");
    await expect(machine.read(0, 4)).rejects.toThrow("killed by SIGKILL");
  });
});
