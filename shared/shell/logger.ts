import { type Logger, pino } from "pino";

export type { Logger } from "pino";

const STDERR = 2;
/** For people: one line a message. */
const pretty = process.stderr.isTTY
  ? (await import("pino-pretty")).default({ destination: STDERR, sync: true, colorize: !process.env.NO_COLOR, ignore: "pid,hostname" })
  : null;

/** Life-cycle at info, faults at debug; JSON lines on stderr, because stdout is data; pretty ones on a terminal. */
export function createLogger(name: string, level: string): Logger {
  return pino({ name, level }, pretty ?? pino.destination({ dest: STDERR, sync: true }));
}
