import { existsSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { upperEnd } from "@faultline/shared/edge/connect.ts";
import { smmuEdge } from "@faultline/shared/edge/definitions.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { machineDigest } from "@faultline/shared/shell/config.ts";
import { dial, dialEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ServiceProcess, ServiceProcesses } from "../support/service-process.ts";

const bytes = (message: Buffer): Buffer => message;
const hello = {
  protocol: "smmu/v1",
  name: "host",
  machineDigest: machineDigest(defaultMachine),
  abi: "review",
  memory: { backing: "mapped", path: "", bytes: defaultMachine.dram.size },
};

/** A host that only asks: the end of an edge without a kernel. */
async function askingHost(address: string): Promise<{ edge: Edge<HostToSmmu, SmmuToHost>; broke: Promise<string> }> {
  let onBreak: (reason: string) => void = () => {};
  const broke = new Promise<string>((resolve) => (onBreak = resolve));
  const transport = await dialEdge(address, smmuEdge);
  const edge = upperEnd(smmuEdge, transport, {
    hello,
    credits: defaultMachine.edgeCredits,
    lamport: { value: 0 },
    tracer: silentTracer,
    applyWrite: () => {},
    deliver: () => {},
    onBreak,
    onRejected: () => {},
  });
  return { edge, broke };
}
/** A host comes, reads a register and goes; false when it was not let in. */
async function readsId(address: string): Promise<boolean> {
  const { edge, broke } = await askingHost(address);
  const answer = await edge.request({ kind: "mmioRead", address: 0x0905_0000, size: 4 });
  edge.close("done");
  await broke;
  return answer !== "broken";
}
/** One call with raw bytes; resolves with the status of its end. */
async function raw(address: string, path: string, message: Buffer): Promise<{ code: number; details: string; received: Buffer[] }> {
  const client = await dial(address);
  const call = client.makeBidiStreamRequest(path, bytes, bytes);
  const received: Buffer[] = [];
  call.on("data", (data: Buffer) => received.push(data));
  call.on("error", () => {});
  const ended = new Promise<{ code: number; details: string }>((resolve) => call.on("status", resolve));
  call.write(message);
  call.end();
  const { code, details } = await ended;
  client.close();
  return { code, details, received };
}

describe("a service beside its edges", () => {
  const processes = new ServiceProcesses();
  let smmu: ServiceProcess;
  let lab: LabClient;
  beforeAll(async () => {
    smmu = processes.start("smmu");
    expect(await processes.ready(smmu)).toBe('{"ready":true}');
    lab = new LabClient(smmu.address);
  }, 20_000);
  afterAll(async () => {
    lab.close();
    await processes.close();
  });

  it("says that it is ready, and which process it is", async () => {
    expect(await lab.ready()).toEqual({ service: "smmu", pid: smmu.child.pid });
  });

  it("answers health checks, and reflection lists its edge, lab/v1 and their descriptors", async () => {
    const health = await raw(smmu.address, "/grpc.health.v1.Health/Check", Buffer.alloc(0));
    expect([...health.received[0]]).toEqual([8, 1]); // status = SERVING
    const list = await raw(smmu.address, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Buffer.from([0x3a, 1, 0x2a])); // list_services = "*"
    for (const name of ["smmu.v1.Smmu", "lab.v1.Lab"]) expect(list.received[0].includes(name)).toBe(true);
    const symbol = "smmu.v1.Envelope";
    const described = await raw(
      smmu.address,
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      Buffer.concat([Buffer.from([0x22, symbol.length]), Buffer.from(symbol)]),
    );
    expect(described.received[0].includes("cmdq_cons")).toBe(true);
  });

  it("refuses rules that are wrong by name, and arms none of them", async () => {
    await expect(lab.arm([{ id: "typo", direction: "smmu->host", what: "priq-recrod", do: "drop" }])).rejects.toThrow(/rule typo: where.what priq-recrod/);
    await lab.arm([]);
  });

  it("that is no guest runs no workload", async () => {
    await expect(lab.runWorkload([], { operation: "copy", file: "x", pagesPerGroup: 1, jobTimeoutNs: 1e9 })).rejects.toThrow(/smmu runs no workloads/);
  });

  it("bytes that are no envelope end the stream; the service and its next host go on", async () => {
    const { code } = await raw(smmu.address, "/smmu.v1.Smmu/Connect", Buffer.from("ffffffffffffffff", "hex"));
    expect(code).not.toBe(0);
    const { edge, broke } = await askingHost(smmu.address);
    expect(await edge.request({ kind: "mmioRead", address: 0x0905_0000, size: 4 })).toMatchObject({ kind: "mmioReadResult" });
    edge.close("done");
    await broke;
  });

  it("has one host at a time, and takes another when the first is gone", async () => {
    const first = await askingHost(smmu.address);
    await first.edge.request({ kind: "mmioRead", address: 0x0905_0000, size: 4 });
    const second = await askingHost(smmu.address);
    expect(await second.broke).toMatch(/a host is connected/);
    first.edge.close("done");
    await first.broke;
    await expect.poll(() => readsId(smmu.address)).toBe(true);
  });

  it("traces what a subscriber wants, in the run's order, up to a flush", async () => {
    const events: TraceEvent[] = [];
    const cancel = lab.trace((event) => void events.push(event), ["edge.send", "edge.deliver"]);
    await cancel.active;
    await expect
      .poll(async () => {
        const { edge } = await askingHost(smmu.address);
        const answer = await edge.request({ kind: "mmioRead", address: 0x0905_0000, size: 4 });
        edge.close("done");
        return answer !== "broken";
      })
      .toBe(true);
    await lab.flush();
    expect(events.map(({ kind, who, fields }) => [who, kind, fields.direction, fields.kind]).slice(-2)).toEqual([
      ["smmu", "edge.deliver", "host->smmu", "mmioRead"],
      ["smmu", "edge.send", "smmu->host", "mmioReadResult"],
    ]);
    expect(events.at(-1)!.n).toBeGreaterThan(events.at(-2)!.n);
    cancel();
  });

  it("ends with code 0 when it is asked to, and removes socket and memory file", async () => {
    await lab.stop();
    expect(await smmu.code).toBe(0);
    expect(smmu.stderr()).toBe("");
    expect(existsSync(processes.memory)).toBe(false);
    expect(existsSync(smmu.address.slice("unix:".length))).toBe(false);
  });
});

describe("reflection", () => {
  const processes = new ServiceProcesses();
  const kinds = ["smmu", "host", "vmm", "guest"] as const;
  const services: ServiceProcess[] = [];
  beforeAll(async () => {
    services.push(...kinds.map((kind) => processes.start(kind)));
    await Promise.all(services.map((service) => processes.ready(service)));
  }, 30_000);
  afterAll(() => processes.close());
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

  it.each([
    [0, ["smmu.v1.Smmu", "lab.v1.Lab"], ["smmu.v1.Envelope", "lab.v1.StateRequest"]],
    [1, ["vfio.v1.Vfio", "lab.v1.Lab"], ["vfio.v1.Ioctl", "lab.v1.Rule"]],
    [2, ["virtio.v1.Virtio", "lab.v1.Lab"], ["virtio.v1.Available", "lab.v1.Workload"]],
    [3, ["lab.v1.Lab"], ["lab.v1.RunWorkloadRequest"]],
  ] as const)("of service %i lists what it serves and describes its messages, so grpcurl works", async (i, names, symbols) => {
    const list = await raw(services[i].address, path, Buffer.from([0x3a, 1, 0x2a]));
    for (const name of names) expect(list.received[0].includes(name)).toBe(true);
    for (const symbol of symbols) {
      const described = await raw(services[i].address, path, Buffer.concat([Buffer.from([0x22, symbol.length]), Buffer.from(symbol)]));
      expect(described.received[0].includes(symbol.split(".").at(-1)!)).toBe(true);
      expect(described.received[0].length).toBeGreaterThan(200); // a file descriptor, not an error
    }
  });
});

describe("a service that cannot start", () => {
  const processes = new ServiceProcesses();
  afterAll(() => processes.close());
  const cases: [string, string[], number, RegExp][] = [
    ["a flag that it does not know", ["--frobnicate"], 2, /^smmu: .*frobnicate/],
    ["a memory file that does not fit", ["--memory", "/dev/shm/faultline-test-none/none"], 3, /cannot open the memory file/],
  ];
  for (const [what, flags, code, message] of cases) {
    it(`${what}: one line and code ${code}`, async () => {
      const service = processes.start("smmu", ...flags);
      expect(await service.code).toBe(code);
      expect(service.stderr().trimEnd().split("\n")).toHaveLength(1);
      expect(service.stderr()).toMatch(message);
    });
  }

  it("a port in use is named, with code 3", async () => {
    const taken: Server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    const service = processes.start("smmu", "--listen", `127.0.0.1:${port}`);
    expect(await service.code).toBe(3);
    expect(service.stderr()).toContain(`cannot serve 127.0.0.1:${port}`);
    taken.close();
  });

  it("ends when the supervisor's pipe closes", async () => {
    const service = processes.start("smmu");
    await processes.ready(service);
    service.child.stdin!.end();
    expect(await service.code).toBe(0);
  });
});

describe("a host whose hardware dies", () => {
  it("names the edge and ends with code 3", async () => {
    const processes = new ServiceProcesses();
    try {
      const smmu = processes.start("smmu");
      const host = processes.start("host");
      await Promise.all([processes.ready(smmu), processes.ready(host)]);
      smmu.child.kill("SIGKILL");
      expect(await host.code).toBe(3);
      expect(host.stderr()).toMatch(/^host: edge smmu\/v1 to smmu broke/);
    } finally {
      await processes.close();
    }
  });
});
