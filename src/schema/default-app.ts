import type { Default } from "./default-fields.ts";
import { mapField } from "./default-fields.ts";

/** Berth's own Secrets are in a namespace of its own. */
const SECRET_NAMESPACE = "berth-system";

/** Where an App's manifests are unless it says so. Pure, idempotent. */
export const defaultAppSpec: Default = (spec) => ({
  branch: "main",
  path: ".",
  namespace: "default",
  intervalSeconds: 60,
  prune: true,
  ...spec,
  ...mapField(spec, "secretRef", defaultReference),
  ...mapField(spec, "webhookSecretRef", defaultReference),
  ...mapField(spec, "secrets", defaultSecrets),
});

const defaultReference: Default = (reference) => ({ namespace: SECRET_NAMESPACE, ...reference });

const defaultSecrets: Default = (secrets) => ({
  plain: "refuse",
  ...secrets,
  ...mapField(secrets, "keySecretRef", defaultReference),
});
