import type { VirtioIommuJson } from "@faultline/vmm/core/virtio-iommu/options.ts";
import type { Field } from "../field.ts";

export interface VirtioIommuFile {
  format: "virtio-iommu-vectors/1";
  config: VirtioIommuJson;
  /** Ring features that the recorded device offers: what the edge stands for in ours. */
  ringFeatures: bigint;
  endpoints: number[];
  /** Those that follow from the specification. */
  vectors: VirtioIommuVector[];
  /** Vectors that the document does not score: tag `qemu-specific`. */
  unscored: number;
}
export interface VirtioIommuVector {
  name: string;
  steps: VirtioIommuStep[];
}

/** A report of the event queue; `address` null: ADDRESS is clear. */
export interface FaultReport {
  reason: number;
  endpoint: number;
  address: bigint | null;
}

/** A step with its numbers and dumps decoded (vectors/virtio-iommu/README.md). */
export type VirtioIommuStep =
  | { op: "systemReset" }
  | { op: "reset" }
  | { op: "features"; accept: bigint; featuresOk: boolean }
  /** `written`: what the used length covers; null: the buffer does not come back. */
  | { op: "request"; readable: Uint8Array; writableLength: number; written: Uint8Array | null }
  | { op: "readConfig"; offset: number; length: number; expect: Uint8Array }
  | { op: "writeConfig"; offset: number; bytes: Uint8Array; needsReset: boolean }
  | { op: "dma"; endpoint: number; iova: bigint; length: number; write: boolean; pa: bigint | null }
  | { op: "expectFaults"; faults: FaultReport[] };

/** Feature bits by name (virtio 6, virtio-iommu.md 2). */
const FEATURES: Record<string, number> = {
  INPUT_RANGE: 0,
  DOMAIN_RANGE: 1,
  MAP_UNMAP: 2,
  BYPASS: 3,
  PROBE: 4,
  MMIO: 5,
  BYPASS_CONFIG: 6,
  RING_INDIRECT_DESC: 28,
  RING_EVENT_IDX: 29,
  VERSION_1: 32,
  ACCESS_PLATFORM: 33,
  RING_PACKED: 34,
  IN_ORDER: 35,
  ORDER_PLATFORM: 36,
  SR_IOV: 37,
  NOTIFICATION_DATA: 38,
  NOTIF_CONFIG_DATA: 39,
  RING_RESET: 40,
};
/** Those that speak of rings and transports. */
const isRingFeature = (bit: number): boolean => bit >= 24 && bit !== FEATURES.VERSION_1;

const MAX_TRANSFER = 2 ** 20;
/** One access to the configuration space. */
const MAX_CONFIG = 4096;
/** virtio_iommu_fault of the specification (virtio-iommu.md, 7.1). */
const REPORT_BYTES = 24;
const F_ADDRESS = 1 << 8;

/** A document of format virtio-iommu-vectors/1. Unknown keys are not looked at, nor the steps of vectors that are not scored. Throws `Malformed`. */
export function virtioIommuFile(document: Field): VirtioIommuFile {
  const config = document.at("config");
  const offered = config.optional("featuresOffered")?.items().map(featureBit) ?? [];
  const vectors = document.at("vectors").items();
  const scored = vectors.filter(
    (vector) =>
      !vector
        .optional("tags")
        ?.items()
        .some((tag) => tag.string() === "qemu-specific"),
  );
  return {
    format: "virtio-iommu-vectors/1",
    config: configOf(config),
    ringFeatures: word(offered.filter(isRingFeature)),
    endpoints: document
      .at("endpoints")
      .items()
      .map((id) => id.number(16)),
    vectors: scored.map((vector) => ({ name: vector.at("name").string(), steps: vector.at("steps").items().map(stepOf) })),
    unscored: vectors.length - scored.length,
  };
}

