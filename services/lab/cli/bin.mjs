#!/usr/bin/env node
// Faultline runs its TypeScript sources directly, which needs the Node 24 that `npm ci` brought along.
// Started by an older Node, this file hands over to it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);
const main = fileURLToPath(new URL("main.ts", import.meta.url));
if (Number(process.versions.node.split(".")[0]) >= 24) {
  await import("./main.ts");
} else {
  const node = [`node-linux-${process.arch}`].map((name) => fileURLToPath(new URL(`node_modules/${name}/bin/node`, root))).find(existsSync);
  if (!node) {
    process.stderr.write("faultline: needs Node 24; run `npm ci` (it brings Node 24 for Linux) or install it\n");
    process.exit(3);
  }
  const child = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  process.exit(child.status ?? 3);
}
