/** A JSON Schema (draft 2020-12) as far as this room looks into it, with our own `x-` words. */
export interface JsonSchema {
  readonly $id?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema | boolean>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly not?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  /** Fields that Kubernetes has and Berth has not yet; `true` for all that are not listed. */
  readonly "x-not-yet"?: readonly string[] | true;
  /** Values that Kubernetes has and Berth has not yet; `true` for all that are not listed. */
  readonly "x-not-yet-values"?: readonly unknown[] | true;
  /** Fields that are harmless to leave out, which is done with a warning, and why. */
  readonly "x-ignored"?: Readonly<Record<string, string>>;
  /** Fields that Berth will never take, with the reason and the cure. */
  readonly "x-refused"?: Readonly<Record<string, string>>;
  /** Values that Berth will never take, with the reason and the cure. */
  readonly "x-refused-values"?: Readonly<Record<string, string>>;
  /** The value must not stand in a message. */
  readonly "x-secret"?: boolean;
  readonly [keyword: string]: unknown;
}

/** schemas/known-kinds.json: kinds that exist elsewhere. */
export interface KnownKinds {
  readonly title: string;
  /** apiVersion → kinds that Kubernetes has and Berth has not yet. */
  readonly notYet: Readonly<Record<string, readonly string[]>>;
  /** Old apiVersion → kind → the apiVersion that took its place. */
  readonly oldVersions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Old apiVersion → kind, or `*` for all others → the version of Kubernetes that did away with it. */
  readonly removedIn: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Files of other tools: apiVersion → kind → what to do instead. */
  readonly tools: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Our own keywords, which a validator must let pass. */
export const OWN_KEYWORDS: readonly string[] = [
  "x-not-yet",
  "x-not-yet-values",
  "x-ignored",
  "x-refused",
  "x-refused-values",
  "x-secret",
];
