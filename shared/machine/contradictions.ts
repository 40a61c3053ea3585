import { addressMap } from "./address-map.ts";
import type { Machine } from "./machine.ts";
import type { FieldPath } from "./parse-machine.ts";
import { formatBdf, formatSize } from "./units.ts";

/** The first pair of fields that cannot both hold, with the field to name; null when the machine is possible. */
export function contradiction(machine: Machine): { path: FieldPath; message: string } | null {
  return ofSmmu(machine) ?? ofEndpoints(machine) ?? ofVms(machine) ?? ofDram(machine);
}

/** 2^10 CDs of 64 bytes are the largest linear table that a kernel allocates in one piece. */
const LINEAR_SSID_BITS = 10;

const LINEAR_SID_BITS = 6;

function ofSmmu({ smmu }: Machine): { path: FieldPath; message: string } | null {
  if (smmu.pri && !smmu.ats) return { path: ["smmu", "pri"], message: "needs smmu.ats: page requests exist only with ATS" };
  if (smmu.ssidBits > LINEAR_SSID_BITS && !smmu.twoLevelCdTable) return { path: ["smmu", "ssidBits"], message: `above ${LINEAR_SSID_BITS} needs smmu.twoLevelCdTable` };
  if (!smmu.stage1 && !smmu.stage2) return { path: ["smmu", "stage1"], message: "and smmu.stage2 cannot both be false" };
  // Arm IHI 0070 G.b, 6.3.2: SIDSIZE of 7 and more comes with ST_LEVEL = 1.
  if (smmu.sidBits > LINEAR_SID_BITS && !smmu.twoLevelStreamTable)
    return { path: ["smmu", "sidBits"], message: `above ${LINEAR_SID_BITS} needs smmu.twoLevelStreamTable` };
  // 6.3.6: 52-bit addresses come with the 64 KiB granule or with DS, which is a matter of the smaller ones.
  const wide = smmu.granules.includes("64K") || smmu.ds;
  if (smmu.oas === 52 && !wide) return { path: ["smmu", "oas"], message: "52 needs 64K in smmu.granules, or smmu.ds" };
  if (smmu.vaBits === 52 && !wide) return { path: ["smmu", "vaBits"], message: "52 needs 64K in smmu.granules, or smmu.ds" };
  if (smmu.ds && !smmu.granules.includes("4K") && !smmu.granules.includes("16K")) return { path: ["smmu", "ds"], message: "needs 4K or 16K in smmu.granules" };
  // 6.3.1: HYP comes with both stages, and a VMID is a matter of stage 2.
  if (smmu.hyp && !(smmu.stage1 && smmu.stage2)) return { path: ["smmu", "hyp"], message: "needs smmu.stage1 and smmu.stage2" };
  if (smmu.vmw && !smmu.stage2) return { path: ["smmu", "vmw"], message: "needs smmu.stage2" };
  return null;
}

function ofEndpoints({ smmu, endpoints }: Machine): { path: FieldPath; message: string } | null {
  const seen = new Set<number>();
  for (const [index, { bdf }] of endpoints.entries()) {
    if (seen.has(bdf)) return { path: ["endpoints", index, "bdf"], message: `${formatBdf(bdf)} is given twice` };
    if (bdf >= 2 ** smmu.sidBits) return { path: ["endpoints", index, "bdf"], message: `${formatBdf(bdf)} does not fit smmu.sidBits ${smmu.sidBits}` };
    seen.add(bdf);
  }
  return null;
}

function ofVms({ endpoints, vms }: Machine): { path: FieldPath; message: string } | null {
  const assigned = new Map<number, string>();
  const names = new Set<string>();
  for (const [v, vm] of vms.entries()) {
    if (names.has(vm.name)) return { path: ["vms", v, "name"], message: `${vm.name} is given twice` };
    names.add(vm.name);
    const slots = vm.slots.reduce((sum, { size }) => sum + size, 0);
    if (slots !== vm.ram) return { path: ["vms", v, "ram"], message: `is ${formatSize(vm.ram)}, its slots hold ${formatSize(slots)}` };
    for (const [e, bdf] of vm.endpoints.entries()) {
      const path = ["vms", v, "endpoints", e];
      if (!endpoints.some((endpoint) => endpoint.bdf === bdf)) return { path, message: `${formatBdf(bdf)} is not among endpoints` };
      if (assigned.has(bdf)) return { path, message: `${formatBdf(bdf)} is given twice: ${assigned.get(bdf)} has it` };
      assigned.set(bdf, vm.name);
    }
  }
  return null;
}

function ofDram({ dram, vms, smmu }: Machine): { path: FieldPath; message: string } | null {
  if (dram.size % 4096) return { path: ["dram", "size"], message: "must be a multiple of 4KiB" };
  if (dram.base < addressMap.ecam.base + addressMap.ecam.size) return { path: ["dram", "base"], message: "lies below the end of ECAM, 0x40000000" };
  if (dram.base + dram.size > 2 ** smmu.oas) return { path: ["dram", "base"], message: `and dram.size reach beyond smmu.oas, ${smmu.oas} bits` };
  const ram = vms.reduce((sum, vm) => sum + vm.ram, 0);
  if (ram >= dram.size) return { path: ["dram", "size"], message: `${formatSize(dram.size)} does not hold the ${formatSize(ram)} of the VMs and the host` };
  return null;
}
