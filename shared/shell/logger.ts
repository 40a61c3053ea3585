import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Life-cycle at info, faults at debug; JSON lines on stderr, because stdout is data. */
export function createLogger(name: string, level: string): Logger {
  return pino({ name, level }, pino.destination({ dest: 2, sync: true }));
}
