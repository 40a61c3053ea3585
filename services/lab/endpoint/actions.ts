import { parseSize } from "@faultline/shared/machine/units.ts";
import { type Action, INVALIDATION_POLICIES, type InvalidationPolicy, type Payload, type Prefix } from "@faultline/shared/shell/endpoint-actions.ts";
import { inputError } from "../cli/errors.ts";

/** Keys of `faultline endpoint do`, as the command line has them: without a value when `value` is null. */
export const KEYS = {
  pasid: { value: "n", sentence: "PASID of the request (default: none)" },
  priv: { value: null, sentence: "privileged; with a PASID" },
  exec: { value: null, sentence: "execute requested; with a PASID" },
  read: { value: null, sentence: "R of a page request (default: R, unless --write says W)" },
  write: { value: null, sentence: "a write; W of a page request" },
  nw: { value: null, sentence: "no write: the request does not ask for W (NW)" },
  iova: { value: "address", sentence: "untranslated address" },
  address: { value: "address", sentence: "untranslated address of a translation or page request" },
  pa: { value: "address", sentence: "translated address, granted or not" },
  bytes: { value: "hex", sentence: "what a write writes" },
  length: { value: "n", sentence: "bytes of a read, or of zeros written; 0: moves nothing, needs the permission (default 8)" },
  count: { value: "n", sentence: "translations of one request (default 1); groups of a flood (default 16)" },
  prgi: { value: "n", sentence: "PRG index, 0 to 511 (default 0)" },
  last: { value: "yes|no", sentence: "last request of its group (default yes)" },
  wait: { value: "ms", sentence: "wait so long for PRG Responses (default 2000)" },
  policy: { value: "policy", sentence: "answer, never, late, or itag: one completion now" },
  itag: { value: "n", sentence: "ITag of a completion, asked for or not" },
  after: { value: "ns", sentence: "late: so long after the request" },
  state: { value: "up|down", sentence: "state of the link" },
} as const satisfies Record<string, { value: string | null; sentence: string }>;
export type Key = keyof typeof KEYS;
export type Given = Partial<Record<Key, string | boolean>>;

const PREFIX = ["pasid", "priv", "exec"] as const;
const PAGE_REQUEST = [...PREFIX, "prgi", "read", "write", "address", "wait"] as const;

/** Actions of interfaces.md, section 6, with their keys; those in `needs` must be given. `reset` is of the machine. */
export const ACTIONS = {
  dma: { sentence: "untranslated DMA", keys: [...PREFIX, "iova", "write", "bytes", "length"], needs: ["iova"] },
  translate: { sentence: "an ATS translation request", keys: [...PREFIX, "address", "count", "nw"], needs: ["address"] },
  translatedDma: { sentence: "DMA to a translated address, whether or not anybody granted it", keys: ["pa", "write", "bytes", "length"], needs: ["pa"] },
  pageRequest: { sentence: "one Page Request message; the last of a group waits for its response", keys: [...PAGE_REQUEST, "last"], needs: ["address"] },
  stopMarker: { sentence: "a Stop Marker of a PASID", keys: ["pasid"], needs: ["pasid"] },
  completeInvalidation: { sentence: "how Invalidate Requests are answered from now on, or one completion now", keys: ["policy", "itag", "after"], needs: ["policy"] },
  flood: { sentence: "groups of one page, a page and a PRG index apart", keys: [...PAGE_REQUEST, "count"], needs: ["address"] },
  link: { sentence: "cuts the link (surprise removal; of any function) or brings it back", keys: ["state"], needs: ["state"] },
  flr: { sentence: "a function level reset", keys: [], needs: [] },
  received: { sentence: "PRG Responses and Invalidate Requests that arrived and were not shown yet; state of the function", keys: [], needs: [] },
  reset: { sentence: "the whole machine is powered on again: registers, caches, queues and RAM", keys: [], needs: [] },
} as const satisfies Record<Action["kind"] | "reset", { sentence: string; keys: readonly Key[]; needs: readonly Key[] }>;
export type ActionName = keyof typeof ACTIONS;

