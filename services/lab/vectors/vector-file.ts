import { registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Field } from "./field.ts";
import { identityOfFile } from "./identity.ts";

export interface VectorFile {
  format: "smmu-vectors/1";
  /** ID registers by name. */
  profile: Record<string, number>;
  ram: { base: number; size: number };
  vectors: Vector[];
}
export interface Vector {
  name: string;
  steps: Step[];
}
export type DmaExpectation = { ok: boolean; data: Uint8Array | null };

/** A step with its numbers and dumps decoded. What it expects is what the architecture requires: `arch` where the file has it (vectors/smmu/README.md, quirks.json). */
export type Step =
  | { op: "reset" }
  | { op: "mem"; address: number; bytes: Uint8Array }
  | { op: "write"; offset: number; size: 4 | 8; value: bigint }
  | { op: "read"; offset: number; size: 4 | 8; expect: bigint; mask: bigint }
  | { op: "dma"; sid: number; write: boolean; iova: bigint; length: number; data: Uint8Array | undefined; expect: DmaExpectation }
  | { op: "expectMem"; address: number; bytes: Uint8Array }
  | { op: "expectEvents"; records: Uint8Array[]; mask: Uint8Array };

/** Bytes of an event record (Arm IHI 0070 G.b, 7.3). */
export const RECORD_BYTES = 32;
/** One DMA of a vector. */
const MAX_DMA = 2 ** 20;
const PROFILE = ["IDR0", "IDR1", "IDR3", "IDR5", "AIDR"] as const;

/** A document of format smmu-vectors/1. Unknown keys are not looked at. Throws `Malformed`. */
export function vectorFile(document: Field): VectorFile {
  const profile = document.at("profile");
  for (const name of PROFILE) profile.at(name).integer(32);
  const ram = document.at("ram");
  const [base, size] = [ram.at("base").address(), ram.at("size").address()];
  if (base % 8 || size % 8) ram.refuse("must begin and end at a doubleword");
  if (base + size > 2 ** 52) ram.refuse("must end below 2^52");
  const streamId = document.at("streamId").number(32);
  return {
    format: "smmu-vectors/1",
    profile: identityOfFile(profile.members()),
    ram: { base, size },
    vectors: document
      .at("vectors")
      .items()
      .map((vector) => ({
        name: vector.at("name").string(),
        steps: vector
          .at("steps")
          .items()
          .map((step) => stepOf(step, streamId)),
      })),
  };
}

function stepOf(step: Field, streamId: number): Step {
  const op = step.at("op");
  const arch = step.optional("arch");
  switch (op.value) {
    case "reset":
      return { op: "reset" };
    case "mem":
      return { op: "mem", address: step.at("addr").address(), bytes: step.at("bytes").dump() };
    case "write32":
    case "write64": {
      const size = op.value === "write32" ? 4 : 8;
      return { op: "write", offset: offsetOf(step.at("reg")), size, value: step.at("value").integer(8 * size) };
    }
    case "read32":
    case "read64": {
      const size = op.value === "read32" ? 4 : 8;
      const expect = (arch ?? step.at("expect")).integer(8 * size);
      const mask = step.optional("mask")?.integer(8 * size) ?? (1n << BigInt(8 * size)) - 1n;
      return { op: "read", offset: offsetOf(step.at("reg")), size, expect, mask };
    }
    case "dma":
      return dmaOf(step, arch ?? step.at("expect"), streamId);
    case "expectMem":
      return { op: "expectMem", address: step.at("addr").address(), bytes: (arch ?? step.at("bytes")).dump() };
    case "expectEvents": {
      const records = (arch ?? step.at("records")).items().map(recordOf);
      return { op: "expectEvents", records, mask: recordOf(step.at("mask")) };
    }
    default:
      op.string();
      return op.refuse(`${JSON.stringify(op.value)} is no step: reset, mem, write32, write64, read32, read64, dma, expectMem, expectEvents`);
  }
}

function dmaOf(step: Field, expect: Field, streamId: number): Step {
  const write = step.at("write").boolean();
  const length = step.at("length").number(32);
  if (length === 0 || length > MAX_DMA) step.at("length").refuse(`must be from 1 to ${MAX_DMA}`);
  const data = write ? step.optional("data")?.dump() : undefined;
  if (data && data.length !== length) step.at("data").refuse(`has ${data.length} bytes, length says ${length}`);
  const ok = expect.at("ok").boolean();
  const read = write ? null : expect.optional("data");
  return {
    op: "dma",
    sid: step.optional("sid")?.number(32) ?? streamId,
    write,
    iova: step.at("iova").integer(64),
    length,
    data,
    expect: { ok, data: ok && read ? read.dump() : null },
  };
}

function recordOf(field: Field): Uint8Array {
  const bytes = field.dump();
  if (bytes.length !== RECORD_BYTES) field.refuse(`has ${bytes.length} bytes, an event record ${RECORD_BYTES}`);
  return bytes;
}

function offsetOf(field: Field): number {
  const offset = field.address();
  if (offset >= addressMap.smmuRegisters.size) field.refuse(`lies outside the two register pages of an SMMU (0x${addressMap.smmuRegisters.size.toString(16)} bytes)`);
  return offset;
}

/** The register that an offset, of its low or high half, belongs to. */
export const registerAt = (offset: number) => Object.entries(registers).find(([, { offset: at, sizeBytes }]) => offset >= at && offset < at + sizeBytes);
