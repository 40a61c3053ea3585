import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { stringify } from "yaml";
import { infrastructureError, inputError } from "../cli/errors.ts";
import { attach, type TraceSelection } from "../connection/attach.ts";
import { ContainerControl, docker } from "./container-control.ts";
import { onInterrupt } from "./interrupt.ts";
import { partsOf } from "./parts.ts";
import type { RunningMachine } from "./running-machine.ts";

/** VMs of docker-compose.yml. */
const MOST_VMS = 2;
const MACHINE = "/machine/machine.json";

/** The services as containers of a compose project of their own, over TCP, on the ports of docker-compose.yml. An infrastructure error when no engine answers or the ports are taken. */
export async function startContainers(
  machine: Machine,
  { switches, trace, vm = 0, seed }: { switches: readonly string[]; trace: TraceSelection; vm?: number; seed?: number },
): Promise<RunningMachine> {
  if (machine.vms.length > MOST_VMS) throw inputError(`--mode containers: docker-compose.yml has ${MOST_VMS} VMs, the machine ${machine.vms.length}`, "mode");
  await docker("info", "--format", "{{.ID}}").catch(() => {
    throw infrastructureError("--mode containers: no container engine answers (docker info); npx faultline doctor says how to get one", "mode");
  });
  const dir = mkdtempSync(join(tmpdir(), "faultline-compose-"));
  chmodSync(dir, 0o755); // read by the containers' user
  writeFileSync(join(dir, "machine.json"), `${JSON.stringify(machine)}\n`, { mode: 0o644 });
  writeFileSync(join(dir, "compose.yml"), override(machine, dir, switches));
  const rulesFile = (part: string, rules: object) => writeFileSync(join(dir, rulesName(part)), JSON.stringify(rules), { mode: 0o644 });
  for (const { name } of partsOf(machine.vms.length)) rulesFile(name, []);
  const control = new ContainerControl(`faultline-run-${process.pid}`, machine, ["docker-compose.yml", join(dir, "compose.yml")], rulesFile);
  const close = async () => {
    await control.down();
    rmSync(dir, { recursive: true, force: true });
  };
  const takeBack = onInterrupt(close);
  try {
    const clients = await control.up();
    return await attach({
      clients,
      mode: "containers",
      seed,
      switches,
      trace,
      machine,
      vm,
      control,
      orLost: (work) => work,
      async close() {
        await close();
        takeBack();
      },
    });
  } catch (error) {
    await close();
    takeBack();
    throw error;
  }
}

/** What a container arms when it starts. */
const rulesName = (part: string): string => `${part}.rules.json`;

/** What this run adds to docker-compose.yml: its machine and its switches. */
function override(machine: Machine, dir: string, switches: readonly string[]): string {
  const service = (part: string) => ({
    environment: {
      FAULTLINE_MACHINE: "",
      FAULTLINE_MACHINE_JSON: MACHINE,
      FAULTLINE_SWITCHES: switches.join(","),
      FAULTLINE_RULES: `/machine/${rulesName(part)}`,
    },
    volumes: [`${dir}:/machine:ro`],
  });
  return stringify(
    { services: Object.fromEntries(partsOf(machine.vms.length).map(({ name }) => [name.replace(/0$/, ""), service(name)])) },
    { aliasDuplicateObjects: false },
  );
}
