import { homedir } from "node:os";
import { join } from "node:path";

/** Where Node keeps what it compiled: the second start of a service takes half the time of the first. Of no harm when it cannot be written. */
export const compileCache = (): string => process.env.NODE_COMPILE_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "faultline");
