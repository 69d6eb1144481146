import type { ApiObject } from "../../model/meta.ts";
import type { Finding } from "../finding.ts";

/** An object of the tree with whatever the caller needs to find its place again. */
export interface Declared {
  readonly object: ApiObject;
  readonly file?: { readonly isEncrypted?: boolean };
}

/** A finding, and whose it is. The place of `other` is what the message ends with. */
export interface TreeFinding<D extends Declared> {
  readonly declared: D;
  readonly finding: Finding;
  readonly other?: D;
}
