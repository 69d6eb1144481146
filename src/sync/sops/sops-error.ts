/** Codes of problems, as `docs/problems.md` lists them. */
export type SopsErrorCode =
  /** None of the keys at hand opens the file. */
  | "secret/no-key"
  /** The content is not what was encrypted: the file was changed by hand, or is incomplete. */
  | "secret/damaged"
  /** The file uses what Berth does not know. */
  | "secret/unsupported";

/** A file in the format of SOPS cannot be read or written. Neither message nor cure quotes any of its values. */
export class SopsError extends Error {
  override readonly name = "SopsError";
  readonly code: SopsErrorCode;
  readonly cure: string;

  constructor(code: SopsErrorCode, message: string, cure: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.cure = cure;
  }
}
