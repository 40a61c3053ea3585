// Stores two patterns in turn into one doubleword of a memory file, as fast as it can, until its standard input closes. argv: file, RAM base, RAM size.
import { openMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";

const [path, base, size] = process.argv.slice(2);
const { ram } = openMappedMemory(path, { base: Number(base), size: Number(size) });
process.stdin.on("end", () => process.exit(0)).resume();
process.stdout.write("storing\n");
const store = () => {
  for (let i = 0; i < 20_000; i++) {
    ram.store64(ram.base, 0, 0);
    ram.store64(ram.base, 0xffff_ffff, 0xffff_ffff);
  }
  setImmediate(store);
};
store();
