import { CMD_CFGI_CD, CMD_CFGI_STE_RANGE, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { Identity } from "../identity.ts";
import type { ConfigurationCache } from "../tlb/configuration-cache.ts";

const SSec = CMD_CFGI_CD.reader("SSec");
const StreamID = CMD_CFGI_CD.reader("StreamID");
const SubstreamID = CMD_CFGI_CD.reader("SubstreamID");
const Leaf = CMD_CFGI_CD.reader("Leaf");
const Range = CMD_CFGI_STE_RANGE.reader("Range");

/** Executes CMD_CFGI_*. False: CERROR_ILL (SSec = 1 on this queue, CD forms without stage 1). 4.3. */
export function executeCfgi(opcode: number, words: Uint32Array, cache: ConfigurationCache, identity: Identity): boolean {
  if (SSec(words, 0)) return false;
  const sid = StreamID(words, 0);
  switch (opcode) {
    case OPCODE.CMD_CFGI_STE:
      cache.invalidateSte(sid);
      return true;
    case OPCODE.CMD_CFGI_STE_RANGE: {
      const range = Range(words, 0);
      if (range === 31) cache.invalidateAll();
      else cache.invalidateSteRange((other) => Math.floor(other / 2 ** (range + 1)) === Math.floor(sid / 2 ** (range + 1)));
      return true;
    }
    case OPCODE.CMD_CFGI_CD:
      if (!identity.s1p) return false;
      cache.invalidateCd(sid, SubstreamID(words, 0), Leaf(words, 0) === 1);
      return true;
    case OPCODE.CMD_CFGI_CD_ALL:
      if (!identity.s1p) return false;
      cache.invalidateCds(sid);
      return true;
    default:
      return false; // CFGI_VMS_PIDM: MPAM is not implemented
  }
}
