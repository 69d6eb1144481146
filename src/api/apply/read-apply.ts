import type { IncomingMessage } from "node:http";
import type { Resource } from "../../model/resources.ts";
import { apiVersionOf } from "../../model/resources.ts";
import { readYaml } from "../../schema/read-yaml.ts";
import { isJsonObject, mediaType, readBody } from "../body.ts";
import type { JsonObject } from "../body.ts";
import { badRequest, invalid } from "../failure.ts";
import { parseBoolean } from "../request-info.ts";
import type { Writer } from "./claims.ts";

/** The type of what is applied, in YAML or in JSON. */
export const APPLY_PATCH = "application/apply-patch+yaml";

const MAX_MANAGER_BYTES = 128;

/** Whether somebody applies. Pure. */
export function isApply(request: IncomingMessage): boolean {
  return request.method === "PATCH" && mediaType(request) === APPLY_PATCH;
}

/** Whether what others own is to be taken over. Throws 422 where that means nothing. Pure. */
export function parseForce(query: URLSearchParams, applies: boolean): boolean {
  const text = query.get("force");
  if (text !== null && !applies)
    throw optionProblem(
      "force",
      "FieldValueForbidden",
      "Forbidden: may not be specified for non-apply patch",
    );
  return parseBoolean(text);
}

/** Who writes: the `fieldManager` of the request, else the name of the program. Throws 422. Pure. */
export function writerOf(
  request: IncomingMessage,
  query: URLSearchParams,
  { resource, subresource = "" }: { readonly resource: Resource; readonly subresource?: string },
): Writer {
  const applies = isApply(request);
  const given = query.get("fieldManager") ?? "";
  if (applies && given === "")
    throw optionProblem(
      "fieldManager",
      "FieldValueRequired",
      "Required value: is required for apply patch",
    );
  if (Buffer.byteLength(given) > MAX_MANAGER_BYTES)
    throw optionProblem(
      "fieldManager",
      "FieldValueTooLong",
      `Too long: may not be more than ${MAX_MANAGER_BYTES} bytes`,
    );
  if (!/^\P{C}*$/u.test(given))
    throw optionProblem(
      "fieldManager",
      "FieldValueInvalid",
      `Invalid value: ${JSON.stringify(given)}: should only contain printable characters`,
    );
  const [agent = ""] = (request.headers["user-agent"] ?? "").split("/");
  const program = agent.replaceAll(/[^\u0020-\u007E]/g, "").slice(0, MAX_MANAGER_BYTES);
  return {
    manager: given === "" ? program || "unknown" : given,
    operation: applies ? "Apply" : "Update",
    apiVersion: apiVersionOf(resource),
    subresource,
  };
}

/** The object that is applied. Throws 400 or 413. */
export async function readConfig(request: IncomingMessage): Promise<JsonObject> {
  const content = await readBody(request);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw badRequest("error decoding YAML: the body of the request is not UTF-8");
  }
  const { documents, problems } = readYaml(text);
  const [document, ...others] = documents;
  const [problem] = [...problems, ...(document?.problems ?? [])];
  if (problem !== undefined) throw badRequest(`error decoding YAML: ${problem.message}`);
  if (others.length > 0) throw badRequest("error decoding YAML: there is more than one document");
  const config = document?.value;
  if (!isJsonObject(config)) throw badRequest("the body of the request is not an object");
  for (const field of ["apiVersion", "kind"])
    if (typeof config[field] !== "string" || config[field] === "")
      throw badRequest(`Object '${field}' is missing in the object to apply`);
  const { metadata } = config;
  if (!isJsonObject(metadata)) throw badRequest("metadata of the object is required");
  const { managedFields } = metadata;
  if (Array.isArray(managedFields) && managedFields.length > 0)
    throw badRequest("metadata.managedFields must be nil");
  return config;
}

function optionProblem(field: string, reason: string, message: string): Error {
  return invalid({ kind: "PatchOptions", group: "meta.k8s.io" }, "", [{ field, reason, message }]);
}
