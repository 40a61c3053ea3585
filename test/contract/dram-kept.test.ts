import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { upperEnd } from "@faultline/shared/edge/connect.ts";
import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { openMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";
import { machineDigest } from "@faultline/shared/shell/config.ts";
import { dialEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { loadMachine } from "@faultline/shared/shell/machine-file.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ServiceProcess, ServiceProcesses } from "../support/service-process.ts";

const ADDRESS = 0x4010_0000;
const CR0 = 0x0905_0020;
const ACK = 0x0905_0024;

/** A host that stores bytes with a register write and reads one back, so that both are done. */
async function store({ address }: ServiceProcess, machine: Machine, data: Uint8Array): Promise<void> {
  const edge = upperEnd(smmuEdge, await dialEdge(address, smmuEdge), {
    hello: {
      protocol: "smmu/v1",
      name: "host",
      machineDigest: machineDigest(machine),
      abi: machine.abi,
      memory: { backing: "mapped", path: "", bytes: machine.dram.size },
    },
    credits: machine.edgeCredits,
    lamport: { value: 0 },
    tracer: silentTracer,
    applyWrite: () => {},
    deliver: () => {},
    onBreak: () => {},
  });
  edge.post(ADDRESS, data);
  await edge.request({ kind: "mmioRead", address: ACK, size: 4 }); // hello is done
  edge.send({ kind: "mmioWrite", address: CR0, value: Uint8Array.of(8, 0, 0, 0) });
  await edge.request({ kind: "mmioRead", address: ACK, size: 4 });
  edge.close("done");
}

describe("the death of the smmu is a power loss (design.md, section 2)", () => {
  let folder: string;
  let processes: ServiceProcesses;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "fl-kept-"));
    processes = new ServiceProcesses();
  });
  afterEach(async () => {
    await processes.close();
    rmSync(folder, { recursive: true });
  });

  it.each([true, false])("dram.kept %s: a restart finds the memory as it was, or zeroed; the registers are at reset in both", async (kept) => {
    const file = join(folder, "machine.yaml");
    writeFileSync(file, `dram: { kept: ${kept} }\n`);
    const machine = loadMachine(file);
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const first = processes.start("smmu", "--machine", file);
    await processes.ready(first);
    await store(first, machine, data);
    expect([...openMappedMemory(processes.memory, machine.dram).ram.read(ADDRESS, 8)!]).toEqual([...data]);

    first.child.kill("SIGKILL");
    await first.code;
    rmSync(first.address.slice("unix:".length), { force: true });
    const second = processes.start("smmu", "--machine", file);
    await processes.ready(second);
    expect([...openMappedMemory(processes.memory, machine.dram).ram.read(ADDRESS, 8)!]).toEqual(kept ? [...data] : new Array(8).fill(0));
  });
});
