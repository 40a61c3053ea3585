import type { Action, Outcome } from "@faultline/shared/shell/endpoint-actions.ts";
import { describe, expect, it } from "vitest";
import { outcomeText, prgCodeName } from "./outcome-text.ts";

const prefix = { ssid: null, priv: false, exec: false };
const translate: Action = { kind: "translate", ...prefix, noWrite: false, address: 0x1234n, count: 2 };
const ask: Action = { kind: "pageRequest", ...prefix, prgi: 3, last: true, read: true, write: false, address: 0n, waitMs: 7 };
const state = { up: true, busMaster: true, pasidEnabled: true, atsEnabled: true, priEnabled: true, priStatus: [], allocation: 32 };
const entry = { address: 0x20_0000, sizeBytes: 2 ** 21, R: true, W: false, Exe: false, Priv: false, Global: false, N: false, U: false, raw: 0x2ff801n };

describe("outcomes as a person reads them", () => {
  const cases: [string, Action, Outcome, (string | RegExp)[]][] = [
    [
      "a translation: each page with what it grants and where",
      translate,
      { kind: "translate", status: "SC", entries: [entry, { ...entry, R: false, sizeBytes: 4096 }] },
      ["SC (Successful Completion)", "0x1000 -> 0x200000, 2MiB: R=1 W=0 Exe=0 Priv=0 Global=0 N=0 U=0 (0x2ff801)", /^0x2000: R=0 W=0 .*: no access$/],
    ],
    ["a refused translation: its status", translate, { kind: "translate", status: "UR", entries: [] }, ["UR (Unsupported Request)"]],
    [
      "a read: what it returned",
      { kind: "flr" },
      { kind: "dma", ok: true, status: "SC", data: Uint8Array.of(0xa, 1), stalled: false },
      ["SC (Successful Completion): 0a01"],
    ],
    ["a stalled one", { kind: "flr" }, { kind: "dma", ok: false, stalled: true }, [/^stalled/]],
    ["where a zero-length one went", { kind: "flr" }, { kind: "dma", ok: true, status: "SC", pa: 0x5000 }, [/: 0x5000$/]],
    [
      "a page request: the group's response by its name",
      ask,
      { kind: "pageRequest", sent: 1, responses: [{ pasid: 5, prgi: 3, code: 15, expected: true }] },
      ["sent 1 Page Request", "PRG Response: PRGI 3 PASID 5: Response Failure (0xf)"],
    ],
    ["none in time", ask, { kind: "pageRequest", sent: 1, responses: [] }, ["sent 1 Page Request", "1 without a response within 7 ms"]],
    ["one that is not last waits for nothing", { ...ask, last: false }, { kind: "pageRequest", sent: 1, responses: [] }, ["sent 1 Page Request"]],
    [
      "a flood: one line for each run of indices that were answered alike",
      { ...ask, kind: "flood", count: 5 },
      {
        kind: "flood",
        sent: 5,
        responses: [3, 4, 5, 6, 511].map((prgi) => ({ pasid: null, prgi, code: prgi === 6 ? 1 : 0, expected: true })),
      },
      [
        "sent 5 Page Requests",
        "PRG Response: PRGI 3 to 5 without PASID: Success (0x0)",
        "PRG Response: PRGI 6 without PASID: Invalid Request (0x1)",
        "PRG Response: PRGI 511 without PASID: Success (0x0)",
      ],
    ],
    ["nothing over a link that is down", ask, { kind: "pageRequest", sent: 0, responses: [] }, [/link is down/]],
    ["a Stop Marker", { kind: "stopMarker", ssid: 5 }, { kind: "stopMarker", sent: 1, responses: [] }, ["sent 1 Stop Marker: it is not answered"]],
    [
      "what arrived, and the function",
      { kind: "received" },
      {
        kind: "received",
        responses: [{ pasid: null, prgi: 9, code: 0, expected: false }],
        invalidations: [{ pasid: 5, global: true, address: 0n, sizeBytes: 2 ** 64, itag: 31 }],
        dropped: 2,
        state,
      },
      [
        "PRG Response: PRGI 9 without PASID: Success (0x0), unexpected: no such group is open",
        "Invalidate Request: ITag 31, PASID 5, global, everything",
        "2 older ones are no longer kept",
        "function: busMaster=1 PASID=1 ATS=1 PRI=1, allocation 32, PRI status: -",
      ],
    ],
    ["a link that is down", { kind: "link", up: false }, { kind: "link", state: { ...state, up: false } }, ["function: the link is down"]],
    [
      "the policy for invalidations",
      { kind: "flr" },
      { kind: "completeInvalidation", policy: "never", completed: false, outstanding: 3 },
      ["policy: never; the SMMU waits for 3 invalidations"],
    ],
  ];
  it.each(cases)("%s", (_, action, outcome, lines) => {
    expect(outcomeText(action, outcome)).toEqual(lines.map((line) => (typeof line === "string" ? line : expect.stringMatching(line))));
  });
  it("a reserved PRG Response Code is a failure (PCIe 10.4.2.1)", () => expect(prgCodeName(2)).toBe("reserved code 0x2: Response Failure"));
});
