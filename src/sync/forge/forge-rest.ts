import { ForgeError, type ForgeErrorCode } from "./forge.ts";

/** How to speak to one server. */
export interface RestOptions {
  readonly apiUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface RestRequest {
  readonly method: "GET" | "POST" | "PATCH" | "PUT";
  /** From the API's address on, with a slash in front and its query. */
  readonly path: string;
  readonly body?: object;
  /** For people: `Cannot <action>: …`. */
  readonly action: string;
}

export interface RestAnswer {
  readonly value: unknown;
  readonly headers: Headers;
}

/** Sends one request and reads the JSON of its answer. */
export type Rest = (request: RestRequest, signal: AbortSignal) => Promise<RestAnswer>;

/** One answer takes no longer and is no larger than this. */
const ANSWER_MS = 30_000;
const MAX_ANSWER_BYTES = 20_000_000;
/** Pages of a list that are read at most. */
const MAX_PAGES = 30;
const PAGE_SIZE = 50;

/** A caller of one server's API. Redirects are not followed: the token is for this server alone. */
export function openRest({ apiUrl, headers }: RestOptions): Rest {
  return async ({ method, path, body, action }, signal) => {
    const where = new URL(apiUrl).origin;
    const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${apiUrl}${path}`, {
        method,
        redirect: "manual",
        signal: within,
        headers: { accept: "application/json", "user-agent": "berth", ...headers, ...typeOf(body) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await readText(response, action);
    } catch (error) {
      if (signal.aborted || error instanceof ForgeError) throw error;
      const why = within.aborted ? `no answer within ${ANSWER_MS / 1000} s` : causeOf(error);
      throw new ForgeError("unreachable", `Cannot ${action}: ${where} is not reachable (${why})`, {
        cause: error,
      });
    }
    if (!response.ok) throw toError(response, text, action, where);
    return { value: parse(text, action, where), headers: response.headers };
  };
}

/** All items of a list that comes in pages; `request.path` has a query already. */
export async function readPages(
  rest: Rest,
  request: RestRequest,
  signal: AbortSignal,
  sizeName = "per_page",
): Promise<readonly unknown[]> {
  const items: unknown[] = [];
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const path = `${request.path}&${sizeName}=${PAGE_SIZE}&page=${page}`;
    const { value } = await rest({ ...request, path }, signal);
    if (!Array.isArray(value)) throw strange(request.action, "the answer is no list");
    items.push(...(value as readonly unknown[]));
    if (value.length < PAGE_SIZE) break;
  }
  return items;
}

/** The text of a field of an answer, by its path; a `ForgeError` when it is not there. */
export function textOf(value: unknown, path: string, action: string): string {
  const found = fieldOf(value, path);
  if (typeof found === "string") return found;
  throw strange(action, `"${path}" is no text`);
}

/** The number of a field of an answer, by its path; a `ForgeError` when it is not there. */
export function numberOf(value: unknown, path: string, action: string): number {
  const found = fieldOf(value, path);
  if (typeof found === "number") return found;
  throw strange(action, `"${path}" is no number`);
}

/** What stands at a path of an answer, if anything. */
export function fieldOf(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split(".")) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}

function typeOf(body: object | undefined): Readonly<Record<string, string>> {
  return body === undefined ? {} : { "content-type": "application/json" };
}

async function readText(response: Response, action: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw strange(action, `the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string, action: string, where: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ForgeError("bad-answer", `Cannot ${action}: ${where} answered with no JSON`, {
      cause: error,
    });
  }
}

const CURES: readonly {
  readonly code: ForgeErrorCode;
  readonly when: (response: Response) => boolean;
  readonly cure: string;
}[] = [
  {
    code: "rate-limited",
    when: ({ status, headers }) =>
      status === 429 || (status === 403 && headers.get("x-ratelimit-remaining") === "0"),
    cure: "wait and run it again, or use a token with a higher limit",
  },
  {
    code: "unauthorized",
    when: ({ status }) => status === 401,
    cure: "the token is wrong or has expired; give another one",
  },
  {
    code: "unauthorized",
    when: ({ status }) => status === 403,
    cure: "the token may not do that; let it write pull requests and commit statuses",
  },
  {
    code: "not-found",
    when: ({ status }) => status === 404,
    cure: "check the project and the number, and that the token may see the project",
  },
  {
    code: "refused",
    when: ({ status }) => status >= 300 && status < 400,
    cure: "the project has moved; name its new address",
  },
  { code: "unreachable", when: ({ status }) => status >= 500, cure: "run it again later" },
  { code: "refused", when: () => true, cure: "see what the server says" },
];

function toError(response: Response, text: string, action: string, where: string): ForgeError {
  const { code, cure } = CURES.find(({ when }) => when(response)) ?? {
    code: "refused" as const,
    cure: "see what the server says",
  };
  const said = messageOf(text);
  const answer = `${where} answered ${response.status}${said === "" ? "" : ` "${said}"`}`;
  return new ForgeError(code, `Cannot ${action}: ${answer}; ${cure}`);
}

const MAX_SAID = 300;

/** GitHub and Gitea say `message`; GitLab `message` or `error`, as a text or a list of texts. */
function messageOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    const said = fieldOf(value, "message") ?? fieldOf(value, "error") ?? "";
    const words = typeof said === "string" ? said : JSON.stringify(said);
    return words.replaceAll(/\s+/g, " ").slice(0, MAX_SAID);
  } catch {
    return "";
  }
}

function strange(action: string, why: string): ForgeError {
  return new ForgeError("bad-answer", `Cannot ${action}: ${why}`);
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : String(cause);
}