function configOf(config: Field): VirtioIommuJson {
  const mask = config.at("pageSizeMask").integer(64);
  if (mask === 0n) config.at("pageSizeMask").refuse("must have a bit set");
  return {
    pageSizeMask: text(mask),
    inputRange: rangeOf(config.at("inputRange"), (end) => text(end.integer(64))),
    domainRange: rangeOf(config.at("domainRange"), (end) => end.number(32)),
    reservedRegions: (config.optional("reservedRegions")?.items() ?? []).map((region) => ({
      subtype: region.at("subtype").number(8),
      start: text(region.at("start").integer(64)),
      end: text(region.at("end").integer(64)),
    })),
    bypass: config.at("bypass").boolean(),
  };
}

function rangeOf<End>(field: Field, end: (field: Field) => End): { start: End; end: End } {
  const ends = field.items();
  if (ends.length !== 2) field.refuse(`has ${ends.length} ends, a range two`);
  return { start: end(ends[0]), end: end(ends[1]) };
}

function stepOf(step: Field): VirtioIommuStep {
  const op = step.at("op");
  switch (op.value) {
    case "systemReset":
    case "reset":
      return { op: op.value };
    case "features":
      return { op: "features", accept: word(step.at("accept").items().map(featureBit)), featuresOk: step.at("expect").at("featuresOk").boolean() };
    case "request":
      return requestOf(step);
    case "config":
      return configStepOf(step);
    case "dma": {
      const length = step.at("length").number(32);
      if (length === 0 || length > MAX_TRANSFER) step.at("length").refuse(`must be from 1 to ${MAX_TRANSFER}`);
      const pa = step.at("expect").at("pa");
      return {
        op: "dma",
        endpoint: step.at("endpoint").number(16),
        iova: step.at("iova").integer(64),
        length,
        write: step.at("write").boolean(),
        pa: pa.value === null ? null : pa.integer(64),
      };
    }
    case "expectFaults":
      return {
        op: "expectFaults",
        faults: step
          .at("faults")
          .items()
          .map((fault) => reportOf(fault.at("bytes"))),
      };
    default:
      op.string();
      return op.refuse(`${JSON.stringify(op.value)} is no step: systemReset, reset, features, request, config, dma, expectFaults`);
  }
}

function requestOf(step: Field): VirtioIommuStep {
  const readable = step.at("bytes").dump();
  const writableLength = step.at("writableLength").number(32);
  if (writableLength > MAX_TRANSFER) step.at("writableLength").refuse(`must be at most ${MAX_TRANSFER}`);
  const expect = step.at("expect");
  const usedLength = expect.at("usedLength");
  if (usedLength.value === null) return { op: "request", readable, writableLength, written: null };
  const written = expect.at("written").dump();
  if (written.length !== usedLength.number(32)) expect.at("written").refuse(`has ${written.length} bytes, usedLength says ${usedLength.number(32)}`);
  return { op: "request", readable, writableLength, written };
}

function configStepOf(step: Field): VirtioIommuStep {
  const offset = step.at("offset").number(32);
  const bytes = step.optional("bytes")?.dump();
  if (bytes) return { op: "writeConfig", offset, bytes, needsReset: step.optional("expect")?.optional("needsReset")?.boolean() ?? false };
  const length = step.at("length").number(32);
  if (length > MAX_CONFIG) step.at("length").refuse(`must be at most ${MAX_CONFIG}`);
  return { op: "readConfig", offset, length, expect: step.at("expect").dump() };
}

function reportOf(field: Field): FaultReport {
  const bytes = field.dump();
  return faultReport(bytes) ?? field.refuse(`has ${bytes.length} bytes, a report ${REPORT_BYTES}`);
}

/** The fields of a report that a vector compares. Null: too short to be one. */
export function faultReport(bytes: Uint8Array): FaultReport | null {
  if (bytes.length < REPORT_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, REPORT_BYTES);
  return { reason: bytes[0], endpoint: view.getUint32(8, true), address: view.getUint32(4, true) & F_ADDRESS ? view.getBigUint64(16, true) : null };
}

function featureBit(field: Field): number {
  const name = field.string();
  return Object.hasOwn(FEATURES, name) ? FEATURES[name] : field.refuse(`${JSON.stringify(name)} is no feature of a virtio-iommu`);
}

const word = (bits: readonly number[]): bigint => bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
const text = (value: bigint): string => `0x${value.toString(16)}`;
