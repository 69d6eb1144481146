import { encodeBase64 } from "./base64.ts";
import { asFields } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** What Kubernetes fills into a Namespace: the label that selectors know it by. Pure, idempotent. */
export function defaultNamespace(object: Fields): Fields {
  const metadata = asFields(object["metadata"]);
  const labels = {
    ...asFields(metadata["labels"]),
    "kubernetes.io/metadata.name": metadata["name"],
  };
  return { ...object, metadata: { ...metadata, labels } };
}

/** What Kubernetes fills into a Secret; plain text is encoded. Pure, idempotent. */
export function defaultSecret(object: Fields): Fields {
  const { stringData, ...rest } = object;
  const data: Record<string, string> = {};
  // Line breaks in base64 mean nothing; without them equal contents are equal texts.
  for (const [key, text] of Object.entries(asFields(object["data"])))
    data[key] = String(text).replaceAll(/[\r\n]/g, "");
  for (const [key, text] of Object.entries(asFields(stringData)))
    data[key] = encodeBase64(String(text));
  const hasData = Object.keys(data).length > 0 || object["data"] !== undefined;
  return { type: "Opaque", ...rest, ...(hasData ? { data } : {}) };
}
