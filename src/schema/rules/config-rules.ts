import type { ConfigMap, Secret } from "../../model/kinds.gen.ts";
import type { StringMap } from "../../model/meta.ts";
import type { Finding } from "../finding.ts";
import { listWords } from "../finding.ts";

/** Kubernetes' limit for the content of a ConfigMap or Secret: 1 MiB. */
const MAX_CONTENT_BYTES = 1_048_576;

/** Keys that a Secret of a type must have. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

/** What must hold in a ConfigMap. Pure. */
export function checkConfigMap({ data, binaryData }: ConfigMap): readonly Finding[] {
  const both = Object.keys(binaryData ?? {}).filter((key) => Object.hasOwn(data ?? {}, key));
  return [
    ...both.map((key) => ({
      code: "field/conflict" as const,
      message: `The key "${key}" stands in data and in binaryData`,
      path: ["binaryData", key],
      on: "key" as const,
      hint: "keep one of the two",
    })),
    ...checkSize(textBytes(data) + base64Bytes(binaryData)),
  ];
}

/** What must hold in a Secret. Its values are never part of a message. Pure. */
export function checkSecret({ type, data }: Secret): readonly Finding[] {
  const required = Object.hasOwn(REQUIRED_KEYS, type) ? (REQUIRED_KEYS[type] ?? []) : [];
  const missing = required.filter((key) => !Object.hasOwn(data ?? {}, key));
  const findings: Finding[] = [...checkSize(base64Bytes(data))];
  if (missing.length > 0) {
    findings.push({
      code: "secret/missing-key",
      message: `A Secret of type "${type}" must have the key ${listWords(missing, "and")}`,
      path: ["type"],
    });
  }
  if (type === "kubernetes.io/service-account-token") {
    const message = `type "${type}" is not supported yet`;
    findings.push({ code: "field/not-yet", message, path: ["type"] });
  }
  return findings;
}

function checkSize(bytes: number): readonly Finding[] {
  if (bytes <= MAX_CONTENT_BYTES) return [];
  return [
    {
      code: "object/too-large",
      message: `The content must be at most ${MAX_CONTENT_BYTES} bytes: it is ${bytes}`,
      path: ["data"],
      on: "key",
      hint: "put large files into an image or a volume",
    },
  ];
}

function textBytes(data: StringMap | undefined): number {
  const encoder = new TextEncoder();
  return Object.values(data ?? {}).reduce((sum, text) => sum + encoder.encode(text).length, 0);
}

function base64Bytes(data: StringMap | undefined): number {
  return Object.values(data ?? {}).reduce(
    (sum, text) => sum + Math.floor((text.length * 3) / 4),
    0,
  );
}
