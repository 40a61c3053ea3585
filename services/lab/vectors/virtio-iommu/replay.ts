import { hex, hexBytes } from "@faultline/shared/codec/uint64.ts";
import { Stuck } from "../replay-machine.ts";
import { type Mismatch, stuckAt } from "../replay-vectors.ts";
import type { ReplayedVirtioIommu } from "./machine.ts";
import { type FaultReport, faultReport, type VirtioIommuFile, type VirtioIommuStep, type VirtioIommuVector } from "./vector-file.ts";

type Difference = Omit<Mismatch, "step"> | null;

const REASONS = ["UNKNOWN", "DOMAIN", "MAPPING"];
const REQUESTS = ["", "ATTACH", "DETACH", "MAP", "UNMAP", "PROBE"];

/** Replays one vector from a system reset. The first step that differs or does not end, or null. */
export async function replayVirtioIommu(machine: ReplayedVirtioIommu, vector: VirtioIommuVector, file: Pick<VirtioIommuFile, "ringFeatures">): Promise<Mismatch | null> {
  const steps: VirtioIommuStep[] = [{ op: "systemReset" }, ...vector.steps];
  for (const [index, what] of steps.entries()) {
    const step = Math.max(index - 1, 0);
    try {
      const difference = await replayStep(what, machine, file.ringFeatures);
      if (difference) return { step, ...difference };
    } catch (error) {
      if (!(error instanceof Stuck)) throw error;
      return stuckAt(step, error);
    }
  }
  return null;
}

async function replayStep(step: VirtioIommuStep, machine: ReplayedVirtioIommu, ringFeatures: bigint): Promise<Difference> {
  switch (step.op) {
    case "systemReset":
      await machine.systemReset();
      return null;
    case "reset":
      await machine.driver.reset();
      return null;
    case "features":
      // The edge is the virtqueue: what a ring offers is not the device's to accept.
      return compared("the feature negotiation", { featuresOk: step.featuresOk }, { featuresOk: await machine.driver.features(step.accept & ~ringFeatures) });
    case "request": {
      const written = await machine.driver.request(step.readable, step.writableLength, step.written !== null);
      return compared(requestText(step.readable), usedOf(step.written), usedOf(written));
    }
    case "readConfig":
      return compared(`configuration bytes at ${step.offset}`, hexBytes(step.expect), hexBytes(await machine.driver.readConfig(step.offset, step.length)));
    case "writeConfig": {
      const needsReset = await machine.driver.writeConfig(step.offset, step.bytes);
      return compared(`a write of configuration bytes at ${step.offset}`, { needsReset: step.needsReset }, { needsReset });
    }
    case "dma": {
      const { endpoint, iova, length, write } = step;
      const pa = machine.dma(endpoint, iova, length, write);
      const about = `${length} bytes ${write ? "written to" : "read from"} iova ${hex(iova)} by endpoint ${hex(endpoint)}`;
      return compared(about, { pa: addressText(step.pa) }, { pa: addressText(pa) });
    }
    case "expectFaults":
      return compareFaults(step.faults, await machine.faults());
  }
}

/** An address that a vector does not have is one that the device may leave out or not. */
function compareFaults(expected: readonly FaultReport[], reports: readonly Uint8Array[]): Difference {
  const actual = reports.map((bytes, index) => {
    const report = faultReport(bytes);
    return report ? faultText({ ...report, address: expected[index]?.address === null ? null : report.address }) : hexBytes(bytes);
  });
  return compared("fault reports", expected.map(faultText), actual);
}

function compared(about: string, expected: unknown, actual: unknown): Difference {
  return JSON.stringify(expected) === JSON.stringify(actual) ? null : { expected, actual, subject: { kind: "virtio-iommu", about } };
}

const usedOf = (written: Uint8Array | null) => ({ usedLength: written?.length ?? null, written: written && hexBytes(written) });
const addressText = (pa: bigint | null): string | null => (pa === null ? null : hex(pa));
const faultText = ({ reason, endpoint, address }: FaultReport) => ({
  reason: REASONS[reason] ?? reason,
  endpoint,
  ...(address === null ? {} : { address: hex(address) }),
});
const requestText = (readable: Uint8Array): string =>
  readable.length === 0 ? "a request without bytes" : `the request ${REQUESTS[readable[0]] || `of type ${readable[0]}`}`;
