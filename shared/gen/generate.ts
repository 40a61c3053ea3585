// `npm run generate`: TypeScript types of proto/ into shared/gen/types. `--check` generates beside it and tells what differs.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;
const types = join(root, "shared/gen/types");
const protos = ["smmu/v1/smmu.proto", "vfio/v1/vfio.proto", "virtio/v1/virtio.proto", "lab/v1/lab.proto"];
/** The include path is relative, so that the header of a generated file is the same on every machine. The rest is as loadOptions of shared/shell/protos.ts. */
const options = ["--longs=Number", "--enums=String", "--defaults", "--oneofs", "--grpcLib=@grpc/grpc-js", "--importFileExtension=.ts"];

function generate(directory: string): void {
  const tool = join(root, "node_modules/.bin/proto-loader-gen-types");
  execFileSync(process.execPath, [tool, ...options, `--outDir=${directory}`, "--includeDirs=proto", "--", ...protos], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

const files = (directory: string): string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".ts"))
        .sort()
    : [];

if (process.argv.includes("--check")) {
  const fresh = mkdtempSync(join(tmpdir(), "faultline-gen-"));
  try {
    generate(fresh);
    const stale = [...new Set([...files(fresh), ...files(types)])].filter((name) => {
      const [a, b] = [join(fresh, name), join(types, name)];
      return !existsSync(a) || !existsSync(b) || readFileSync(a, "utf8") !== readFileSync(b, "utf8");
    });
    for (const name of stale) process.stderr.write(`shared/gen/types/${name} is not what proto/ says: run npm run generate\n`);
    process.exitCode = stale.length ? 1 : 0;
  } finally {
    rmSync(fresh, { recursive: true });
  }
} else {
  rmSync(types, { recursive: true, force: true });
  generate(types);
}
