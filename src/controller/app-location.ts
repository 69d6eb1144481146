import type { App, AppSpec, Secret } from "../model/kinds.gen.ts";
import type { ObjectRef } from "../model/meta.ts";
import { ACCESS_KEYS, accessOf, type Access } from "../sync/access.ts";
import { GitError } from "../sync/git.ts";
import { redactCredentials } from "../sync/git-url.ts";
import { parseIdentities } from "../sync/sops/age-identities.ts";
import type { SecretsPolicy } from "../sync/sops/secrets-policy.ts";
import type { SourceLocation, Wanted } from "../sync/source.ts";
import type { ObjectStore } from "../store/object-store.ts";

/** Where the App's manifests are, and how they are read. Throws `GitError` when the Secret for it is not there. */
export function locationOf(app: App, objects: Pick<ObjectStore, "get">): SourceLocation {
  const { repo, branch, path, namespace, ignore } = app.spec;
  const revision = revisionOf(app.spec);
  const access = accessFor(app, objects);
  const secrets = secretsPolicy(app, objects);
  return {
    repo,
    branch,
    path,
    namespace,
    ...(revision === undefined ? {} : { revision }),
    ...(ignore === undefined ? {} : { ignore }),
    ...(access === undefined ? {} : { access }),
    secrets,
  };
}

/** What is followed in place of the branch: the most exact word wins. Pure. */
export function revisionOf({ commit, tag, semver, ref }: AppSpec): Wanted | undefined {
  if (commit !== undefined) return { kind: "commit", id: commit };
  if (tag !== undefined) return { kind: "tag", name: tag };
  if (semver !== undefined) return { kind: "semver", range: semver };
  return ref === undefined ? undefined : { kind: "ref", name: ref };
}

/** Names the Secrets that the App reads. Pure. */
export function secretsOf({ spec }: App): readonly ObjectRef[] {
  return [spec.secretRef, spec.webhookSecretRef, spec.secrets?.keySecretRef].flatMap((ref) =>
    ref === undefined
      ? []
      : [{ apiVersion: "v1", kind: "Secret", namespace: ref.namespace, name: ref.name }],
  );
}

/** Secrets are encrypted in Git unless the App says otherwise; the cluster's key opens them unless it names its own. */
function secretsPolicy({ spec }: App, objects: Pick<ObjectStore, "get">): SecretsPolicy {
  const { plain = "refuse", recipients = [], keySecretRef } = spec.secrets ?? {};
  const policy = { plain, ...(recipients.length === 0 ? {} : { recipients }) };
  if (keySecretRef === undefined) return policy;
  const { namespace, name } = keySecretRef;
  const ref = { apiVersion: "v1", kind: "Secret", namespace, name };
  const { data = {} } = (objects.get(ref)?.object as Secret | undefined) ?? {};
  const texts = Object.values(data).map((value) => Buffer.from(value, "base64").toString());
  const identities = texts.flatMap(parseIdentities);
  if (identities.length > 0) return { ...policy, identities };
  throw new GitError(
    "unauthorized",
    `Cannot open Secrets of repository "${redactCredentials(spec.repo)}": Secret "${namespace}/${name}" is not there, or has no private age key in it; make it with the key in one of its values`,
  );
}

function accessFor({ spec }: App, objects: Pick<ObjectStore, "get">): Access | undefined {
  const { secretRef } = spec;
  if (secretRef === undefined) return undefined;
  const { namespace, name } = secretRef;
  const ref = { apiVersion: "v1", kind: "Secret", namespace, name };
  const secret = objects.get(ref)?.object as Secret | undefined;
  const shown = redactCredentials(spec.repo);
  if (secret === undefined)
    throw new GitError(
      "unauthorized",
      `Cannot read repository "${shown}": there is no Secret "${namespace}/${name}"; make it, with the keys that the repository asks for`,
    );
  const access = accessOf(secret.data ?? {});
  if (Object.keys(access).length > 0) return access;
  throw new GitError(
    "unauthorized",
    `Cannot read repository "${shown}": Secret "${namespace}/${name}" has none of the keys ${ACCESS_KEYS.join(", ")}; put them in`,
  );
}
