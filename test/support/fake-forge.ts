import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { ForgeKind, ForgeOptions } from "../../src/sync/forge/forge.ts";

interface StoredPull {
  readonly number: number;
  readonly title: string;
  readonly head: string;
  readonly base: string;
  open: boolean;
}

interface StoredComment {
  readonly id: number;
  readonly pull: number;
  readonly author: string;
  body: string;
}

/** A server as its public API describes it, as far as we use it; what it was told can be looked at. */
export interface FakeForge extends AsyncDisposable {
  readonly options: ForgeOptions;
  readonly pulls: StoredPull[];
  readonly comments: StoredComment[];
  readonly statuses: { readonly commit: string; readonly body: Readonly<Record<string, string>> }[];
  /** Each request as `METHOD /path`. */
  readonly requests: string[];
  /** Answers the next request with this instead. */
  refuse(status: number, body?: object, headers?: Readonly<Record<string, string>>): void;
}

const TOKEN = "t0ken";
const PROJECT: Readonly<Record<ForgeKind, string>> = {
  github: "acme/shop",
  gitlab: "acme/apps/shop",
  gitea: "acme/shop",
};
const SHA = "f".repeat(40);

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, string>>;
}
type Answer = readonly [status: number, body: unknown];
type Routes = (forge: FakeForge, request: Request) => Answer | undefined;

