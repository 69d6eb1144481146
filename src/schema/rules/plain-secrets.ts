import type { Secret } from "../../model/kinds.gen.ts";
import type { Finding } from "../finding.ts";
import type { Declared, TreeFinding } from "./tree-finding.ts";

/** What an App does with Secrets that stand in Git as plain text. */
export type PlainSecrets = "allow" | "warn" | "refuse";

/** Secrets with content, unless they are allowed. Their values are no part of the message. Pure. */
export function findPlainSecrets<D extends Declared>(
  declared: readonly D[],
  policy: PlainSecrets,
): TreeFinding<D>[] {
  if (policy === "allow") return [];
  return declared.flatMap((item) => {
    if (item.object.apiVersion !== "v1" || item.object.kind !== "Secret") return [];
    if (item.file?.isEncrypted === true) return [];
    const { data = {} } = item.object as Secret;
    if (Object.keys(data).length === 0) return [];
    const finding: Finding = {
      code: "secret/plain",
      message: "The Secret stands in Git as plain text: base64 hides nothing",
      path: ["kind"],
      ...(policy === "warn" ? { harmless: true } : {}),
      hint: "encrypt the file: berth secret encrypt FILE; or let the App allow it: spec.secrets.plain: allow",
    };
    return [{ declared: item, finding }];
  });
}
