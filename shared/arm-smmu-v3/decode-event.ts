import { fieldsOf } from "../state/fields.ts";
import { CLASS, EVENT, EVENT_ID, type EventName } from "./event-record.ts";

type Field = keyof typeof EVENT.layout;

const stream: Field[] = ["SSV", "SubstreamID", "StreamID"];
const access: Field[] = ["PnU", "InD", "RnW"];
const fetch: Field[] = [...stream, "Reason", "GPCF", "FetchAddr"];
const translation: Field[] = [...stream, "Stall", "STAG", ...access, "NSIPA", "S2", "CLASS", "InputAddr", "IPA"];

/** The fields that an event defines, in their order; others share their bits. Arm IHI 0070 G.b, 7.3. Those of F_BAD_ATS_TREQ without a published position are left out, as E_PAGE_REQUEST's are: nobody here writes it. */
const FIELDS: Record<EventName, Field[]> = {
  F_UUT: [...stream, "Reason", ...access, "InputAddr"],
  C_BAD_STREAMID: stream,
  F_STE_FETCH: fetch,
  C_BAD_STE: stream,
  F_BAD_ATS_TREQ: [...stream, "InputAddr"],
  F_STREAM_DISABLED: ["StreamID"],
  F_TRANSL_FORBIDDEN: ["StreamID", "RnW", "InputAddr"],
  C_BAD_SUBSTREAMID: ["SubstreamID", "StreamID"],
  F_CD_FETCH: fetch,
  C_BAD_CD: stream,
  F_WALK_EABT: [...stream, "Reason", "GPCF", ...access, "S2", "CLASS", "InputAddr", "FetchAddr"],
  F_TRANSLATION: translation,
  F_ADDR_SIZE: translation,
  F_ACCESS: translation,
  F_PERMISSION: [...translation, "TTRnW"],
  F_TLB_CONFLICT: [...stream, "Reason", ...access, "S2", "CLASS", "InputAddr", "IPA"],
  F_CFG_CONFLICT: [...stream, "Reason"],
  E_PAGE_REQUEST: [...stream, "InputAddr"],
  F_VMS_FETCH: fetch,
};
const names = new Map<number, EventName>(Object.entries(EVENT_ID).map(([name, id]) => [id, name as EventName]));

export interface DecodedEvent {
  name: string;
  fields: Record<string, number | string>;
}

/** One 32-byte record for people: its name and the fields that it defines; those that depend on another (SubstreamID, STAG, IPA, TTRnW) are left out where they say nothing. An unknown event keeps its number. */
export function decodeEvent(bytes: Uint8Array): DecodedEvent {
  const name = names.get(bytes[0]);
  if (name === undefined) return { name: `0x${bytes[0].toString(16).padStart(2, "0")}`, fields: {} };
  const all = fieldsOf(EVENT, bytes);
  const absent = new Set<Field>();
  if (all.SSV === 0 && name !== "C_BAD_SUBSTREAMID") absent.add("SubstreamID");
  if (all.Stall === 0) absent.add("STAG");
  if (all.S2 === 0) absent.add("IPA");
  if (all.CLASS !== CLASS.TT) absent.add("TTRnW");
  return { name, fields: Object.fromEntries(FIELDS[name].filter((field) => !absent.has(field) || BigInt(all[field]) !== 0n).map((field) => [field, all[field]])) };
}
