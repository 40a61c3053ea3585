import { describe, expect, it } from "vitest";
import { integer, record } from "./schema.ts";
import { readState, type Structure } from "./structure.ts";

const structures: Structure[] = [
  { path: "/queue", sentence: "", parameters: {}, schema: record({ depth: integer() }), read: () => ({ depth: 3 }) },
  {
    path: "/table/{sid}",
    sentence: "",
    parameters: { sid: { is: "number", sentence: "StreamID" }, level: { is: "number", sentence: "level", fallback: "2" } },
    schema: record({}),
    read: ({ number }) => ({ sid: number("sid"), level: number("level") }),
  },
];

describe("live state by path (interfaces.md, section 11)", () => {
  it("reads a structure, its parameters from path and query, and defaults", () => {
    expect(readState(structures, "/queue")).toEqual({ depth: 3 });
    expect(readState(structures, "/table/0x10")).toEqual({ sid: 16n, level: 2n });
    expect(readState(structures, "/table/16?level=0x1")).toEqual({ sid: 16n, level: 1n });
  });
  it.each([
    ["/nothing", { refused: "not-found", field: "path" }],
    ["/table", { refused: "not-found", field: "path" }],
    ["/table/eight", { refused: "bad-parameter", field: "sid" }],
    ["/table/0x10000000000000000", { refused: "bad-parameter", field: "sid" }],
    ["/table/1?level=", { refused: "bad-parameter", field: "level" }],
  ])("%s is refused, naming the field", (path, refusal) => {
    expect(readState(structures, path)).toMatchObject(refusal);
  });
});
