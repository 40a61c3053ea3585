import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { lossOf } from "./loss.ts";
import type { Service } from "./services.ts";

/** A service with what it said last. */
function service(kind: Service["kind"], name: string, stderr: string) {
  const child = Object.assign(new EventEmitter(), { exitCode: null, signalCode: null });
  return { kind, name, vm: 0, stderr, child } as unknown as Service & { child: EventEmitter };
}

describe("the loss of a service is told by its cause", () => {
  const smmu = () => service("smmu", "smmu", "smmu: listen EADDRINUSE: address already in use 127.0.0.1:8001");
  const host = () => service("host", "host", "host: edge smmu/v1 to smmu broke: Stream refused by server");
  it("who ended for a reason of its own, although the one above it was faster", async () => {
    const [below, above] = [smmu(), host()];
    const lost = lossOf([below, above], () => false);
    above.child.emit("exit", 3, null);
    below.child.emit("exit", 3, null);
    await expect(lost).rejects.toMatchObject({ kind: "infrastructure", field: "smmu", message: below.stderr });
  });
  it("who was killed, with the edge that broke", async () => {
    const [below, above] = [smmu(), host()];
    const lost = lossOf([below, above], () => false);
    above.child.emit("exit", 3, null);
    below.child.emit("exit", null, "SIGKILL");
    await expect(lost).rejects.toThrow("lost smmu (killed by SIGKILL): edge smmu/v1 (host<->smmu) broke; host: edge smmu/v1 to smmu broke");
  });
  it("who ended first, when all follow another", async () => {
    const [above, top] = [host(), service("vmm", "vmm0", "vmm0: edge vfio/v1 to host broke: gone")];
    const lost = lossOf([above, top], () => false);
    top.child.emit("exit", 3, null);
    above.child.emit("exit", 3, null);
    await expect(lost).rejects.toMatchObject({ field: "vmm0" });
  });
});
