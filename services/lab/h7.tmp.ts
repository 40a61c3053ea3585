import { readFileSync } from "node:fs";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { SimulatedMachine } from "./simulation/machine.ts";
import { startSimulation } from "./simulation/running-simulation.ts";
import { runDemo } from "./demo/demo.ts";
import { demoText } from "./demo/text.ts";
const sim = new SimulatedMachine(defaultMachine, { seed: 1, switches: new Set() });
try { await sim.boot(); console.log("booted", sim.scheduler.now(), sim.history.length);
const end = await sim.runWorkload([{ name: "x", bytes: new Uint8Array(readFileSync("package-lock.json")) }], { operation: (process.argv[2] ?? "sha256") as "sha256", file: "x", pagesPerGroup: 8, jobTimeoutNs: 2e9 });
console.log(end, sim.scheduler.now(), sim.history.length);
} catch (e) { console.log(e); }
for (const x of sim.history.filter(x => process.argv[3] || !x.kind.startsWith("edge")).slice(-Number(process.argv[4] ?? 40))) console.log(x.n, x.t, x.who, x.kind, JSON.stringify(x.ids), JSON.stringify(x.fields).slice(0, 200));
