import { mapField } from "./default-fields.ts";
import { asFields } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** Port of a conversion webhook's Service. */
const WEBHOOK_PORT = 443;

/** What Kubernetes fills into the spec of a CustomResourceDefinition. Pure, idempotent. */
export function defaultDefinitionSpec(spec: Fields): Fields {
  const names = asFields(spec["names"]);
  const kind = String(names["kind"]);
  return {
    ...spec,
    names: { singular: kind.toLowerCase(), listKind: `${kind}List`, ...names },
    conversion: defaultConversion(asFields(spec["conversion"])),
  };
}

function defaultConversion(conversion: Fields): Fields {
  return {
    strategy: "None",
    ...conversion,
    ...mapField(conversion, "webhook", (webhook) => ({
      ...webhook,
      ...mapField(webhook, "clientConfig", (client) => ({
        ...client,
        ...mapField(client, "service", (service) => ({ port: WEBHOOK_PORT, ...service })),
      })),
    })),
  };
}
