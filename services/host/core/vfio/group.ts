import { numberOf } from "@faultline/shared/codec/uint64.ts";
import { EBUSY, EFAULT, EINVAL, ENODEV, ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import {
  VFIO_GROUP_FLAGS_CONTAINER_SET,
  VFIO_GROUP_FLAGS_VIABLE,
  VFIO_GROUP_GET_DEVICE_FD,
  VFIO_GROUP_GET_STATUS,
  VFIO_GROUP_SET_CONTAINER,
  VFIO_GROUP_UNSET_CONTAINER,
  vfio_group_status,
} from "@faultline/shared/linux-uapi/vfio.ts";
import type { DomainDevice } from "../iommu/domain.ts";
import { copyToUser, type IoctlResult, result, vfioArgument } from "./argument.ts";
import type { VfioContainer } from "./container.ts";

/** What a group needs of the process that opened it. */
export interface GroupOwner {
  container(fd: number): VfioContainer | null;
  /** Opens the device and gives it an fd; -errno. */
  openDevice(group: VfioGroup): Promise<number>;
}

/** /dev/vfio/N: the IOMMU group of one function. */
export class VfioGroup {
  readonly number: number;
  readonly device: DomainDevice;
  container: VfioContainer | null = null;
  /** The process that holds the group's fd; a second open is -EBUSY. */
  owner: GroupOwner | null = null;
  deviceOpen = false;

  constructor(number: number, device: DomainDevice) {
    this.number = number;
    this.device = device;
  }

  async ioctl(cmd: number, arg: Uint8Array): Promise<IoctlResult> {
    switch (cmd) {
      case VFIO_GROUP_GET_STATUS: {
        const fields = vfioArgument(vfio_group_status, arg);
        if (typeof fields === "number") return result(fields, arg);
        const flags = VFIO_GROUP_FLAGS_VIABLE | (this.container ? VFIO_GROUP_FLAGS_CONTAINER_SET : 0);
        return result(0, copyToUser(arg, vfio_group_status.encode({ argsz: fields.argsz, flags })));
      }
      case VFIO_GROUP_SET_CONTAINER:
        return result(await this.#setContainer(arg), arg);
      case VFIO_GROUP_UNSET_CONTAINER: {
        if (!this.container) return result(-EINVAL, arg);
        if (this.deviceOpen) return result(-EBUSY, arg);
        await this.container.removeGroup(this);
        return result(0, arg);
      }
      case VFIO_GROUP_GET_DEVICE_FD:
        return result(await this.#getDeviceFd(arg), arg);
      default:
        return result(-ENOTTY, arg);
    }
  }

  async #setContainer(arg: Uint8Array): Promise<number> {
    if (arg.length < 4) return -EFAULT;
    if (this.container) return -EINVAL;
    const container = this.owner?.container(numberOf(arg.subarray(0, 4)));
    return container ? container.addGroup(this) : -EINVAL;
  }

  async #getDeviceFd(arg: Uint8Array): Promise<number> {
    if (!this.container?.iommu || !this.owner) return -EINVAL;
    const end = arg.indexOf(0);
    const name = String.fromCharCode(...arg.subarray(0, end < 0 ? arg.length : end));
    return name === this.device.pci.name ? this.owner.openDevice(this) : -ENODEV;
  }
}
