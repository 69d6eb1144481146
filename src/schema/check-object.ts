import type { ApiObject } from "../model/meta.ts";
import { checkConversion, convertAutoscaler } from "./convert-hpa.ts";
import { defaultObject } from "./default-object.ts";
import { isFields } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { show } from "./finding.ts";
import type { Finding } from "./finding.ts";
import { explainKind, findKind } from "./kinds.ts";
import { checkRules } from "./rules/object-rules.ts";
import { validateObject } from "./validate-object.ts";

export interface CheckedObject {
  /** Valid and defaulted. Absent when a finding is not harmless. */
  readonly object?: ApiObject;
  readonly findings: readonly Finding[];
}

/**
 * One object through kind, schema, defaulting and the rules between its fields. `namespace` is for an object that
 * names none. Takes any value; never throws. Pure.
 */
export function checkObject(value: unknown, namespace: string): CheckedObject {
  const unknownKind = checkKind(value);
  if (unknownKind !== undefined) return { findings: [unknownKind] };
  const { apiVersion, kind } = value as ApiObject;
  const declared = findKind(apiVersion, kind);
  if (declared === undefined) return { findings: [explainKind(apiVersion, kind)] };
  const validated = validateObject(value, declared);
  // A List is only a wrapper: its items are the objects.
  if (kind === "List" || validated.findings.some(isHarmful))
    return { findings: validated.findings };
  return finishObject(validated.value as Fields, validated.findings, namespace);
}

/** What follows once the schema has accepted an object: its stored version, defaulting and the rules. Pure. */
export function finishObject(
  valid: Fields,
  known: readonly Finding[],
  namespace: string,
): CheckedObject {
  const isOld = valid["apiVersion"] === "autoscaling/v1";
  const lost = isOld ? checkConversion(valid) : [];
  if (lost.length > 0) return { findings: [...known, ...lost] };
  const stored = isOld ? convertAutoscaler(valid) : valid;
  const object = defaultObject(stored as unknown as ApiObject, namespace);
  const findings = [...known, ...checkRules(object)];
  return findings.some(isHarmful) ? { findings } : { object, findings };
}

/** Whether a finding keeps its object from being taken. Pure. */
export function isHarmful(finding: Finding): boolean {
  return finding.harmless !== true;
}

function checkKind(value: unknown): Finding | undefined {
  if (!isFields(value)) {
    const message = `A manifest must be a map with apiVersion, kind and metadata: it is ${show(value)}`;
    return { code: "object/shape", message, path: [] };
  }
  const missing = ["apiVersion", "kind"].find((field) => (value[field] ?? "") === "");
  if (missing !== undefined) {
    return {
      code: "kind/missing",
      message: `${missing} is required`,
      path: [missing],
      hint: "every manifest begins with apiVersion and kind",
    };
  }
  const wrong = ["apiVersion", "kind"].find((field) => typeof value[field] !== "string");
  if (wrong === undefined) return undefined;
  return {
    code: "field/type",
    message: `${wrong} must be a string: it is ${show(value[wrong])}`,
    path: [wrong],
  };
}
