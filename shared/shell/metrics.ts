import type { EdgeStatistics } from "../edge/edge.ts";
import type { TraceKind } from "../trace/trace-events.ts";

export interface MetricSources {
  service: string;
  edges(): readonly EdgeStatistics[];
  /** What is in flight, open or held. */
  counts(): Record<string, number>;
  /** Trace events emitted so far, by kind, whether or not anybody listened. */
  events(): ReadonlyMap<TraceKind, number>;
  ready(): boolean;
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Prometheus metrics of one service, read when they are asked for. No address is ever a label: labels are names of edges, directions, kinds. */
export async function createMetrics(sources: MetricSources): Promise<{ contentType: string; text(): Promise<string> }> {
  const { collectDefaultMetrics, Counter, Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  registry.setDefaultLabels({ service: sources.service });
  collectDefaultMetrics({ register: registry, prefix: "faultline_" });
  const registers = [registry];
  const kind = sources.service.replace(/\d+$/, "");

  new Gauge({
    name: "faultline_ready",
    help: "1: hello with the edge below is done and the core has booted",
    registers,
    collect() {
      this.set(sources.ready() ? 1 : 0);
    },
  });
  new Gauge({
    name: "faultline_edge_up",
    help: "1: hello is done both ways and the edge has not broken",
    labelNames: ["direction"],
    registers,
    collect() {
      this.reset();
      for (const { direction, open } of sources.edges()) this.inc({ direction }, open ? 1 : 0);
    },
  });
  new Gauge({
    name: "faultline_edge_credits",
    help: "messages that this end may still send without an answer",
    labelNames: ["direction"],
    registers,
    collect() {
      this.reset();
      for (const { direction, credits } of sources.edges()) this.inc({ direction }, credits);
    },
  });
  for (const [name, field, help] of [
    ["faultline_edge_sent_total", "sent", "messages sent"],
    ["faultline_edge_received_total", "received", "messages received"],
    ["faultline_edge_full_total", "full", "messages that found no credit"],
    ["faultline_edge_rejected_total", "rejected", "envelopes of the peer that did not validate"],
  ] as const) {
    new Counter({
      name,
      help,
      labelNames: ["direction"],
      registers,
      collect() {
        this.reset();
        for (const edge of sources.edges()) this.inc({ direction: edge.direction }, edge[field]);
      },
    });
  }
  new Counter({
    name: "faultline_events_total",
    help: "trace events that the core emitted",
    labelNames: ["kind"],
    registers,
    collect() {
      this.reset();
      for (const [event, n] of sources.events()) this.inc({ kind: event }, n);
    },
  });
  for (const name of Object.keys(sources.counts())) {
    new Gauge({
      name: `faultline_${kind}_${snake(name)}`,
      help: `${name} of /counts`,
      registers,
      collect() {
        this.set(sources.counts()[name] ?? 0);
      },
    });
  }
  return { contentType: registry.contentType, text: () => registry.metrics() };
}
