import { describe, expect, it } from "vitest";
import { defaultMachine } from "../machine/machine.ts";
import { ConfigError, machineDigest, serviceConfig } from "./config.ts";

describe("what a service is started with", () => {
  it("takes its names from the run directory", async () => {
    expect(await serviceConfig("guest", ["--run-dir", "/run/r", "--memory", "/dev/shm/m"], {})).toMatchObject({
      name: "guest0",
      listen: "unix:/run/r/guest0.sock",
      lower: "unix:/run/r/vmm0.sock",
    });
    expect(await serviceConfig("smmu", [], { FAULTLINE_RUN_DIR: "/run/r", FAULTLINE_MEMORY: "/dev/shm/m" })).toMatchObject({
      name: "smmu",
      listen: "unix:/run/r/smmu.sock",
      lower: "",
    });
  });
  it("lets flags win over the environment", async () => {
    const config = await serviceConfig("host", ["--listen", "0.0.0.0:5002", "--switches", "RR-09,S12"], {
      FAULTLINE_LISTEN: "unix:/x",
      FAULTLINE_LOWER: "smmu:5001",
      FAULTLINE_MEMORY: "/m",
      FAULTLINE_SWITCHES: "S1",
    });
    expect(config).toMatchObject({ listen: "0.0.0.0:5002", lower: "smmu:5001", memory: "/m" });
    expect([...config.switches]).toEqual(["RR-09", "S12"]);
  });
  const cases: [string, "host" | "vmm", string[], RegExp][] = [
    ["nothing to dial", "host", ["--listen", "a", "--memory", "m"], /--lower is missing/],
    ["no memory file", "host", ["--listen", "a", "--lower", "b"], /--memory is missing/],
    ["a VM that the machine does not have", "vmm", ["--run-dir", "/r", "--memory", "m", "--vm", "1"], /--vm 1: the machine has VMs 0 to 0/],
    ["a log level that there is not", "host", ["--run-dir", "/r", "--memory", "m", "--log-level", "loud"], /--log-level loud is none of trace, debug, info/],
    ["an unknown flag", "host", ["--frobnicate"], /frobnicate/],
    ["a machine file that is not there", "host", ["--machine", "/nonexistent/m.json"], /nonexistent/],
  ];
  for (const [what, kind, argv, message] of cases) {
    it(`${what} is refused`, async () => {
      await expect(serviceConfig(kind, argv, {})).rejects.toThrow(ConfigError);
      await expect(serviceConfig(kind, argv, {})).rejects.toThrow(message);
    });
  }
});

describe("the machine's digest", () => {
  it("does not depend on the order of keys, and changes with every value", () => {
    const { dram, ...rest } = defaultMachine;
    expect(machineDigest({ ...rest, dram } as typeof defaultMachine)).toBe(machineDigest(defaultMachine));
    expect(machineDigest({ ...defaultMachine, edgeCredits: 4095 })).not.toBe(machineDigest(defaultMachine));
  });
});
