import { pino } from "pino";
import type { Logger } from "../base/logger.ts";
import { describeError } from "../controller/loop.ts";

/** JSON lines on standard output, as the supervisor collects them. `BERTH_LOG_LEVEL` sets the level. */
export function foregroundLogger(name: string): Logger {
  return pino({
    name,
    level: process.env["BERTH_LOG_LEVEL"] ?? "info",
    base: { pid: process.pid },
    serializers: { error: describeError },
  });
}
