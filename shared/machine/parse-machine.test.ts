import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { defaultMachine } from "./machine.ts";
import { parseMachine } from "./parse-machine.ts";
import { withRam } from "./with-ram.ts";

describe("the machine file (interfaces.md, section 3)", () => {
  it("default.yaml says what the default machine is", () => {
    expect(parseMachine(readFileSync(new URL("../../services/lab/machines/default.yaml", import.meta.url), "utf8"), "default.yaml")).toEqual(defaultMachine);
  });
  it("leaves what it does not say as in the default machine", () => {
    const machine = parseMachine("smmu: { priqLog2: 3 }\nabi: rfc-v1\n", "small.yaml");
    expect(machine).toEqual({ ...defaultMachine, smmu: { ...defaultMachine.smmu, priqLog2: 3 }, abi: "rfc-v1" });
  });

  const refused: [string, string, RegExp][] = [
    ["an unknown key", "dram: { size: 48MiB }\nsmmu:\n  atz: true\n", /^m\.yaml:3: smmu\.atz is not a field/],
    ["an unknown section", "cpu: {}\n", /^m\.yaml:1: cpu is not a field/],
    ["a size in another unit", "dram:\n  size: 48MB\n", /^m\.yaml:2: dram\.size must be a size like 48MiB$/],
    ["an unknown value", "abi: posted\n", /^m\.yaml:1: abi must be one of rfc-v1, review/],
    ["a bad BDF", 'endpoints:\n  - { bdf: "1.0" }\n', /^m\.yaml:2: endpoints\[0\]\.bdf must match/],
    ["PRI without ATS", "smmu:\n  stage1: true\n  ats: false\n  pri: true\n", /^m\.yaml:4: smmu\.pri needs smmu\.ats/],
    ["many SubstreamIDs in a linear table", "smmu: { ssidBits: 16, twoLevelCdTable: false }\n", /smmu\.ssidBits above 10 needs smmu\.twoLevelCdTable/],
    ["an endpoint twice", 'endpoints:\n  - { bdf: "00:01.0" }\n  - { bdf: "00:01.0" }\n', /^m\.yaml:3: endpoints\[1\]\.bdf 00:01\.0 is given twice/],
    [
      "an endpoint in two VMs",
      'vms:\n  - { name: a, endpoints: ["00:01.0"] }\n  - { name: b, endpoints: ["00:01.0"] }\n',
      /^m\.yaml:3: vms\[1\]\.endpoints\[0\] 00:01\.0 is given twice: a has it/,
    ],
    [
      "RAM that its slots do not hold",
      "vms:\n  - { name: a, ram: 16MiB, slots: [{ gpa: 0x80000000, size: 8MiB }] }\n",
      /^m\.yaml:2: vms\[0\]\.ram is 16MiB, its slots hold 8MiB/,
    ],
    ["more RAM than DRAM", "dram: { size: 16MiB }\n", /dram\.size 16MiB does not hold/],
    ["a list", "- a\n", /^m\.yaml:1: holds the sections of a machine: dram, smmu, endpoints/],
    ["several documents", "dram: {}\n---\ndram: {}\n", /^m\.yaml:2: a second document begins here/],
    [
      "aliases that grow without end",
      "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n",
      /^m\.yaml:1: .*alias/,
    ],
    ["no YAML", "dram: [\n", /^m\.yaml:\d+: /],
  ];
  it.each(refused)("refuses %s, naming field and line", (_what, text, message) => {
    expect(() => parseMachine(text, "m.yaml")).toThrow(message);
  });

  it("grows RAM and DRAM with --ram", () => {
    const { vms, dram } = withRam(defaultMachine, 64 * 2 ** 20);
    expect(vms[0]).toMatchObject({ ram: 64 * 2 ** 20, slots: [{ gpa: 0x80000000, size: 64 * 2 ** 20 }] });
    expect(dram.size).toBe(96 * 2 ** 20);
  });
});