export async function fakeForge(kind: ForgeKind): Promise<FakeForge> {
  const refusals: [number, object, Readonly<Record<string, string>>][] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? "/", "http://forge");
      forge.requests.push(`${request.method ?? ""} ${url.pathname}`);
      const text = await readBody(request);
      const refusal = refusals.shift();
      const [status, body] = refusal ?? answer(request, url, text);
      response.writeHead(status, { "content-type": "application/json", ...refusal?.[2] });
      response.end(JSON.stringify(body));
    })();
  });
  const answer = (request: IncomingMessage, url: URL, text: string): Answer => {
    if (!isAuthorized(kind, request)) return [401, { message: "Bad credentials" }];
    const asked = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      body: text === "" ? {} : (JSON.parse(text) as Record<string, string>),
    };
    return ROUTES[kind](forge, asked) ?? [404, { message: "Not Found" }];
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const forge: FakeForge = {
    options: { kind, apiUrl: `http://127.0.0.1:${port}`, project: PROJECT[kind], token: TOKEN },
    pulls: [],
    comments: [],
    statuses: [],
    requests: [],
    refuse: (status, body = { message: "no" }, headers = {}) => {
      refusals.push([status, body, headers]);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return forge;
}

function isAuthorized(kind: ForgeKind, { headers }: IncomingMessage): boolean {
  if (kind === "gitlab") return headers["private-token"] === TOKEN;
  return headers.authorization === (kind === "github" ? `Bearer ${TOKEN}` : `token ${TOKEN}`);
}

/** GitHub's and Gitea's paths are alike; how they page and filter is not. */
function hubRoutes(kind: "github" | "gitea"): Routes {
  const repo = `/repos/${PROJECT[kind]}`;
  const show = ({ number, title, head, base }: StoredPull): object => ({
    number,
    title,
    html_url: `http://forge/${PROJECT[kind]}/pull/${number}`,
    head: { ref: head, sha: SHA },
    base: { ref: base },
  });
  return (forge, { method, path, query, body }) => {
    const list = (items: readonly object[]): Answer => [
      200,
      kind === "github" ? pageOf(items, query, "per_page") : pageOf(items, query, "limit"),
    ];
    const pulls = `${repo}/pulls`;
    if (method === "GET" && path === pulls) {
      const [, head] = (query.get("head") ?? "").split(":");
      const base = query.get("base");
      // Gitea knows neither filter.
      const found = forge.pulls.filter(
        (pull) =>
          pull.open &&
          (kind === "gitea" ||
            ((head ?? pull.head) === pull.head && (base ?? pull.base) === pull.base)),
      );
      return list(found.toReversed().map(show));
    }
    if (method === "POST" && path === pulls) {
      const isOpen = forge.pulls.some(
        (pull) => pull.open && pull.head === body["head"] && pull.base === body["base"],
      );
      if (isOpen) return [kind === "github" ? 422 : 409, { message: "it exists already" }];
      return [201, show(addPull(forge, body["head"], body["base"], body["title"]))];
    }
    const at = new RegExp(`^${repo}/issues/(\\d+)/comments$`).exec(path);
    if (at !== null && method === "GET") {
      const all = forge.comments
        .filter(({ pull }) => pull === Number(at[1]))
        .map(({ id, body: text }) => ({ id, body: text }));
      return kind === "gitea" ? [200, all] : list(all);
    }
    if (at !== null && method === "POST")
      return [201, addComment(forge, Number(at[1]), body["body"])];
    const one = new RegExp(`^${repo}/issues/comments/(\\d+)$`).exec(path);
    if (one !== null && method === "PATCH")
      return changeComment(forge, Number(one[1]), body["body"]);
    const status = new RegExp(`^${repo}/statuses/(\\w+)$`).exec(path);
    if (status !== null && method === "POST") {
      if ((body["description"] ?? "").length > 140) return [422, { message: "too long" }];
      forge.statuses.push({ commit: status[1] ?? "", body });
      return [201, {}];
    }
    return undefined;
  };
}

const gitlabRoutes: Routes = (forge, { method, path, query, body }) => {
  const root = `/projects/${encodeURIComponent(PROJECT.gitlab)}`;
  const show = ({ number, title, head, base }: StoredPull): object => ({
    id: number + 1000,
    iid: number,
    title,
    web_url: `http://forge/${PROJECT.gitlab}/-/merge_requests/${number}`,
    source_branch: head,
    target_branch: base,
    sha: SHA,
  });
  if (path === `${root}/merge_requests` && method === "GET") {
    const [source, target] = [query.get("source_branch"), query.get("target_branch")];
    const found = forge.pulls.filter(
      ({ open, head, base }) => open && (source ?? head) === head && (target ?? base) === base,
    );
    return [200, pageOf(found.toReversed().map(show), query, "per_page")];
  }
  if (path === `${root}/merge_requests` && method === "POST") {
    const { source_branch: head, target_branch: base, title } = body;
    if (forge.pulls.some((pull) => pull.open && pull.head === head))
      return [409, { message: ["Another open merge request already exists"] }];
    return [201, show(addPull(forge, head, base, title))];
  }
  const notes = new RegExp(`^${root}/merge_requests/(\\d+)/notes(?:/(\\d+))?$`).exec(path);
  if (notes !== null && method === "GET") {
    const all = forge.comments
      .filter(({ pull }) => pull === Number(notes[1]))
      .map(({ id, body: text, author }) => ({ id, body: text, system: author === "system" }));
    return [200, pageOf(all, query, "per_page")];
  }
  if (notes !== null && method === "POST")
    return [201, addComment(forge, Number(notes[1]), body["body"])];
  if (notes !== null && method === "PUT")
    return changeComment(forge, Number(notes[2]), body["body"]);
  const status = new RegExp(`^${root}/statuses/(\\w+)$`).exec(path);
  if (status !== null && method === "POST") {
    const last = forge.statuses.findLast(({ body: { name } }) => name === body["name"]);
    if (last?.body["state"] === body["state"])
      return [400, { message: "Cannot transition status via :enqueue from :pending" }];
    forge.statuses.push({ commit: status[1] ?? "", body });
    return [201, {}];
  }
  return undefined;
};

const ROUTES: Readonly<Record<ForgeKind, Routes>> = {
  github: hubRoutes("github"),
  gitea: hubRoutes("gitea"),
  gitlab: gitlabRoutes,
};

function pageOf(
  items: readonly object[],
  query: URLSearchParams,
  sizeName: string,
): readonly object[] {
  const size = Number(query.get(sizeName) ?? 20);
  const page = Number(query.get("page") ?? 1);
  return items.slice((page - 1) * size, page * size);
}

function addPull(forge: FakeForge, head = "", base = "", title = ""): StoredPull {
  const pull = { number: forge.pulls.length + 1, title, head, base, open: true };
  forge.pulls.push(pull);
  return pull;
}

export function addComment(
  forge: FakeForge,
  pull: number,
  body = "",
  author = "us",
): StoredComment {
  const comment = { id: forge.comments.length + 1, pull, author, body };
  forge.comments.push(comment);
  return comment;
}

function changeComment(forge: FakeForge, id: number, body = ""): Answer {
  const comment = forge.comments.find((item) => item.id === id);
  if (comment === undefined) return [404, { message: "Not Found" }];
  comment.body = body;
  return [200, { id }];
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}
