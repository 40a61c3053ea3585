import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { upperEnd } from "@faultline/shared/edge/connect.ts";
import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { machineDigest } from "@faultline/shared/shell/config.ts";
import { dialEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { points } from "@faultline/smmu/points.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServiceProcesses } from "../support/service-process.ts";

const ARMING_LAB = fileURLToPath(new URL("../support/arming-lab.ts", import.meta.url));
const REGISTERS = 0x0905_0000;
const RAM = defaultMachine.dram.base;
const word = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
/** Register offsets: Arm IHI 0070 G.b, 6.3. */
const [CR0, GERROR, GERRORN, CMDQ_BASE, CMDQ_PROD, CMDQ_CONS] = [0x20, 0x60, 0x64, 0x90, 0x98, 0x9c];
/** CMD_CFGI_STE_RANGE with Range 31: everything. 4.3.2 */
const CFGI_ALL = Uint8Array.of(0x04, 0, 0, 0, 0, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0);

describe("points and hardware faults armed over lab/v1, in a process (interfaces.md, section 8)", () => {
  const processes = new ServiceProcesses();
  let lab: LabClient;
  let address: string;
  let edge: Edge<HostToSmmu, SmmuToHost>;
  let prod = 0;
  beforeAll(async () => {
    const smmu = processes.start("smmu");
    await processes.ready(smmu);
    address = smmu.address;
    lab = new LabClient(address);
    edge = upperEnd(smmuEdge, await dialEdge(smmu.address, smmuEdge), {
      hello: {
        protocol: "smmu/v1",
        name: "host",
        machineDigest: machineDigest(defaultMachine),
        abi: "review",
        memory: { backing: "mapped", path: "", bytes: defaultMachine.dram.size },
      },
      credits: defaultMachine.edgeCredits,
      lamport: { value: 0 },
      tracer: silentTracer,
      applyWrite: () => {},
      deliver: () => {},
      onBreak: () => {},
      onRejected: () => {},
    });
    await read(CR0);
    edge.send({ kind: "mmioWrite", address: REGISTERS + CMDQ_BASE, value: new Uint8Array(BigUint64Array.of(BigInt(RAM) + 6n).buffer) });
    write(CR0, 8); // CMDQEN
  }, 20_000);
  afterAll(async () => {
    edge.close("done");
    lab.close();
    await processes.close();
  });

  const write = (offset: number, value: number) => edge.send({ kind: "mmioWrite", address: REGISTERS + offset, value: word(value) });
  async function read(offset: number): Promise<number> {
    const answer = await edge.request({ kind: "mmioRead", address: REGISTERS + offset, size: 4 });
    return answer !== "broken" && answer.kind === "mmioReadResult" ? new DataView(answer.value.buffer, answer.value.byteOffset).getUint32(0, true) : -1;
  }
  function command(): void {
    edge.post(RAM + (prod % 64) * 16, CFGI_ALL);
    prod++;
    write(CMDQ_PROD, prod);
  }
  const reached = async (id: string) => (await lab.points()).find((point) => point.id === id)?.reached;
  const BEFORE_COMMAND = "smmu.command-queue.before-command";
  const held: FaultRule = { id: "held", where: { point: BEFORE_COMMAND }, do: { action: "hold" } };

  it("lists the points of the service", async () => {
    expect((await lab.points()).map(({ id, kind }) => ({ id, kind }))).toEqual(points.map(({ id, kind }) => ({ id, kind })));
  });
  it("counts how often each was reached", async () => {
    await lab.arm([{ id: "all", where: { point: "*" }, do: { action: "count" } }]);
    command();
    command();
    await expect.poll(() => read(CMDQ_CONS)).toBe(prod);
    expect(await reached(BEFORE_COMMAND)).toBe(2);
  });
  it("holds the hardware at one until the release; other accesses go on", async () => {
    await lab.arm([held]);
    command();
    await expect.poll(() => lab.fired()).toEqual([{ id: "held", matches: 1, fired: 1 }]);
    expect(await read(CMDQ_CONS)).toBe(prod - 1);
    await lab.release("held");
    await expect.poll(() => read(CMDQ_CONS)).toBe(prod);
  });
  it("lets it go when the rules end", async () => {
    await lab.arm([held]);
    command();
    await expect.poll(async () => (await lab.fired())[0].fired).toBe(1);
    expect(await read(CMDQ_CONS)).toBe(prod - 1);
    await lab.arm([]);
    await expect.poll(() => read(CMDQ_CONS)).toBe(prod);
  });
  it("lets it go when the lab that armed it is killed: rules die with the run", async () => {
    const labProcess = spawn(process.execPath, [ARMING_LAB, address, JSON.stringify([held])], { stdio: ["ignore", "pipe", "inherit"] });
    await once(labProcess.stdout, "data");
    command();
    await expect.poll(() => lab.fired()).toEqual([{ id: "held", matches: 1, fired: 1 }]);
    expect(await read(CMDQ_CONS)).toBe(prod - 1);
    labProcess.kill("SIGKILL");
    await expect.poll(() => read(CMDQ_CONS)).toBe(prod);
    expect(await lab.fired()).toEqual([]);
  });
  it("keeps the rules of a run while another one's trace ends", async () => {
    const first = lab.trace(() => {}, ["lab.rule"], "first");
    const second = lab.trace(() => {}, ["lab.rule"], "second");
    await Promise.all([first.active, second.active]);
    await lab.arm([held], 1, "second");
    first();
    await first.ended;
    await lab.points(); // behind the end of the first, on the same connection
    expect((await lab.fired()).map(({ id }) => id)).toEqual(["held"]);
    second();
    await expect.poll(() => lab.fired()).toEqual([]);
  });
  it("lets it go at an event of the trace", async () => {
    await lab.arm([{ ...held, do: { action: "hold", until: "lab.heal" } }]);
    command();
    await expect.poll(async () => (await lab.fired())[0].fired).toBe(1);
    expect(await read(CMDQ_CONS)).toBe(prod - 1);
    await lab.mark("lab.heal", { withinNs: 1 });
    await expect.poll(() => read(CMDQ_CONS)).toBe(prod);
  });
  it("lets a fetch of the hardware abort", async () => {
    await lab.arm([{ id: "abort", where: { hardware: "smmu:cmdq" }, when: { times: 1 }, do: { action: "abort" } }]);
    command();
    await expect.poll(async () => (await read(GERROR)) & 1).toBe(1);
    expect((await read(CMDQ_CONS)) >>> 24).toBe(2); // CERROR_ABT
    write(GERRORN, 1);
    await expect.poll(async () => (await read(CMDQ_CONS)) & 0xfffff).toBe(prod);
  });
  it("refuses what cannot be by rule and field, and keeps what was armed", async () => {
    await lab.arm([{ id: "all", where: { point: "*" }, do: { action: "count" } }]);
    await expect(lab.arm([{ ...held, where: { point: "smmu.nowhere" } }])).rejects.toThrow("rule held: where.point smmu.nowhere is no point");
    await expect(lab.arm([{ ...held, when: { condition: "m.prod == 1" } }])).rejects.toThrow("rule held: when.condition");
    expect((await lab.fired()).map(({ id }) => id)).toEqual(["all"]);
  });
  it("takes rules of other services, which never match here", async () => {
    await lab.arm([
      { ...held, where: { point: "guest.iopf.before-handle" } },
      { id: "count", where: { point: "smmu.*" }, do: { action: "count" } },
    ]);
    command();
    await expect.poll(async () => (await read(CMDQ_CONS)) & 0xfffff).toBe(prod);
    await lab.arm([]);
  });
});
