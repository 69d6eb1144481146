import { apiVersionOf, findResource, RESOURCES } from "../model/resources.ts";
import type { Finding } from "./finding.ts";
import { quote, show } from "./finding.ts";
import type { JsonSchema } from "./json-schema.ts";
import { KNOWN_KINDS, SCHEMAS } from "./schemas.gen.ts";
import { didYouMean } from "./suggest.ts";

/** A kind that a manifest may be of, with its schema. */
export interface DeclaredKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly schema: JsonSchema;
}

/** Every kind that schemas/ describe, `v1 List` among them. */
export const KINDS: readonly DeclaredKind[] = SCHEMAS.flatMap((schema) => {
  const apiVersion = constOf(schema, "apiVersion");
  const kind = constOf(schema, "kind");
  return apiVersion === undefined || kind === undefined ? [] : [{ apiVersion, kind, schema }];
});

const BY_NAME: ReadonlyMap<string, DeclaredKind> = new Map(
  KINDS.map((declared) => [`${declared.apiVersion}/${declared.kind}`, declared]),
);

/** The schema of a kind, or `undefined` where a manifest cannot be of it. Pure. */
export function findKind(apiVersion: string, kind: string): DeclaredKind | undefined {
  return BY_NAME.get(`${apiVersion}/${kind}`);
}

/** Why an object cannot be declared, for an `apiVersion` and `kind` that `findKind` does not know. Pure. */
export function explainKind(apiVersion: string, kind: string): Finding {
  const name = `${apiVersion} ${kind}`;
  const path = ["kind"];
  const newer = own(own(KNOWN_KINDS.oldVersions, apiVersion), kind);
  if (newer !== undefined) {
    const removals = own(KNOWN_KINDS.removedIn, apiVersion);
    const removed = own(removals, kind) ?? own(removals, "*");
    return {
      code: "kind/old-version",
      message:
        removed === undefined
          ? `${show(name)} is an old version of ${kind}`
          : `${show(name)} was removed in Kubernetes ${removed}`,
      path: ["apiVersion"],
      hint: `write "apiVersion: ${newer}" and compare the fields`,
    };
  }
  const tool = own(own(KNOWN_KINDS.tools, apiVersion), kind);
  if (tool !== undefined) {
    return {
      code: "kind/not-yet",
      message: `${show(name)} is not supported yet`,
      path,
      hint: tool,
    };
  }
  if (own(KNOWN_KINDS.notYet, apiVersion)?.includes(kind) === true) {
    return {
      code: "kind/not-yet",
      message: `${show(name)} is not supported yet`,
      path,
      hint: "remove it, or keep it outside the App's path",
    };
  }
  if (findResource(apiVersion, kind) !== undefined) {
    return {
      code: "kind/not-declarable",
      message: `${show(name)} is written by Berth and cannot be declared`,
      path,
      hint: "remove it",
    };
  }
  return explainUnknown(apiVersion, kind);
}

function explainUnknown(apiVersion: string, kind: string): Finding {
  const versions = versionsOf(kind);
  if (versions.length > 0) {
    return {
      code: "kind/wrong-version",
      message: `${kind} is not in apiVersion ${quote(apiVersion)}`,
      path: ["apiVersion"],
      hint: `write "apiVersion: ${versions[0] ?? ""}"`,
    };
  }
  const hint = didYouMean(kind, ALL_KIND_NAMES);
  return {
    code: "kind/unknown",
    message: `${show(`${apiVersion} ${kind}`)} is no kind that Berth knows`,
    path: ["kind"],
    ...(hint === undefined ? {} : { hint }),
  };
}

const ALL_KIND_NAMES: readonly string[] = [
  ...new Set([
    ...KINDS.map((declared) => declared.kind),
    ...Object.values(KNOWN_KINDS.notYet).flat(),
    ...RESOURCES.map((resource) => resource.kind),
  ]),
];

/** Versions under which a kind exists, the ones that can be declared first. */
function versionsOf(kind: string): readonly string[] {
  return [
    ...KINDS.filter((declared) => declared.kind === kind).map((declared) => declared.apiVersion),
    ...Object.entries(KNOWN_KINDS.notYet)
      .filter(([, kinds]) => kinds.includes(kind))
      .map(([apiVersion]) => apiVersion),
    ...RESOURCES.filter((resource) => resource.kind === kind).map(apiVersionOf),
  ];
}

/** A record's own value: names come from users, and may be those of Object's methods. */
function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

function constOf(schema: JsonSchema, field: string): string | undefined {
  const property = schema.properties?.[field];
  return typeof property === "object" && typeof property.const === "string"
    ? property.const
    : undefined;
}
