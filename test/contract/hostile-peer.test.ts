import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import type { Transport } from "@faultline/shared/edge/transport.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { dial, dialEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { connectMethod } from "@faultline/shared/shell/protos.ts";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Body, hello, RawPeer } from "../support/raw-peer.ts";
import { type ServiceProcess, ServiceProcesses } from "../support/service-process.ts";

interface Case {
  edge: typeof smmuEdge | typeof vfioEdge | typeof virtioEdge;
  /** The service that serves it, and the name its peer must have. */
  served: "smmu" | "host" | "vmm";
  as: string;
  /** A message with one field that is not what the proto's rules say, and that field. */
  bad: [Body, string][];
  /** A request that works before and after, and its answer. */
  good: [Body, string];
}
const cases: Case[] = [
  {
    edge: smmuEdge,
    served: "smmu",
    as: "host",
    bad: [[{ kind: "mmioRead", address: 0x0905_0000, size: 3 }, "mmioRead.size"]],
    good: [{ kind: "mmioRead", address: 0x0905_0000, size: 4 }, "mmioReadResult"],
  },
  {
    edge: vfioEdge,
    served: "host",
    as: "vmm0",
    bad: [[{ kind: "pread", fd: 7, offset: 0, length: 2 ** 31 }, "pread.length"]],
    good: [{ kind: "open", path: "eventfd" }, "openResult"],
  },
  {
    edge: virtioEdge,
    served: "vmm",
    as: "guest0",
    bad: [[{ kind: "pciRead", bdf: 8, space: "config", offset: 0, size: 3 }, "pciRead.size"]],
    good: [{ kind: "getStatus" }, "status"],
  },
];

describe("what a peer may send and must not hurt anybody (interfaces.md, section 1)", () => {
  const processes = new ServiceProcesses();
  const services: Partial<Record<Case["served"], ServiceProcess>> = {};
  beforeAll(async () => {
    for (const kind of ["smmu", "host", "vmm"] as const) services[kind] = processes.start(kind);
    await Promise.all(Object.values(services).map((service) => processes.ready(service)));
  }, 30_000);
  afterAll(() => processes.close());

  /** The peer's place is free again once the service has cleaned up behind the last one. */
  async function peer({ edge, served, as, good }: Case): Promise<RawPeer> {
    for (;;) {
      const raw = new RawPeer((await dialEdge(services[served]!.address, edge as never)) as Transport<Body, Body>);
      raw.send(hello(defaultMachine, edge.protocol, as));
      if ((await raw.ask(good[0])).kind === good[1]) return raw;
      raw.close();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const ready = async (served: Case["served"]) => {
    const lab = new LabClient(services[served]!.address);
    try {
      return await lab.ready();
    } finally {
      lab.close();
    }
  };

  // The smmu's place is its host's, the host's its vmm's: so only the top of the chain has a free place for a peer of ours. Each service is tried once those above are gone.
  for (const one of [...cases].reverse()) {
    describe(`${one.edge.protocol}, as ${one.as}`, () => {
      beforeAll(async () => {
        const above = one.served === "vmm" ? null : services[one.served === "host" ? "vmm" : "host"]!;
        if (!above) return;
        above.child.kill("SIGKILL");
        await above.code;
      });

      it.each(one.bad)("%j is answered by rejected {field, reason} and changes nothing", async (body, field) => {
        const raw = await peer(one);
        expect(await raw.ask(body)).toMatchObject({ kind: "rejected", field: expect.stringContaining(field.split(".")[1]), reason: expect.any(String) });
        expect((await raw.ask(one.good[0])).kind).toBe(one.good[1]);
        raw.close();
      });

      it("a message without a body, a hello twice, and a reply to nothing are rejected too", async () => {
        const raw = await peer(one);
        expect((await raw.ask({ kind: "" })).kind).toBe("rejected");
        expect((await raw.ask(hello(defaultMachine, one.edge.protocol, one.as))).kind).toBe("rejected");
        expect((await raw.ask(one.good[0])).kind).toBe(one.good[1]);
        raw.close();
      });

      it("bytes that are no envelope end the stream; the service goes on and takes the next peer", async () => {
        const client = await dial(services[one.served]!.address);
        const { path } = connectMethod(one.edge.edge) as unknown as ServiceDefinition[string];
        const raw = (message: Buffer): Buffer => message;
        const call = client.makeBidiStreamRequest(path, raw, raw);
        call.on("data", () => {});
        call.on("error", () => {});
        const ended = new Promise<{ code: number }>((resolve) => call.on("status", resolve));
        call.write(Buffer.from("0affffffffffffffff0f", "hex"));
        expect((await ended).code).not.toBe(0);
        client.close();
        const next = await peer(one);
        expect((await next.ask(one.good[0])).kind).toBe(one.good[1]);
        next.close();
        expect(await ready(one.served)).toMatchObject({ service: one.served === "vmm" ? "vmm0" : one.served });
      });

      it("random bytes in every field of a valid frame never end the process", async () => {
        let seed = 1;
        const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
        for (let round = 0; round < 40; round++) {
          const raw = await peer(one);
          const kinds = Object.entries(one.edge.messages);
          const [kind, shape] = kinds[random(kinds.length)];
          const value = (type: unknown): unknown =>
            typeof type !== "string"
              ? "?"
              : {
                  uint: random(2 ** 31),
                  int: random(2 ** 31) - 2 ** 30,
                  bytes: Uint8Array.from({ length: random(80) }, () => random(256)),
                  string: "\u0000x".repeat(random(9)),
                  bool: true,
                  address: random(2 ** 31) * 2 ** 20,
                }[type];
          const body = { kind, ...Object.fromEntries(Object.entries(shape).map(([field, type]) => [field, value(type)])) };
          raw.send(body, [{ address: one.edge.edge === "vfio" ? 0 : random(2 ** 31) * 8, data: Uint8Array.from({ length: random(40) }, () => random(256)) }]);
          await raw.ask(one.good[0]); // or the stream has ended: either way the message was taken in
          raw.close();
        }
        expect(await ready(one.served)).toMatchObject({ pid: services[one.served]!.child.pid });
        expect(services[one.served]!.stderr()).not.toContain("a bug of ours");
      });
    });
  }
});
