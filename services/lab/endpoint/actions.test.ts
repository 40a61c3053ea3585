import { describe, expect, it } from "vitest";
import { Failure } from "../cli/errors.ts";
import { ACTIONS, actionOf, type Given } from "./actions.ts";

const prefix = { ssid: null, priv: false, exec: false };

describe("the keys of faultline endpoint do (interfaces.md, sections 6 and 11)", () => {
  const good: [string, Given, object | "reset"][] = [
    ["dma", { iova: "0x1000" }, { kind: "dma", ...prefix, iova: 0x1000n, write: false, length: 8 }],
    [
      "dma",
      { iova: "4096", pasid: "0x5", priv: true, bytes: "0a0B" },
      { kind: "dma", ssid: 5, priv: true, exec: false, iova: 0x1000n, write: true, length: 2, data: Uint8Array.of(10, 11) },
    ],
    ["dma", { iova: "64KiB", write: true, length: "4" }, { kind: "dma", ...prefix, iova: 0x1_0000n, write: true, length: 4 }],
    ["translate", { address: "0xffffffffffffffff", count: "3", nw: true }, { kind: "translate", ...prefix, noWrite: true, address: (1n << 64n) - 1n, count: 3 }],
    ["translatedDma", { pa: "0x40000000", length: "0" }, { kind: "translatedDma", pa: 0x4000_0000n, write: false, length: 0 }],
    ["pageRequest", { address: "0" }, { kind: "pageRequest", ...prefix, prgi: 0, read: true, write: false, address: 0n, waitMs: 2000, last: true }],
    [
      "pageRequest",
      { address: "0", write: true, last: "no", prgi: "511", wait: "0" },
      { kind: "pageRequest", ...prefix, prgi: 511, read: false, write: true, address: 0n, waitMs: 0, last: false },
    ],
    [
      "flood",
      { address: "0", read: true, write: true },
      { kind: "flood", ...prefix, prgi: 0, read: true, write: true, address: 0n, waitMs: 2000, last: true, count: 16 },
    ],
    ["stopMarker", { pasid: "7" }, { kind: "stopMarker", ssid: 7 }],
    ["completeInvalidation", { policy: "late", after: "60000000000" }, { kind: "completeInvalidation", policy: "late", itag: 0, afterNs: 60e9 }],
    ["completeInvalidation", { policy: "itag", itag: "31" }, { kind: "completeInvalidation", policy: "itag", itag: 31, afterNs: 0 }],
    ["link", { state: "down" }, { kind: "link", up: false }],
    ["flr", {}, { kind: "flr" }],
    ["received", {}, { kind: "received" }],
    ["reset", {}, "reset"],
  ];
  it.each(good)("%s %o", (name, given, action) => expect(actionOf(name, given)).toEqual(action));
  it("every action has a case above", () => expect(new Set(good.map(([name]) => name))).toEqual(new Set(Object.keys(ACTIONS))));

  const bad: [string, Given, RegExp, string][] = [
    ["jump", {}, /jump is no action: dma, translate/, "action"],
    ["dma", {}, /dma needs --iova/, "iova"],
    ["dma", { iova: "0x1000", pa: "1" }, /--pa is no key of dma: --pasid/, "pa"],
    ["flr", { pasid: "1" }, /--pasid is no key of flr: it has none/, "pasid"],
    ["dma", { iova: "0x1_0000_0000_0000_0000".replaceAll("_", "") }, /no number like .* below 2\^64/, "iova"],
    ["dma", { iova: "-1" }, /--iova -1 is no number/, "iova"],
    ["dma", { iova: "0", bytes: "abc" }, /--bytes abc is no whole number of hex bytes/, "bytes"],
    ["dma", { iova: "0", pasid: "0x100000000" }, /--pasid 0x100000000 is 2\^32 or more/, "pasid"],
    ["link", { state: "sideways" }, /--state sideways is not one of up, down/, "state"],
    ["completeInvalidation", { policy: "itag" }, /needs --itag/, "itag"],
    ["completeInvalidation", { policy: "late" }, /needs --after/, "after"],
  ];
  it.each(bad)("%s %o is an input error that names the key", (name, given, message, field) => {
    let failure: unknown;
    try {
      actionOf(name, given);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(Failure);
    expect(failure).toMatchObject({ kind: "input", message: expect.stringMatching(message), field });
  });
});
