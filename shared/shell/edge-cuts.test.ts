import { describe, expect, it } from "vitest";
import { inMemoryPair } from "../edge/in-memory-transport.ts";
import { KEEPALIVE_NS } from "../edge/inlet.ts";
import { EdgeCuts } from "./edge-cuts.ts";

/** The edge of a host to a VMM, of which the host's process has the cuts. */
function joined() {
  const timers: { ns: number; expired: () => void }[] = [];
  const cuts = new EdgeCuts((ns, expired) => void timers.push({ ns, expired }));
  const [wire, vmm] = inMemoryPair<{ kind: string }, { kind: string }>((deliver) => deliver());
  const { transport: host, named } = cuts.over(wire);
  const heard: string[] = [];
  host.onMessage = ({ body }) => heard.push(body.kind);
  host.onClose = (reason) => heard.push(`broke: ${reason}`);
  vmm.onMessage = ({ body }) => heard.push(`vmm0 got ${body.kind}`);
  vmm.onClose = (reason) => heard.push(`vmm0 saw: ${reason}`);
  named("vmm0");
  const envelope = (kind: string) => ({ seq: 1, replyTo: 0, lamport: 0, trace: new Uint8Array(0), writes: [], body: { kind } });
  return {
    cuts,
    timers,
    heard,
    says: (kind: string) => vmm.send(envelope(kind)),
    answers: (kind: string) => host.send(envelope(kind)),
    ends: (why: string) => vmm.close(why),
  };
}

describe("an edge that the lab cuts one way (design.md, section 2: a partitioned peer is not dead until keepalive says so)", () => {
  it("keeps what arrives that way, in order, and lets the other way pass", () => {
    const { cuts, heard, says, answers } = joined();
    cuts.set(["vmm0"]);
    for (const kind of ["ioctl", "pwrite"]) says(kind);
    answers("signal");
    expect(heard).toEqual(["vmm0 got signal"]);
    expect(cuts.set([])).toEqual([]);
    says("close");
    expect(heard).toEqual(["vmm0 got signal", "ioctl", "pwrite", "close"]);
  });
  it("is dead for both ends after 2 s + 2 s, and what was kept is lost; who asks then is told", () => {
    const { cuts, timers, heard, says } = joined();
    cuts.set(["vmm0"]);
    says("ioctl");
    expect(timers.map(({ ns }) => ns)).toEqual([KEEPALIVE_NS]);
    timers[0].expired();
    expect(heard.toSorted()).toEqual(["broke: keepalive", "vmm0 saw: keepalive"]);
    expect([cuts.set([]), cuts.set([])]).toEqual([["vmm0"], []]);
    expect(heard).toHaveLength(2);
  });
  it("lives when it was joined in time, and a second cut has its own four seconds", () => {
    const { cuts, timers, heard } = joined();
    cuts.set(["vmm0"]);
    cuts.set(["vmm0"]); // of another partition: it stands already
    cuts.set([]);
    cuts.set(["vmm0"]);
    expect(timers).toHaveLength(2);
    timers[0].expired();
    expect(heard).toEqual([]);
    timers[1].expired();
    expect(heard).toContain("broke: keepalive");
  });
  it("keeps the end of the connection too", () => {
    const { cuts, heard, ends } = joined();
    cuts.set(["vmm0"]);
    ends("killed");
    expect(heard).toEqual([]);
    cuts.set([]);
    expect(heard).toEqual(["broke: killed"]);
  });
  it("is cut from its hello on, when its peer is", () => {
    const cuts = new EdgeCuts(() => {});
    cuts.set(["guest0"]);
    const [wire, guest] = inMemoryPair<{ kind: string }, { kind: string }>((deliver) => deliver());
    const { transport, named } = cuts.over(wire);
    const heard: string[] = [];
    transport.onMessage = ({ body }) => heard.push(body.kind);
    named("guest0");
    guest.send({ seq: 2, replyTo: 0, lamport: 0, trace: new Uint8Array(0), writes: [], body: { kind: "available" } });
    expect(heard).toEqual([]);
  });
});
