import { bitStruct } from "../codec/bit-struct.ts";

/** Third header doubleword of a PRG Response message (PCIe 10.4.2; the places are not confirmed by a source at hand beyond the widths). */
export const prgResponseMessage = bitStruct("prgResponseMessage", 4, { PRGIndex: [8, 0], ResponseCode: [15, 12], DestinationDeviceID: [31, 16] });

/** 10.4.2.1; every other code acts as Response Failure. */
export const PRG_RESPONSE = { Success: 0b0000, InvalidRequest: 0b0001, ResponseFailure: 0b1111 } as const;
