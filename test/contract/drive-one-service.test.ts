import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServiceProcesses } from "../support/service-process.ts";
import { eventually } from "../support/stack.ts";

const client = new URL("../../services/lab/docs/vmm_client.py", import.meta.url).pathname;
const INSTALL_MS = 60_000;

/** A Python that has grpcio and grpcio-tools: the system's, or one in a virtual environment that is made once. Null, with why not. */
function python(): { path: string } | { missing: string } {
  const works = (path: string) => spawnSync(path, ["-c", "import grpc, grpc_tools"]).status === 0;
  if (works("python3")) return { path: "python3" };
  if (spawnSync("python3", ["--version"]).status !== 0) return { missing: "no python3 here" };
  const folder = join(homedir(), ".cache", "faultline-python");
  const own = join(folder, "bin", "python");
  if (existsSync(own) && works(own)) return { path: own };
  const made = spawnSync("python3", ["-m", "venv", folder]).status === 0;
  const installed = made && spawnSync(own, ["-m", "pip", "install", "--quiet", "--retries", "1", "grpcio", "grpcio-tools"], { timeout: INSTALL_MS }).status === 0;
  return installed && works(own) ? { path: own } : { missing: "python3 has no grpcio, and pip cannot install it (no PyPI)" };
}

const found = python();
const why = "missing" in found ? `: skipped, ${found.missing}` : "";

describe.skipIf("missing" in found)(`a VMM in another language, from the proto alone (docs/drive-one-service.md)${why}`, () => {
  const processes = new ServiceProcesses();
  let address = "";
  beforeAll(async () => {
    const [smmu, host] = [processes.start("smmu"), processes.start("host")];
    await Promise.all([processes.ready(smmu), processes.ready(host)]);
    address = host.address;
  }, 20_000);
  afterAll(() => processes.close());

  it("opens the assigned function, and gets the kernel's errno for a structure that is too short", () => {
    const run = spawnSync("path" in found ? found.path : "", [client, address], { encoding: "utf8", timeout: 20_000 });
    expect([run.status, run.stderr]).toEqual([0, ""]);
    expect(run.stdout).toContain("ioctl(4, VFIO_GET_DEVICE_FD) = 5");
    expect(run.stdout).toContain("the device has 11 regions");
    expect(run.stdout.trimEnd()).toMatch(/VFIO_SET_PASID_TABLE\) = -1 errno \d+$/);
  });

  it("whose stream ended is released: the next one opens it again", async () => {
    const lab = new LabClient(address);
    await eventually(async () => ((await lab.state("/counts")) as { processes: number }).processes === 0 || null);
    lab.close();
    const run = spawnSync("path" in found ? found.path : "", [client, address], { encoding: "utf8", timeout: 20_000 });
    expect(run.stdout).toContain("ioctl(4, VFIO_GET_DEVICE_FD) = 5");
  });
});
