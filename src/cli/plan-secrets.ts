import type { App, Secret } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { parseIdentities } from "../sync/sops/age-identities.ts";
import { HIDDEN_DATA } from "../sync/sops/plain-text.ts";
import type { SecretsPolicy } from "../sync/sops/secrets-policy.ts";
import type { ClusterState } from "./snapshot.ts";

/**
 * How a plan reads Secrets of an App: with its key where the cluster tells it, else with `own` keys, else for their
 * form alone. Pure.
 */
export function planPolicy(
  { spec }: App,
  { kind, objects }: Pick<ClusterState, "kind" | "objects">,
  own: readonly string[],
): SecretsPolicy {
  const { plain = "refuse", keySecretRef } = spec.secrets ?? {};
  const found = objects.find(
    (object): object is Secret =>
      kind === "cluster" &&
      object.kind === "Secret" &&
      object.metadata.name === keySecretRef?.name &&
      object.metadata.namespace === keySecretRef.namespace,
  );
  const texts = Object.values(found?.data ?? {}).map((value) =>
    Buffer.from(value, "base64").toString(),
  );
  return { plain, identities: [...texts.flatMap(parseIdentities), ...own], closed: "hide" };
}

/** A Secret that no key opened, with the content that the cluster has where Git says something that cannot be read. Pure. */
export function withKnownContent(
  object: ApiObject,
  { objects }: Pick<ClusterState, "objects">,
): { readonly object: ApiObject; readonly isHidden: boolean } {
  if (object.kind !== "Secret" || object.apiVersion !== "v1") return { object, isHidden: false };
  const { data = {} } = object as Secret;
  if (!Object.values(data).includes(HIDDEN_DATA)) return { object, isHidden: false };
  const { name, namespace } = object.metadata;
  const stored = objects.find(
    (other): other is Secret =>
      other.kind === "Secret" &&
      other.metadata.name === name &&
      other.metadata.namespace === namespace,
  );
  const known = Object.entries(data).map(([key, value]) => [
    key,
    value === HIDDEN_DATA ? (stored?.data?.[key] ?? value) : value,
  ]);
  return { object: { ...object, data: Object.fromEntries(known) } as Secret, isHidden: true };
}
