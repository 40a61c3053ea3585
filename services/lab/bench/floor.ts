import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface RelayCommand {
  inFlight: number;
  count: number;
}
export interface RelayResult {
  roundTripsUs: number[];
  perSecond: number;
}

const program = fileURLToPath(new URL("relay.ts", import.meta.url));

/** Four processes in a chain that only relay: what six one-way messages cost on this machine. */
export interface Floor {
  measure(command: RelayCommand): Promise<RelayResult>;
  close(): void;
}

export async function startFloor(): Promise<Floor> {
  const dir = mkdtempSync(join(tmpdir(), "faultline-floor-"));
  const socket = (name: string) => join(dir, `${name}.sock`);
  const chain = [
    [socket("smmu"), "-"],
    [socket("host"), socket("smmu")],
    [socket("vmm"), socket("host")],
    ["-", socket("vmm")],
  ];
  const children: ChildProcess[] = [];
  for (const argv of chain) {
    const child = fork(program, argv, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    children.push(child);
    await reply(child);
  }
  const floor: Floor = {
    measure(command) {
      const result = reply<RelayResult>(children[0]);
      children[0].send(command);
      return result;
    },
    close() {
      for (const child of children) child.disconnect();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await settled(floor);
  return floor;
}

const reply = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve, reject) => {
    const exited = (code: number | null) => reject(new Error(`a relay ended with code ${code}`));
    child.once("exit", exited);
    child.once("message", (message) => {
      child.off("exit", exited);
      resolve(message as T);
    });
  });

/** The chain's streams are open once a first message has come back. */
async function settled(floor: Floor): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 200));
  await floor.measure({ inFlight: 1, count: 200 });
}
