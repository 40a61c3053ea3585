import { hex } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import { type HostToVmm, regionOfAddress, regionOfFileOffset, type VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { EBADF, EBUSY, EINVAL, EMFILE, ENODEV, ENOENT, ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import { KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION } from "@faultline/shared/linux-uapi/kvm.ts";
import { vfioCommandNames } from "@faultline/shared/linux-uapi/vfio.ts";
import type { CpuRootTable } from "@faultline/shared/physical-memory/cpu-roots.ts";
import type { ArmSmmu } from "./arm-smmu-v3/arm-smmu-v3.ts";
import { KvmVm } from "./kvm/memory-slot.ts";
import { AddressSpace } from "./mm/address-space.ts";
import { type IoctlResult, result } from "./vfio/argument.ts";
import { type DomainIds, VfioContainer } from "./vfio/container.ts";
import { VfioDevice } from "./vfio/device.ts";
import type { GroupOwner, VfioGroup } from "./vfio/group.ts";

/** RLIMIT_NOFILE of the process: the soft limit of a Linux process. */
const MAX_FDS = 1024;
const FIRST_FD = 3;
const commandNames: Record<number, string> = { ...vfioCommandNames, [KVM_CREATE_VM]: "KVM_CREATE_VM", [KVM_SET_USER_MEMORY_REGION]: "KVM_SET_USER_MEMORY_REGION" };

export type OpenFile =
  | { kind: "eventfd" }
  | { kind: "kvm" }
  | { kind: "vm"; vm: KvmVm }
  | { kind: "container"; container: VfioContainer }
  | { kind: "group"; group: VfioGroup }
  | { kind: "device"; device: VfioDevice };

export interface ProcessPorts {
  smmu: ArmSmmu;
  roots: CpuRootTable;
  groups: readonly VfioGroup[];
  domainIds: DomainIds;
}

/** A VMM as the host kernel has it: file descriptors and an address space. System calls of different threads run side by side. */
export class VmmProcess implements GroupOwner {
  readonly vm: number;
  readonly #ports: ProcessPorts;
  readonly #edge: EdgePort<HostToVmm, VmmToHost>;
  readonly #mm: AddressSpace;
  readonly #files = new Map<number, OpenFile>();
  readonly #calls = new Set<Promise<HostToVmm>>();
  #exited = false;

  constructor(vm: number, ports: ProcessPorts, edge: EdgePort<HostToVmm, VmmToHost>) {
    this.vm = vm;
    this.#ports = ports;
    this.#edge = edge;
    const { memory, frames } = ports.smmu.ports;
    this.#mm = new AddressSpace(memory, frames);
    ports.roots.set(vm, { ttbr0: this.#mm.table.root, vttbr: 0, vtcr: 0 });
  }

  get fds(): number {
    return this.#files.size;
  }
  /** For live state. */
  openFiles(): [fd: number, file: OpenFile][] {
    return [...this.#files].sort(([a], [b]) => a - b);
  }

  /** One system call; its reply goes out when it returns. */
  async systemCall(seq: number, body: VmmToHost): Promise<void> {
    const call = this.#call(body);
    this.#calls.add(call);
    try {
      const reply = await call;
      if (!this.#exited) this.#edge.reply(seq, reply);
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Stores of the VMM into mapped rings, which came with its message. */
  applyWrite(address: number, data: Uint8Array): void {
    const { fd, region, offset } = regionOfAddress(address);
    const file = this.#files.get(fd);
    if (file?.kind === "device") file.device.applyStore(region, offset, data);
  }

  container(fd: number): VfioContainer | null {
    const file = this.#files.get(fd);
    return file?.kind === "container" ? file.container : null;
  }

  async openDevice(group: VfioGroup): Promise<number> {
    if (group.deviceOpen) return -EBUSY;
    return this.#install(async (fd) => {
      const device = await VfioDevice.open(
        { smmu: this.#ports.smmu, vmm: this.#edge, isEventfd: (other) => this.#files.get(other)?.kind === "eventfd", signal: (eventfd) => this.#signal(eventfd) },
        group,
        fd,
      );
      return typeof device === "number" ? device : { kind: "device", device };
    });
  }

  /** An MSI of an assigned function. */
  msi(sid: number, vector: number): void {
    for (const file of this.#files.values()) if (file.kind === "device" && file.device.group.device.master.sid === sid) file.device.irqs.msi(vector);
  }

  /** vfio_pci_remove: the function is gone, and its user is asked to close it. */
  removed(sid: number): void {
    for (const file of this.#files.values()) if (file.kind === "device" && file.device.group.device.master.sid === sid) file.device.irqs.request();
  }

  /** The process died: design.md, section 2, "what a death means". Every count is back where it was before it started. */
  async exit(): Promise<void> {
    this.#exited = true;
    if (!this.#ports.smmu.ports.switches.has("M-wait-for-calls")) await Promise.all(this.#calls); // a file is released when the last call on it has returned
    const { execution } = this.#ports.smmu.ports;
    const devices = this.#of("device").map((file) => file.device);
    const containers = this.#of("container").map((file) => file.container);
    for (const device of devices) await device.clearMaster();
    for (const container of containers) if (container.iommu?.domain.nesting) await container.iommu.domain.setStage1({ kind: "bypass" });
    await execution.point("host.release.before-unmap", { vm: this.vm });
    for (const container of containers) await container.iommu?.unmapAll();
    for (const fd of [...this.#files.keys()].sort((a, b) => rank(this.#files.get(a)) - rank(this.#files.get(b)))) await this.#close(fd);
    this.#ports.roots.set(this.vm, { ttbr0: 0, vttbr: 0, vtcr: 0 });
    this.#mm.exit();
  }

  #of<K extends OpenFile["kind"]>(kind: K): Extract<OpenFile, { kind: K }>[] {
    return [...this.#files.values()].filter((file): file is Extract<OpenFile, { kind: K }> => file.kind === kind);
  }

  #signal(fd: number): void {
    const send = (): boolean => this.#edge.send({ kind: "signal", fd, value: 1 }) !== "full";
    if (send() || this.#ports.smmu.ports.switches.has("M-room-for-signals")) return;
    this.#ports.smmu.ports.execution.spawn("eventfd_signal", async () => {
      do await this.#edge.writable();
      while (!send());
    });
  }

  async #call(body: VmmToHost): Promise<HostToVmm> {
    switch (body.kind) {
      case "open":
        return { kind: "openResult", ret: await this.#open(body.path) };
      case "close":
        return { kind: "closeResult", ret: await this.#close(body.fd) };
      case "mmap":
        return this.#mmap(body.fd, body.offset, body.length);
      case "ioctl": {
        const { ret, arg } = await this.#ioctl(body.fd, body.cmd, body.arg);
        this.#ports.smmu.ports.tracer.emit("host.ioctl", { fd: body.fd, vm: String(this.vm) }, { name: commandNames[body.cmd] ?? hex(body.cmd), ret });
        return { kind: "ioctlResult", ret, arg };
      }
      case "pread": {
        const file = this.#files.get(body.fd);
        const { region, offset } = regionOfFileOffset(body.offset);
        const data = file?.kind === "device" ? await file.device.pread(region, offset, body.length) : file ? -EINVAL : -EBADF;
        return typeof data === "number" ? { kind: "preadResult", ret: data, data: new Uint8Array(0) } : { kind: "preadResult", ret: data.length, data };
      }
      case "pwrite": {
        const file = this.#files.get(body.fd);
        const { region, offset } = regionOfFileOffset(body.offset);
        return { kind: "pwriteResult", ret: file?.kind === "device" ? await file.device.pwrite(region, offset, body.data) : file ? -EINVAL : -EBADF };
      }
    }
  }

  async #open(path: string): Promise<number> {
    const { smmu, groups, domainIds } = this.#ports;
    if (path === "eventfd") return this.#install(() => ({ kind: "eventfd" }));
    if (path === "/dev/kvm") return this.#install(() => ({ kind: "kvm" }));
    if (path === "/dev/vfio/vfio") return this.#install(() => ({ kind: "container", container: new VfioContainer(this.vm, smmu, this.#mm, domainIds) }));
    const group = groups.find((candidate) => path === `/dev/vfio/${candidate.number}`);
    if (!group) return -ENOENT;
    if (group.owner) return -EBUSY;
    return this.#install(() => {
      group.owner = this;
      return { kind: "group", group };
    });
  }

  /** The lowest free fd; -EMFILE. */
  async #install(make: (fd: number) => OpenFile | number | Promise<OpenFile | number>): Promise<number> {
    let fd = FIRST_FD;
    while (this.#files.has(fd)) fd++;
    if (fd >= MAX_FDS) return -EMFILE;
    this.#files.set(fd, { kind: "eventfd" }); // reserved while the open sleeps
    const file = await make(fd);
    if (typeof file === "number") {
      this.#files.delete(fd);
      return file;
    }
    this.#files.set(fd, file);
    return fd;
  }

  async #ioctl(fd: number, cmd: number, arg: Uint8Array): Promise<IoctlResult> {
    const file = this.#files.get(fd);
    switch (file?.kind) {
      case undefined:
        return result(-EBADF, arg);
      case "container":
        return file.container.ioctl(cmd, arg);
      case "group":
        return file.group.ioctl(cmd, arg);
      case "device":
        return file.device.ioctl(cmd, arg);
      case "vm":
        return file.vm.ioctl(cmd, arg);
      case "kvm": {
        if (cmd !== KVM_CREATE_VM) return result(-ENOTTY, arg);
        if (this.#of("vm").length > 0) return result(-EBUSY, arg); // the header has one VTTBR per VMM
        const { memory, frames } = this.#ports.smmu.ports;
        const createVm = (): OpenFile | number => {
          const vm = KvmVm.create(this.vm, memory, frames, this.#mm, this.#ports.roots);
          return typeof vm === "number" ? vm : { kind: "vm", vm };
        };
        return result(await this.#install(createVm), arg);
      }
      default:
        return result(-ENOTTY, arg);
    }
  }

  #mmap(fd: number, offset: number, length: number): HostToVmm {
    if (fd === -1) {
      const hva = this.#mm.mmapAnonymous(length);
      return { kind: "mmapResult", ret: Math.min(hva, 0), hva: Math.max(hva, 0) };
    }
    const file = this.#files.get(fd);
    const { region, offset: position } = regionOfFileOffset(offset);
    const ret = file?.kind === "device" ? file.device.checkMmap(region, position, length) : file ? -ENODEV : -EBADF;
    return { kind: "mmapResult", ret, hva: ret === 0 ? this.#mm.reserve(length) : 0 };
  }

  async #close(fd: number): Promise<number> {
    const file = this.#files.get(fd);
    if (!file) return -EBADF;
    if (file.kind === "device") await file.device.close();
    if (file.kind === "group") await this.#closeGroup(file.group);
    if (file.kind === "container") for (const group of [...file.container.groups]) await file.container.removeGroup(group);
    if (file.kind === "vm") file.vm.destroy();
    this.#files.delete(fd);
    return 0;
  }

  async #closeGroup(group: VfioGroup): Promise<void> {
    await group.container?.removeGroup(group);
    group.owner = null;
  }
}

/** Release order of a dead process: devices, groups, containers, the rest. */
function rank(file: OpenFile | undefined): number {
  const order: OpenFile["kind"][] = ["device", "group", "container", "vm", "kvm", "eventfd"];
  return file ? order.indexOf(file.kind) : order.length;
}
