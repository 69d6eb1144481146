/** Something the user can mend: one message, a cure, an exit code. Shown without a stack trace. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly cure: string | undefined;
  readonly exitCode: number;

  constructor(
    message: string,
    options: { readonly cure?: string; readonly exitCode?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.cure = options.cure;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The message as the terminal shows it. */
export function formatCliError(error: CliError): string {
  return error.cure === undefined
    ? `berth: ${error.message}`
    : `berth: ${error.message}\n  → ${error.cure}`;
}
