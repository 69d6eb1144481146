import type { IncomingMessage } from "node:http";
import type { ApiObject } from "../model/meta.ts";
import { isJsonObject, mediaType, readJson, unsupportedMediaType } from "./body.ts";
import type { JsonObject } from "./body.ts";
import { badRequest } from "./failure.ts";
import { applyJsonPatch, parseJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";
import { mergeFieldsOf } from "./strategic-merge-fields.ts";

const JSON_PATCH = "application/json-patch+json";
const MERGE_PATCH = "application/merge-patch+json";
const STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json";

/** The types of patches that are understood. */
export const PATCH_TYPES: readonly string[] = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH];

/** Turns what is there into what is wanted. */
export interface Change {
  readonly apply: (current: JsonObject) => JsonObject;
  /** Whether it may be made anew on a newer version: it names none itself. */
  readonly mayRetry: boolean;
}

/** The patch in the body of a request, to an object of this kind. Throws 400, 413 or 415; `apply` also 422. */
export async function readPatch(
  request: IncomingMessage,
  { apiVersion, kind }: Pick<ApiObject, "apiVersion" | "kind">,
): Promise<Change> {
  const type = mediaType(request);
  if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(type, PATCH_TYPES);
  const body = await readJson(request, PATCH_TYPES);
  if (type === JSON_PATCH) {
    const operations = parseJsonPatch(body);
    return {
      mayRetry: true,
      apply: (current) => {
        const result = applyJsonPatch(current, operations);
        if (isJsonObject(result)) return result;
        throw badRequest("the JSON Patch does not leave an object");
      },
    };
  }
  if (!isJsonObject(body)) throw badRequest("the body of the request is not a JSON object");
  const mayRetry = versionOf(body) === undefined;
  if (type === MERGE_PATCH) {
    return { mayRetry, apply: (current) => applyMergePatch(current, body) as JsonObject };
  }
  const fields = mergeFieldsOf(apiVersion, kind);
  return { mayRetry, apply: (current) => applyStrategicMerge(current, body, fields) };
}

/** The version that a body names; `undefined` when it names none. Pure. */
export function versionOf(body: JsonObject): string | undefined {
  const metadata = body["metadata"];
  const version = isJsonObject(metadata) ? metadata["resourceVersion"] : undefined;
  return typeof version === "string" && version !== "" ? version : undefined;
}
