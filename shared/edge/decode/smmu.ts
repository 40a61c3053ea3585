import { CMD_PRI_RESP, OPCODE } from "../../arm-smmu-v3/command.ts";
import { commandStruct } from "../../arm-smmu-v3/decode-command.ts";
import { EVENT } from "../../arm-smmu-v3/event-record.ts";
import { PRIQ_ENTRY } from "../../arm-smmu-v3/page-request.ts";
import { hex } from "../../codec/uint64.ts";
import type { PostedWrite } from "../envelope.ts";
import type { EdgeRecord } from "../records.ts";
import type { HostToSmmu, SmmuToHost } from "../smmu.ts";

/** Commands leave with whatever message the host sends next. */
const fromHost: ReadonlySet<string> = new Set(["mmioRead", "mmioWrite", "configWrite", "power"]);
const names = new Map<number, string>(Object.entries(OPCODE).map(([name, opcode]) => [opcode, name]));

/** Records of smmu/v1: 16-byte writes from the host are commands; from the SMMU 16 bytes are a PRI queue record and 32 an event. */
export function decodeSmmu(body: HostToSmmu | SmmuToHost, writes: readonly PostedWrite[]): EdgeRecord[] {
  return writes.flatMap(({ data }, write): EdgeRecord[] => {
    if (fromHost.has(body.kind)) return commands(data, write);
    const bytes = { write, offset: 0 };
    if (data.length === 16) return [{ ...priqRecord(data), bytes }];
    return data.length === 32 ? [{ ...eventRecord(data), bytes }] : [];
  });
}

function commands(data: Uint8Array, write: number): EdgeRecord[] {
  const records: EdgeRecord[] = [];
  for (let at = 0; at + 16 <= data.length; at += 16) {
    const entry = data.subarray(at, at + 16);
    const name = names.get(entry[0]) ?? hex(entry[0]);
    const c = CMD_PRI_RESP.decode(entry);
    const isResponse = entry[0] === OPCODE.CMD_PRI_RESP;
    const layout = commandStruct(entry[0])?.layout;
    records.push({
      record: "command",
      ids: {
        ...(layout?.StreamID ? { sid: hex(c.StreamID) } : {}),
        ...(isResponse ? { grpid: Number(c.PRGIndex), ...(c.SSV ? { pasid: Number(c.SubstreamID) } : {}) } : {}),
      },
      fields: { name, ...(isResponse ? { Resp: Number(c.Resp) } : {}) },
      bytes: { write, offset: at },
      layout,
    });
  }
  return records;
}

function priqRecord(data: Uint8Array): EdgeRecord {
  const r = PRIQ_ENTRY.decode(data);
  return {
    record: "priq-record",
    ids: { sid: hex(r.StreamID), grpid: Number(r.PRGIndex), iova: hex(r.Addr << 12n), ...(r.SSV ? { pasid: Number(r.SubstreamID) } : {}) },
    layout: PRIQ_ENTRY.layout,
    fields: { R: Number(r.R), W: Number(r.W), Last: Number(r.Last), SSV: Number(r.SSV) },
  };
}

function eventRecord(data: Uint8Array): EdgeRecord {
  const e = EVENT.decode(data);
  return {
    record: "event-record",
    ids: { sid: hex(e.StreamID), ...(e.SSV ? { ssid: Number(e.SubstreamID) } : {}), iova: hex(e.InputAddr) },
    layout: EVENT.layout,
    fields: { ID: Number(e.ID), RnW: Number(e.RnW), S2: Number(e.S2), Stall: Number(e.Stall) },
  };
}
