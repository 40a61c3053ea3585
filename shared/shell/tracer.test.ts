import { describe, expect, it } from "vitest";
import { ProcessTracer } from "./tracer.ts";

function traced() {
  const tracer = new ProcessTracer("guest0", { value: 0 });
  let n = 0;
  tracer.count(() => ++n);
  const seen: string[] = [];
  const subscribe = (...kinds: string[]) => tracer.subscribe({ kinds: new Set(kinds), batch: (lines) => seen.push(...lines.map((line) => JSON.parse(line).kind)) });
  return { tracer, seen, subscribe };
}

describe("the trace of a process", () => {
  it("begins with its first subscriber", () => {
    const { tracer, seen, subscribe } = traced();
    expect(tracer.emit("guest.bind", {})).toBe(0);
    subscribe();
    tracer.emit("guest.unbind", {});
    tracer.flush();
    expect(seen).toEqual(["guest.unbind"]);
  });
  it("begins with the boot of a part that is started while a run lasts: it is kept for the first subscriber, of the kinds that it asks for", () => {
    const { tracer, seen, subscribe } = traced();
    tracer.keep();
    expect([tracer.emit("guest.bind", {}), tracer.emit("guest.unbind", {})]).toEqual([1, 2]);
    subscribe("guest.unbind");
    tracer.flush();
    subscribe();
    tracer.flush();
    expect(seen).toEqual(["guest.unbind"]);
  });
});
