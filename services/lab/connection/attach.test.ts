import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import type { PartFault } from "../scenarios/part-fault.ts";
import { partsOfVm } from "../supervisor/parts.ts";
import { attach } from "./attach.ts";
import type { PartControl } from "./part-control.ts";

/** Services that answer as they are told; `events` is their one counter. */
function services() {
  const events = { n: 0 };
  const alive = new Set(partsOfVm(0));
  const did: string[] = [];
  let gone: (part: string) => void = () => {};
  const ends = (part: string) => {
    alive.delete(part);
    gone(part);
  };
  const client = (more: object = {}): LabClient => {
    let emit: (event: TraceEvent) => void = () => {};
    return {
      trace: (onEvent: typeof emit) => {
        emit = onEvent;
        return Object.assign(() => {}, { active: Promise.resolve(), ended: new Promise(() => {}) });
      },
      mark: async (kind: string, fields: object) => emit({ n: ++events.n, t: events.n, lamport: 0, who: "lab", kind, ids: {}, fields, cause: null } as TraceEvent),
      flush: async () => {},
      state: async () => ({ locks: 0, guests: 0, processes: 0 }), // nobody to clean up after
      arm: async () => {},
      cut: async () => [],
      progress: async () => [],
      ...more,
    } as unknown as LabClient;
  };
  const clients = new Map(partsOfVm(0).map((name) => [name, client()]));
  const control: PartControl = {
    network: null,
    alive: (part) => alive.has(part),
    expectLoss: () => {},
    expectLife: () => {},
    onGone: (told) => (gone = told),
    kill: async (part) => {
      did.push(`kill ${part}`);
      ends(part);
    },
    pause: async (part) => void did.push(`pause ${part}`),
    resume: async (part) => void did.push(`resume ${part}`),
    start: async (part) => {
      alive.add(part);
      return client();
    },
  };
  const run = (trace: "all" | "fault-path" = "fault-path") =>
    attach({ clients, mode: "processes", switches: [], trace, machine: defaultMachine, vm: 0, control, orLost: (work) => work, close: async () => {} });
  return { clients, client, ends, did, run };
}

const does = (history: readonly TraceEvent[]) => history.map(({ kind, fields }) => (kind === "lab.part" ? `${fields.did} ${fields.part}` : kind));

describe("the history of a run that breaks off is what is known of it (issue 6, 3)", () => {
  it("whoever hangs is not waited for, and whoever is lost is passed over", async () => {
    const { clients, client, run } = services();
    clients.set("guest0", client({ flush: () => new Promise(() => {}) }));
    clients.set("vmm0", client({ flush: () => Promise.reject(new Error("gone")) }));
    const running = await run();
    expect(does(await running.collected())).toEqual(["lab.run-start"]);
  });
});

describe("a part that ends because of a cut, while the lab speaks to it", () => {
  it("breaks nothing off: it was to be lost", async () => {
    const { clients, client, ends, run } = services();
    const { promise: wasCut, resolve: cut } = Promise.withResolvers<void>();
    const dying = async () => {
      ends("guest0");
      throw new Error("connect ENOENT guest0.sock");
    };
    const guest = { mark: dying, flush: dying, cut: async () => [] };
    clients.set("guest0", client(guest));
    clients.set("smmu", client({ cut: () => Promise.resolve([]).finally(cut) }));
    const running = await run();
    running.plan({ faults: [{ id: "cut", part: "smmu", do: "partition", ways: "both", when: { nth: 1 } }], heal: null });
    await wasCut;
    for (const part of ["host", "vmm0"]) ends(part);
    await running.heal(1e9);
    expect(does(await running.history()).filter((what) => !what.startsWith("exit"))).toEqual([
      "lab.run-start",
      "partition smmu",
      "join smmu",
      "lab.rules-armed",
      "start host",
      "start vmm0",
      "start guest0",
      "lab.heal",
    ]);
    await running.close();
  });
});

describe("faults of one part that overlap", () => {
  const at = (id: string, what: "pause" | "resume" | "kill"): PartFault => ({ id, part: "smmu", do: what, ways: "both", when: { nth: 1 } });
  it("stop it once, let it go on once, and kill it once: an engine refuses what is done twice", async () => {
    const { did, run } = services();
    const running = await run();
    running.plan({ faults: [at("a", "pause"), at("b", "pause"), at("c", "resume"), at("d", "resume"), at("e", "pause"), at("f", "kill"), at("g", "kill")], heal: null });
    await expect.poll(() => did).toEqual(["pause smmu", "resume smmu", "pause smmu", "kill smmu"]);
    await running.close();
  });
});
