import type { App, Secret } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { accessOf, type Access } from "../sync/access.ts";

/** What the App's repository asks for, out of the Secret that it names; `undefined` when it names none, or none is there. Pure. */
export function accessOfApp({ spec }: App, objects: readonly ApiObject[]): Access | undefined {
  const { secretRef } = spec;
  if (secretRef === undefined) return undefined;
  const secret = objects.find(
    (object): object is Secret =>
      object.kind === "Secret" &&
      object.metadata.name === secretRef.name &&
      object.metadata.namespace === secretRef.namespace,
  );
  return secret === undefined ? undefined : accessOf(secret.data ?? {});
}
