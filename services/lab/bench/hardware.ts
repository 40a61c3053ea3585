import { type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { defaultMachine, type Machine } from "@faultline/shared/machine/machine.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Hardware } from "@faultline/smmu/core/hardware.ts";

/** The hardware without a host: what it sends goes nowhere, what it posts lands in `memory` at once. The configuration cache holds everything; `tlb` entries in the TLB, 0 for none. */
export function hardwareAlone(memory: PhysicalMemory, endpoints: Machine["endpoints"], tlb: number, smmu: Partial<Machine["smmu"]> = {}): Hardware {
  const none = () => {
    throw new Error("no engine");
  };
  return new Hardware(
    { ...defaultMachine, endpoints, smmu: { ...defaultMachine.smmu, ...smmu, caches: { tlb, config: 65536, walk: 0 } } },
    {
      memory,
      host: {
        broken: false,
        send: () => "sent" as const,
        request: async () => "broken" as const,
        reply: () => {},
        post: (address, bytes) => void memory.write(address, bytes),
        writable: async () => {},
      },
      tracer: silentTracer,
      timer: () => ({ cancel() {} }),
      held: () => false,
      now: () => 0,
      engine: { sha256: none, gzip: none },
    },
  );
}

/** Stores `value` in a register, as its host does. */
export function writeRegister(hardware: Hardware, name: RegisterName, value: number): void {
  const { offset, sizeBytes } = registers[name];
  hardware.deliver(1, { kind: "mmioWrite", address: addressMap.smmuRegisters.base + offset, value: uint64Bytes(value).subarray(0, sizeBytes) });
}
