import { spawnSync } from "node:child_process";

/** Why container tests cannot run here, or null: a container engine answers. */
export const noEngine: string | null =
  spawnSync("docker", ["info"], { stdio: "ignore" }).status === 0 ? null : "no container engine answers (../shared/tools/container-engine gives this machine one)";
