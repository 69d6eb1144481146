import type { IncomingMessage, ServerResponse } from "node:http";
import {
  APPLIED_ANNOTATION,
  APP_LABEL,
  SOURCE_ANNOTATION,
  WRITE_TO_ANNOTATION,
} from "../model/app.ts";
import type { ApiObject, ObjectRef, StringMap } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import type {
  CommitWriter,
  WantedObject,
  WriteAnswer,
  WriteRefusal,
  WriteRequest,
} from "../model/write-request.ts";
import type { User } from "./authenticate.ts";
import { warningHeaders } from "./direct-write.ts";
import {
  alreadyExists,
  ApiFailure,
  badRequest,
  conflict,
  detailsOf,
  forbidden,
  invalid,
  notFound,
  tooLarge,
} from "./failure.ts";
import { parseFieldValidation, validateWrite } from "./field-validation.ts";
import { sendJson } from "./respond.ts";
import { refuseGitMarks } from "./write-policy.ts";

export interface CommitContext {
  readonly commits: CommitWriter;
  readonly user: User;
  readonly query: URLSearchParams;
  /** Aborts when the server closes: a caller that goes away takes nothing back. */
  readonly signal: AbortSignal;
}

/** One write on its way into Git. */
export interface CommitCall extends Pick<WriteRequest, "verb" | "ref" | "dryRun"> {
  readonly resource: Resource;
  /** The next state of what Git declares. What it throws is the answer. */
  readonly wanted: (base: ApiObject | undefined, isAhead: boolean) => ApiObject | undefined;
  /** Where the object to create asks to go. */
  readonly app?: string | undefined;
}

/** Characters of a message that comes in a header. */
const MAX_MESSAGE = 4000;

/** Makes the commit, and answers once its objects are stored. Throws what the caller is to be told. */
export async function commitWrite(
  request: IncomingMessage,
  call: CommitCall,
  { commits, user, query, signal }: CommitContext,
): Promise<Exclude<WriteAnswer, { kind: "refused" | "proposed" }>> {
  const { verb, ref, dryRun, resource } = call;
  const mode = parseFieldValidation(query.get("fieldValidation"));
  const change = (base: ApiObject | undefined, isAhead: boolean): WantedObject | undefined => {
    const written = call.wanted(base, isAhead);
    if (written === undefined) return undefined;
    const kept = base === undefined ? withoutMarks(written) : keepMarks(written, base);
    if (base !== undefined) refuseGitMarks(resource, kept, base);
    const { object, warnings } = validateWrite(resource, kept, base, mode);
    return { written: kept, after: object, warnings };
  };
  const header = (name: string): string | undefined => textOf(request.headers[name]);
  const answer = await commits.write(
    {
      verb,
      ref,
      dryRun,
      change,
      user: user.name,
      client: clientOf(request),
      app: call.app ?? header("berth-app"),
      message: messageOf(header("berth-message")),
    },
    signal,
  );
  if (answer.kind === "refused") throw toFailure(answer, resource, ref);
  if (answer.kind === "proposed") throw blocked(answer.message, resource, ref.name);
  return answer;
}

/** The object, with what there is to say about it in `Warning` headers. */
export function sendAnswer(
  response: ServerResponse,
  code: number,
  warnings: readonly string[],
  body: unknown,
): void {
  if (warnings.length > 0) response.setHeader("Warning", warningHeaders(warnings));
  sendJson(response, code, body);
}

/** A new object may be the copy of another one, with what Berth wrote there. */
function withoutMarks(written: ApiObject): ApiObject {
  const { labels, annotations, ...rest } = written.metadata;
  const bare = (map: StringMap | undefined): StringMap =>
    Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !GIT_MARKS.has(key)));
  const metadata = { ...rest, labels: bare(labels), annotations: bare(annotations) };
  return { ...written, metadata };
}

const GIT_MARKS: ReadonlySet<string> = new Set([
  APP_LABEL,
  SOURCE_ANNOTATION,
  APPLIED_ANNOTATION,
  WRITE_TO_ANNOTATION,
]);

