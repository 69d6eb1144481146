import type { IncomingMessage, ServerResponse } from "node:http";
import { acceptsJson, notAcceptable } from "./accept.ts";
import { pathNotFound } from "./failure.ts";
import type { OpenApi } from "./openapi.ts";
import { methodNotAllowed } from "./request-info.ts";
import { sendBytes } from "./respond.ts";

const ROOT = "/openapi/";

/** Whether a path is one of OpenAPI's. Pure. */
export function isOpenApiPath(path: string): boolean {
  return path.startsWith(ROOT);
}

/** Answers with the OpenAPI document of a path. Throws 404, 405, and 406 to who wants it in protobuf alone. */
export async function answerOpenApi(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  openApi: OpenApi,
): Promise<void> {
  const made = openApi.document(path);
  if (made === undefined) throw pathNotFound();
  if (request.method !== "GET" && request.method !== "HEAD") throw methodNotAllowed();
  if (!acceptsJson(request.headers.accept)) throw notAcceptable();
  const { content, tag } = await made;
  response.setHeader("ETag", tag).setHeader("Vary", "Accept");
  if (request.headers["if-none-match"] === tag) response.writeHead(304).end();
  else sendBytes(response, 200, content, "application/json");
}
