import { stringify } from "yaml";
import type { KeyPair } from "./pki.ts";

export interface KubeconfigOptions {
  /** For instance `https://127.0.0.1:6443`. */
  readonly server: string;
  /** The cluster's CA, PEM. */
  readonly ca: string;
  readonly user: string;
  readonly credentials: KeyPair;
  /** `berth` unless told. */
  readonly context?: string;
}

/** A kubeconfig with one context, everything inline. It holds a private key: write it with mode 0600. Pure. */
export function formatKubeconfig(options: KubeconfigOptions): string {
  const { server, ca, user, credentials, context = "berth" } = options;
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: context, cluster: { server, "certificate-authority-data": base64(ca) } }],
      users: [
        {
          name: user,
          user: {
            "client-certificate-data": base64(credentials.cert),
            "client-key-data": base64(credentials.key),
          },
        },
      ],
      contexts: [{ name: context, context: { cluster: context, user, namespace: "default" } }],
      "current-context": context,
    },
    { lineWidth: 0 },
  );
}
