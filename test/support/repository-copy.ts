import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;

/** A copy of the repository to patch, in a directory that the caller removes: without node_modules, which are linked one by one, so that the workspaces are the copy's own. */
export function copyRepository(prefix: string): string {
  const copy = mkdtempSync(join(tmpdir(), prefix));
  for (const entry of readdirSync(root)) {
    if (entry === "node_modules" || entry === ".git" || entry === "runs") continue;
    cpSync(join(root, entry), join(copy, entry), { recursive: true, filter: (from) => !from.includes("/node_modules") });
  }
  const modules = join(copy, "node_modules");
  mkdirSync(join(modules, "@faultline"), { recursive: true });
  for (const entry of readdirSync(join(root, "node_modules"))) {
    if (entry !== "@faultline") symlinkSync(join(root, "node_modules", entry), join(modules, entry));
  }
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { workspaces: string[] };
  for (const workspace of workspaces.flatMap((glob) =>
    glob.endsWith("/*") ? readdirSync(join(root, glob.slice(0, -2))).map((name) => `${glob.slice(0, -1)}${name}`) : [glob],
  )) {
    if (!existsSync(join(copy, workspace, "package.json"))) continue;
    const { name } = JSON.parse(readFileSync(join(copy, workspace, "package.json"), "utf8")) as { name: string };
    symlinkSync(join(copy, workspace), join(modules, name));
  }
  return copy;
}
