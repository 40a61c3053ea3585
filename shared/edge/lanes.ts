import type { PostedWrite } from "./envelope.ts";
import type { HostToSmmu, SmmuToHost } from "./smmu.ts";
import { type HostToVmm, regionOfAddress, regionOfFileOffset, type VmmToHost } from "./vfio.ts";
import type { GuestToVmm, VmmToGuest } from "./virtio.ts";

/**
 * What a message may not overtake although the lab keeps it, or one before it, back: two messages of a direction that share a lane stay in order, because what they stand for does. Only
 * `reorder` says otherwise. No lanes: whoever sends it may just be late, and others pass.
 */
export type Lanes = readonly string[];

const NONE: Lanes = [];
const BUS: Lanes = ["bus"];

/**
 * A posted write passes none before it, and a read or a completion pushes all of them (PCIe 2.4.1): PROD never comes before the entries that it publishes. A wire that rises is no write: only
 * the bytes that come with it are.
 */
export function lanesOfSmmu(body: HostToSmmu | SmmuToHost, writes: readonly PostedWrite[]): Lanes {
  const isWire = body.kind === "interrupt" && body.source !== "MSI" && body.source !== "MEMORY";
  return isWire && writes.length === 0 ? NONE : BUS;
}

/**
 * Stores into one ring are seen in order, with its head last (spec/vfio-uapi.md, 5 and 6), what `pread` returns is as new as the stores before it, and so are signals of one eventfd. Other
 * system calls are those of threads, each as late as it is.
 */
export function lanesOfVfio(body: VmmToHost | HostToVmm, writes: readonly PostedWrite[]): Lanes {
  const ring = ({ fd, region }: { fd: number; region: number }) => `${fd}/${region}`;
  const stores = writes.length > 0 ? ["stores", ...writes.map(({ address }) => ring(regionOfAddress(address)))] : NONE;
  if (body.kind === "pwrite") return [ring({ fd: body.fd, ...regionOfFileOffset(body.offset) }), ...stores];
  if (body.kind === "preadResult") return ["stores"];
  return body.kind === "signal" ? [`signal ${body.fd}`, ...stores] : stores;
}

/** Buffers may be available and used in any order (virtio 2.7); accesses of a BAR are a vCPU's posted writes, and reads behind them. */
export function lanesOfVirtio(body: GuestToVmm | VmmToGuest): Lanes {
  return (body.kind === "pciWrite" || body.kind === "pciRead") && body.space !== "config" ? [`${body.bdf}/${body.space}`] : NONE;
}
