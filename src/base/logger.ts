type Fields = Readonly<Record<string, unknown>>;

/** Structured log, as pino has it. Fields first, then a sentence. Never a secret. */
export interface Logger {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

/** Drops everything: for tests and for commands that print for people. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
