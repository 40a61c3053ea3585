import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { SimulatedMachine } from "../simulation/machine.ts";
import { HISTORY_SCHEMA, readHistory, writeHistory } from "./history.ts";

const header = `{"schema":"${HISTORY_SCHEMA}"}`;
const line = (change: object = {}) =>
  JSON.stringify({ n: 1, t: 5, lamport: 2, who: "smmu", kind: "endpoint.flr", ids: { sid: "0x8" }, fields: {}, cause: null, ...change });
const text = (...lines: string[]) => `${[header, ...lines].join("\n")}\n`;

describe("history.ndjson (interfaces.md, section 7: versioned schema)", () => {
  it("is read as it was written, every event of a machine that boots", async () => {
    const machine = new SimulatedMachine(defaultMachine, { seed: 1, switches: new Set() });
    await machine.boot();
    const written = writeHistory(machine.history);
    expect(machine.history.length).toBeGreaterThan(100);
    expect(writeHistory(readHistory(written))).toBe(written);
  });

  const damaged: [what: string, text: string, message: RegExp][] = [
    ["no text at all", "", /^line 1: not JSON$/],
    ["another file", "null\n", /^line 1: expected/],
    ["another version", '{"schema":"faultline-history/9"}\n', /^line 1: expected \{"schema":"faultline-history\/1"\}$/],
    ["a line that is cut off", text(line(), line({ n: 2 }).slice(0, 30)), /^line 3: not JSON$/],
    ["an empty line between", text(line(), "", line({ n: 2 })), /^line 3: not JSON$/],
    ["a line that is no event", text(line(), "null"), /^line 3: not a trace event: it must be object$/],
    ["a number that is text", text(line({ n: "1" })), /^line 2: not a trace event: n must be integer$/],
    ["a kind that is none", text(line({ kind: "flr" })), /^line 2: not a trace event: kind must match pattern/],
    ["an id that is a list", text(line({ ids: { sid: [8] } })), /^line 2: not a trace event: ids\.sid must be string,integer$/],
    ["ids that are missing", text(line({ ids: undefined })), /^line 2: not a trace event: it must have required property 'ids'$/],
    ["a field that events have not", text(line({ wo: "smmu" })), /^line 2: not a trace event: it must NOT have additional properties$/],
    ["lines that changed places", text(line({ n: 7 }), line({ n: 6 })), /^line 3: n 6 is not behind 7/],
    ["a line twice", text(line(), line()), /^line 3: n 1 is not behind 1/],
  ];
  it.each(damaged)("%s is refused, naming the line", (_what, history, message) => {
    let error: unknown;
    try {
      readHistory(history);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(message);
  });
});
