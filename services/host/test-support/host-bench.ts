import type { EdgePort, SendResult } from "@faultline/shared/edge/envelope.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { HeapCpuRootTable } from "@faultline/shared/physical-memory/cpu-roots.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { FakeSmmu } from "../../../test/support/fake-smmu.ts";
import { TaskExecution, turns } from "../../../test/support/task-execution.ts";
import { Host, type VmmAttachment } from "../core/host.ts";

/** The VMM's end: system calls one after the other, and what the host sends by itself. */
export class FakeVmm implements EdgePort<HostToVmm, VmmToHost> {
  readonly broken = false;
  readonly signals: number[] = [];
  posted: { address: number; data: Uint8Array }[] = [];
  attachment: VmmAttachment | null = null;
  #seq = 0;
  readonly #replies = new Map<number, HostToVmm>();

  send(body: HostToVmm): SendResult {
    if (body.kind === "signal") this.signals.push(body.fd);
    return "sent";
  }
  async request(): Promise<VmmToHost | "broken"> {
    throw new Error("the host asks the VMM nothing");
  }
  reply(seq: number, body: HostToVmm): void {
    this.#replies.set(seq, body);
  }
  post(address: number, data: Uint8Array): void {
    this.posted.push({ address, data: data.slice() });
  }
  async writable(): Promise<void> {}

  async call<K extends HostToVmm["kind"]>(body: VmmToHost, _kind: K): Promise<Extract<HostToVmm, { kind: K }>> {
    const seq = ++this.#seq;
    this.attachment?.deliver(seq, body);
    for (let i = 0; i < 4000 && !this.#replies.has(seq); i++) await turns(1);
    return this.#replies.get(seq) as Extract<HostToVmm, { kind: K }>;
  }
  async ioctl(fd: number, cmd: number, arg: Uint8Array = new Uint8Array(0)): Promise<{ ret: number; arg: Uint8Array }> {
    return this.call({ kind: "ioctl", fd, cmd, arg }, "ioctlResult");
  }
  async open(path: string): Promise<number> {
    return (await this.call({ kind: "open", path }, "openResult")).ret;
  }
}

/** Little-endian 4-byte words; a bigint takes eight bytes. */
export function words(...values: (number | bigint)[]): Uint8Array {
  return new Uint8Array(
    values.flatMap((value) => {
      const size = typeof value === "bigint" ? 8 : 4;
      return Array.from({ length: size }, (_, i) => Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * i)) & 0xffn));
    }),
  );
}
export const GPA = 0x80000000n;
export const RAM = 256 * 4096;
export const tableConfig = (mode: number, pasidBits: number): Uint8Array =>
  new Uint8Array([...words(40, 1, 32, 1), ...words(GPA + 0x10000n), ...words(1), pasidBits, mode, 0, 0, ...words(1), 1, 2, 0, 0]);

/** A host that booted, and what is at its two ends. `rangeInvalidation` false: an SMMU without IDR3.RIL. */
export async function bootHost(switches: readonly string[] = [], { rangeInvalidation = true } = {}) {
  const memory = heapMemory(0x40000000, 8 * 2 ** 20);
  const smmu = new FakeSmmu(memory);
  if (!rangeInvalidation) smmu.setRegister(0x00c, 0);
  const execution = new TaskExecution();
  const roots = new HeapCpuRootTable();
  const host = new Host(defaultMachine, { memory, smmu, execution, tracer: silentTracer, roots, switches: new Set(switches) });
  const ret = await host.boot();
  if (ret !== 0) throw new Error(`boot returned ${ret}`);
  const vmm = new FakeVmm();
  vmm.attachment = host.attachVmm(0, vmm);
  return { memory, smmu, execution, roots, host, vmm };
}

async function done(call: Promise<{ ret: number }>): Promise<void> {
  const { ret } = await call;
  if (ret !== 0) throw new Error(`a set-up call returned ${ret}`);
}

/** Set-up up to the open device: fds of container, group, device and the fault eventfd. */
export async function openDevice(vmm: FakeVmm): Promise<{ container: number; group: number; device: number; eventfd: number; hva: bigint }> {
  const hva = BigInt((await vmm.call({ kind: "mmap", fd: -1, offset: 0, length: RAM }, "mmapResult")).hva);
  const container = await vmm.open("/dev/vfio/vfio");
  const group = await vmm.open("/dev/vfio/0");
  await done(vmm.ioctl(group, 0x3b68, words(container)));
  await done(vmm.ioctl(container, 0x3b66, words(6)));
  await done(vmm.ioctl(container, 0x3b71, words(32, 3, hva, GPA, BigInt(RAM))));
  const device = (await vmm.ioctl(group, 0x3b6a, new TextEncoder().encode("0000:00:01.0\0"))).ret;
  const eventfd = await vmm.open("eventfd");
  await done(vmm.ioctl(device, 0x3b6e, words(24, 0x24, 5, 0, 1, eventfd)));
  return { container, group, device, eventfd, hva };
}

/** Page request of 00:01.0: PASID 5, group 3, write, last, at 0x7f0000001000. */
export const pageRequest = (pasid = 5, flags = 0xe0): Uint8Array => new Uint8Array([8, 0, 0, 0, pasid, 0, 0, flags, 3, 0x10, 0, 0, 0, 0x7f, 0, 0]);