/** The action and its keys: input errors name the key that is wrong, missing, or none of this action. */
export function actionOf(name: string, given: Given): Action | "reset" {
  if (!Object.hasOwn(ACTIONS, name)) throw inputError(`${name} is no action: ${Object.keys(ACTIONS).join(", ")}`, "action");
  const { keys, needs }: { keys: readonly Key[]; needs: readonly Key[] } = ACTIONS[name as ActionName];
  for (const key of Object.keys(given) as Key[]) {
    if (!keys.includes(key)) throw inputError(`--${key} is no key of ${name}: ${keys.map((known) => `--${known}`).join(", ") || "it has none"}`, key);
  }
  for (const key of needs) if (given[key] === undefined) throw inputError(`${name} needs --${key}: ${KEYS[key].sentence}`, key);
  return build(name as ActionName, given);
}

function build(name: ActionName, given: Given): Action | "reset" {
  switch (name) {
    case "reset":
      return "reset";
    case "flr":
    case "received":
      return { kind: name };
    case "dma":
      return { kind: name, iova: integer("iova", given), ...prefix(given), ...payload(given) };
    case "translatedDma":
      return { kind: name, pa: integer("pa", given), ...payload(given) };
    case "translate":
      return { kind: name, ...prefix(given), noWrite: given.nw === true, address: integer("address", given), count: number("count", given, 1) };
    case "pageRequest":
      return { kind: name, ...pageRequest(given), last: word("last", given, ["yes", "no"], "yes") === "yes" };
    case "flood":
      return { kind: name, ...pageRequest(given), last: true, count: number("count", given, 16) };
    case "stopMarker":
      return { kind: name, ssid: number("pasid", given, 0) };
    case "completeInvalidation": {
      const policy = word<InvalidationPolicy>("policy", given, INVALIDATION_POLICIES, "answer");
      if (policy === "itag" && given.itag === undefined) throw inputError("policy itag needs --itag: which completion to send", "itag");
      if (policy === "late" && given.after === undefined) throw inputError("policy late needs --after: nanoseconds", "after");
      return { kind: name, policy, itag: number("itag", given, 0), afterNs: number("after", given, 0) };
    }
    case "link":
      return { kind: name, up: word("state", given, ["up", "down"], "up") === "up" };
  }
}

const prefix = (given: Given): Prefix => ({
  ssid: given.pasid === undefined ? null : number("pasid", given, 0),
  priv: given.priv === true,
  exec: given.exec === true,
});

function payload(given: Given): Payload {
  const write = given.write === true || given.bytes !== undefined;
  if (given.bytes === undefined) return { write, length: number("length", given, 8) };
  const text = String(given.bytes).replace(/^0x/, "");
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw inputError(`--bytes ${given.bytes} is no whole number of hex bytes`, "bytes");
  const data = Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  return { write, length: data.length, data };
}

const pageRequest = (given: Given) => ({
  ...prefix(given),
  prgi: number("prgi", given, 0),
  read: given.read === true || given.write !== true,
  write: given.write === true,
  address: integer("address", given),
  waitMs: number("wait", given, 2000),
});

/** Decimal, 0x hex, or a size like 64KiB, below 2^64. */
function integer(key: Key, given: Given): bigint {
  const text = String(given[key]);
  const value = /^(\d+|0x[0-9a-f]+)$/i.test(text) ? BigInt(text) : BigInt(parseSize(text) ?? -1);
  if (value < 0n || value >= 1n << 64n) throw inputError(`--${key} ${text} is no number like 4096 or 0x1000 below 2^64`, key);
  return value;
}

/** Fits every field of a message; what its own field allows, the service says. */
function number(key: Key, given: Given, otherwise: number): number {
  if (given[key] === undefined) return otherwise;
  const value = Number(integer(key, given));
  if (key !== "after" && value >= 2 ** 32) throw inputError(`--${key} ${given[key]} is 2^32 or more`, key);
  return value;
}

function word<T extends string>(key: Key, given: Given, words: readonly T[], otherwise: T): T {
  const value = given[key] ?? otherwise;
  const known = words.find((one) => one === value);
  if (!known) throw inputError(`--${key} ${value} is not one of ${words.join(", ")}`, key);
  return known;
}
