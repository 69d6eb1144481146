import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiObject } from "../model/meta.ts";
import type { CommitWriter } from "../model/write-request.ts";
import { sendJson } from "./respond.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Whether the object is read in order to apply another state of it: kubectl compares with what was applied last, which
 * is what Git says. It is never stored, and never committed. Pure.
 */
export function readsForApply({ headers }: IncomingMessage): boolean {
  return /^kubectl (?:apply|diff)\b/.test(String(headers["kubectl-command"] ?? ""));
}

interface Asks {
  readonly commits: CommitWriter;
  readonly signal: AbortSignal;
}

/** Answers with the object and what Git says of it. */
export async function answerForApply(
  response: ServerResponse,
  object: ApiObject,
  asks: Asks,
): Promise<void> {
  sendJson(response, 200, await withLastApplied(object, asks));
}

/** The object with what Git says of it, as kubectl looks for that. */
export async function withLastApplied(
  object: ApiObject,
  { commits, signal }: Asks,
): Promise<ApiObject> {
  const text = await commits.lastApplied(object, signal);
  if (text === undefined) return object;
  const annotations = { ...object.metadata.annotations, [LAST_APPLIED]: text };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