/** What the marks of Git were stays, where the caller says nothing of them. */
function keepMarks(written: ApiObject, base: ApiObject): ApiObject {
  const { labels, annotations } = base.metadata;
  return {
    ...written,
    metadata: {
      ...written.metadata,
      ...restored("labels", written.metadata.labels, labels, [APP_LABEL]),
      ...restored("annotations", written.metadata.annotations, annotations, [
        SOURCE_ANNOTATION,
        APPLIED_ANNOTATION,
      ]),
    },
  };
}

function restored(
  name: "labels" | "annotations",
  map: StringMap | undefined,
  base: StringMap | undefined,
  keys: readonly string[],
): { readonly labels?: StringMap; readonly annotations?: StringMap } {
  const lost = keys.filter((key) => base?.[key] !== undefined && map?.[key] === undefined);
  if (lost.length === 0) return {};
  return { [name]: { ...map, ...Object.fromEntries(lost.map((key) => [key, base?.[key] ?? ""])) } };
}

/** The App that an object to create asks for. Pure. */
export function wishedApp({ metadata }: ApiObject): string | undefined {
  return metadata.annotations?.[WRITE_TO_ANNOTATION];
}

/** What somebody writes with: kubectl and berth tell their command. */
function clientOf({ headers }: IncomingMessage): string {
  const command = textOf(headers["kubectl-command"]) ?? textOf(headers["berth-command"]);
  if (command !== undefined && /^(?:kubectl|berth)(?: [a-z][a-z-]*){1,3}$/.test(command))
    return command;
  const [agent = ""] = (headers["user-agent"] ?? "").split(/[/\s]/);
  return agent.replaceAll(/[^A-Za-z0-9._-]/g, "").slice(0, 60) || "api";
}

function messageOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const message = decodeURIComponent(text).trim();
    if (message.length > MAX_MESSAGE)
      throw badRequest(`the commit message is longer than ${MAX_MESSAGE} characters`);
    return message === "" ? undefined : message;
  } catch (error) {
    if (error instanceof ApiFailure) throw error;
    throw badRequest('the header "Berth-Message" is not percent-encoded text');
  }
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function toFailure(
  { why, message, field }: Extract<WriteAnswer, { kind: "refused" }>,
  resource: Resource,
  ref: ObjectRef,
): ApiFailure {
  const failure = FAILURES[why];
  return failure({ message, field }, resource, ref);
}

type ToFailure = (
  said: { readonly message: string; readonly field: string | undefined },
  resource: Resource,
  ref: ObjectRef,
) => ApiFailure;

/** A 409 that is no "Conflict": kubectl would try that again and again. */
function blocked(message: string, resource: Resource, name: string): ApiFailure {
  return new ApiFailure(409, "Forbidden", message, { details: detailsOf(resource, name) });
}

const FAILURES: Readonly<Record<WriteRefusal, ToFailure>> = {
  blocked: ({ message }, resource, { name }) => blocked(message, resource, name),
  conflict: ({ message }, resource, { name }) => conflict(resource, name, message),
  exists: (_said, resource, { name }) => alreadyExists(resource, name),
  "not-found": ({ message }, resource, { name }) =>
    new ApiFailure(404, "NotFound", `${notFound(resource, name).message}: ${message}`, {
      details: detailsOf(resource, name),
    }),
  forbidden: ({ message }, resource, { name }) => forbidden(message, detailsOf(resource, name)),
  invalid: ({ message, field }, resource, { name }) =>
    invalid(resource, name, [
      {
        reason: "FieldValueInvalid",
        field: field ?? "<root>",
        message: `Invalid value: ${message}`,
      },
    ]),
  "no-namespace": (_said, _resource, { namespace = "" }) =>
    new ApiFailure(404, "NotFound", `namespaces "${namespace}" not found`, {
      details: { name: namespace, kind: "namespaces" },
    }),
  timeout: ({ message }, resource, { name }) =>
    new ApiFailure(504, "Timeout", message, { details: detailsOf(resource, name) }),
  "too-large": ({ message }) => tooLarge(message),
  unavailable: ({ message }) => new ApiFailure(503, "ServiceUnavailable", message),
};
