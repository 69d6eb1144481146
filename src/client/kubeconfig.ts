import { parseDocument } from "yaml";
import type { ApiCredentials } from "./transport.ts";

export type KubeconfigErrorCode = "invalid" | "no-context" | "unsupported";

/** A kubeconfig that cannot be used. `message` says what is wrong and names the field. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
  readonly code: KubeconfigErrorCode;

  constructor(code: KubeconfigErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What `readKubeconfig` finds in the current context, or in the one that is named. */
export interface KubeconfigEntry extends ApiCredentials {
  readonly context: string;
  readonly namespace: string;
}

/** The server and credentials of a kubeconfig's text. Everything must stand inline. Throws `KubeconfigError`. Pure. */
export function readKubeconfig(text: string, contextName?: string): KubeconfigEntry {
  const config = parse(text);
  const name = contextName ?? textAt(config, "current-context");
  if (name === undefined || name === "") {
    throw new KubeconfigError(
      "no-context",
      `Cannot use the kubeconfig: it has no "current-context"`,
    );
  }
  const context = named(config, "contexts", name, "context");
  const cluster = named(config, "clusters", required(context, "cluster", name), "cluster");
  const user = named(config, "users", required(context, "user", name), "user");
  return {
    context: name,
    namespace: textAt(context, "namespace") ?? "default",
    server: required(cluster, "server", name),
    ca: decoded(cluster, "certificate-authority-data"),
    cert: decoded(user, "client-certificate-data"),
    key: decoded(user, "client-key-data"),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function parse(text: string): Fields {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    throw new KubeconfigError("invalid", `Cannot read the kubeconfig: ${error.message}`);
  }
  const value: unknown = document.toJS();
  if (!isFields(value) || value["kind"] !== "Config") {
    throw new KubeconfigError("invalid", `Cannot read the kubeconfig: it is not of kind "Config"`);
  }
  return value;
}

/** The body of the entry called `name` in one of kubeconfig's three lists. */
function named(config: Fields, list: string, name: string, body: string): Fields {
  const entries = config[list];
  const found = Array.isArray(entries)
    ? (entries as unknown[]).find((entry) => isFields(entry) && entry["name"] === name)
    : undefined;
  const value = isFields(found) ? found[body] : undefined;
  if (isFields(value)) return value;
  throw new KubeconfigError("no-context", `Cannot find "${name}" in the kubeconfig's "${list}"`);
}

function required(fields: Fields, key: string, context: string): string {
  const value = textAt(fields, key);
  if (value !== undefined) return value;
  throw new KubeconfigError("invalid", `Cannot use the context "${context}": "${key}" is missing`);
}

function decoded(fields: Fields, key: string): string {
  const value = textAt(fields, key);
  if (value !== undefined) return Buffer.from(value, "base64").toString("utf8");
  throw new KubeconfigError(
    "unsupported",
    `Cannot use the kubeconfig: "${key}" is missing; files, tokens and plugins are not supported`,
  );
}

function textAt(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  return typeof value === "string" ? value : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
