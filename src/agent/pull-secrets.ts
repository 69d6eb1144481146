import type { Secret } from "../model/kinds.gen.ts";
import type { RegistryAuth } from "./runtime.ts";

/** What one entry of a Secret says: for which registry, and perhaps path, it is. */
export interface PullCredential {
  /** `registry.example:5000/team`; a part of the host may be a pattern such as `*.example`. */
  readonly place: string;
  readonly auth: RegistryAuth;
}

interface AuthEntry {
  readonly auth?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
  readonly identitytoken?: unknown;
}

/** Where Docker Hub's entries stand, whose images name no registry. */
const DEFAULT_PLACE = "index.docker.io";
/** More entries than this are not looked at: each may be a try at the registry. */
const MAX_CREDENTIALS = 100;

/** The credentials of a Secret of type dockerconfigjson or dockercfg; of what cannot be read, none. Pure. */
export function parsePullSecret({ type, data = {} }: Secret): readonly PullCredential[] {
  const isOld = type === "kubernetes.io/dockercfg";
  const found = parseJson(data[isOld ? ".dockercfg" : ".dockerconfigjson"] ?? "");
  const entries = isOld ? found : asFields(found["auths"]);
  return Object.entries(entries)
    .slice(0, MAX_CREDENTIALS)
    .flatMap(([place, entry]) => {
      const auth = toAuth(place, asFields(entry));
      return auth === undefined ? [] : [{ place: normalPlace(place), auth }];
    });
}

/** Those that are for the image, the most exact first; each is to be tried. Pure. */
export function matchCredentials(
  credentials: readonly PullCredential[],
  image: string,
): readonly RegistryAuth[] {
  const matching = credentials.filter(({ place }) => isPlaceOf(place, image));
  // Kubernetes' order: the longer of two that begin alike comes first.
  const ordered = matching.toSorted((a, b) => (a.place < b.place ? 1 : a.place > b.place ? -1 : 0));
  if (ordered.length > 0 || !isHubImage(image)) return ordered.map(({ auth }) => auth);
  return credentials.filter(({ place }) => place.startsWith(DEFAULT_PLACE)).map(({ auth }) => auth);
}

function toAuth(place: string, entry: AuthEntry): RegistryAuth | undefined {
  const { auth, username, password, identitytoken } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { username: "", password: "", identityToken: identitytoken, serverAddress: place };
  if (typeof auth === "string" && auth !== "") {
    const text = Buffer.from(auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon === -1) return undefined;
    return {
      username: text.slice(0, colon),
      password: text.slice(colon + 1).replace(/\0+$/, ""),
      serverAddress: place,
    };
  }
  if (typeof username !== "string" || typeof password !== "string") return undefined;
  return { username, password, serverAddress: place };
}

/** Without scheme, and without the version of the API at the front of its path. */
function normalPlace(place: string): string {
  const [host = "", ...path] = place.replace(/^https?:\/\//, "").split("/");
  const rest = ["v1", "v2"].includes(path[0] ?? "") && path.length > 1 ? path.slice(1) : path;
  const joined = rest.join("/");
  return joined === "" ? host : `${host}/${joined}`;
}

function isPlaceOf(place: string, image: string): boolean {
  const [host, path] = cut(place);
  const [wantedHost, wantedPath] = cut(image);
  const [name, port = ""] = host.split(":");
  const [wantedName, wantedPort = ""] = wantedHost.split(":");
  if (port !== wantedPort || !wantedPath.startsWith(path)) return false;
  const parts = (name ?? "").split(".");
  const wantedParts = (wantedName ?? "").split(".");
  return (
    parts.length === wantedParts.length &&
    parts.every((part, index) => matchesPart(part, wantedParts[index] ?? ""))
  );
}

/** One part of a host against a pattern with `*` and `?`. Linear: at most one star is looked back to. */
function matchesPart(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resumed = 0;
  let index = 0;
  while (index < text.length) {
    if (pattern[at] === "*") {
      star = at++;
      resumed = index;
    } else if (pattern[at] === "?" || pattern[at] === text[index]) {
      at++;
      index++;
    } else if (star !== -1) {
      at = star + 1;
      index = ++resumed;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}

/** Docker Hub is meant by a name without a registry. */
function isHubImage(image: string): boolean {
  const [first, rest] = cut(image);
  return rest === "" || ["docker.io", DEFAULT_PLACE].includes(first) || !/[.:]/.test(first);
}

function cut(text: string): readonly [string, string] {
  const slash = text.indexOf("/");
  return slash === -1 ? [text, ""] : [text.slice(0, slash), text.slice(slash)];
}

function parseJson(encoded: string): Readonly<Record<string, unknown>> {
  try {
    return asFields(JSON.parse(Buffer.from(encoded, "base64").toString("utf8")));
  } catch {
    return {};
  }
}

function asFields(value: unknown): Readonly<Record<string, unknown>> {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap ? (value as Readonly<Record<string, unknown>>) : {};
}
