/**
 * Why a node cannot carry Services, with the cure in the message.
 *
 * - `tool-missing`: a program of the host is not installed.
 * - `not-permitted`: the process lacks a right, usually root.
 * - `refused`: the kernel or a tool said no to something that should work.
 */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly code: "tool-missing" | "not-permitted" | "refused";

  constructor(code: ProxyError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
