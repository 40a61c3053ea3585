import { readFileSync } from "node:fs";
import { vfioEdge } from "@faultline/shared/edge/definitions.ts";
import type { Transport } from "@faultline/shared/edge/transport.ts";
import { parseMachine } from "@faultline/shared/machine/parse-machine.ts";
import { dialEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { afterAll, describe, expect, it } from "vitest";
import { type Body, hello, RawPeer } from "../support/raw-peer.ts";
import { ServiceProcesses } from "../support/service-process.ts";
import { eventually } from "../support/stack.ts";

const file = new URL("../../services/lab/machines/two-vms.yaml", import.meta.url).pathname;
const machine = parseMachine(readFileSync(file, "utf8"), file);
const KVM_CREATE_VM = 0xae01;

describe("a host without a free frame", () => {
  const processes = new ServiceProcesses();
  afterAll(() => processes.close());

  it("answers the VMM that took them with -ENOMEM, refuses the next VMM's hello, and takes it when the first is gone", async () => {
    const smmu = processes.start("smmu", "--machine", file);
    const host = processes.start("host", "--machine", file);
    await Promise.all([processes.ready(smmu), processes.ready(host)]);
    const connect = async (name: string): Promise<RawPeer> => {
      const peer = new RawPeer((await dialEdge(host.address, vfioEdge as never)) as Transport<Body, Body>);
      peer.send(hello(machine, vfioEdge.protocol, name));
      return peer;
    };
    const first = await connect("vmm0");
    // Ever smaller mappings until not even a page is left.
    for (let length = machine.dram.size; length >= 4096; ) {
      const { ret } = (await first.ask({ kind: "mmap", fd: -1, offset: 0, length })) as unknown as { ret: number };
      expect([0, -12]).toContain(ret);
      if (ret < 0) length /= 2;
    }
    const kvm = (await first.ask({ kind: "open", path: "/dev/kvm" })) as unknown as { ret: number };
    const createVm = { kind: "ioctl", fd: kvm.ret, cmd: KVM_CREATE_VM, arg: new Uint8Array(0) };
    await first.ask(createVm); // a page table of the last mapping may have left this frame
    const second = await connect("vmm1");
    expect(await second.ask({ kind: "open", path: "eventfd" })).toMatchObject({ kind: "ended" });
    expect(host.stderr()).not.toContain("a bug of ours");
    expect(host.child.exitCode).toBe(null);
    first.close();
    await eventually(async () => {
      const again = await connect("vmm1");
      const { kind } = await again.ask({ kind: "open", path: "eventfd" });
      again.close();
      return kind === "openResult" || null;
    });
  }, 60_000);
});
