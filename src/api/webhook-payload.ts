/** Addresses that one payload may name; more is no push. */
const MAX_ADDRESSES = 50;
const MAX_DEPTH = 4;
const MAX_ADDRESS_LENGTH = 2000;
/** Where the hosts put the repository: GitHub, Gitea and Bitbucket, then GitLab. */
const PLACES = ["repository", "project"] as const;

/**
 * The addresses of the repository that a payload is about, in all of its spellings; none when it names none. For bodies
 * that are no JSON object, `undefined`. Pure.
 */
export function payloadAddresses(
  body: string,
  contentType: string | undefined,
): readonly string[] | undefined {
  if (body.trim() === "") return [];
  const isForm = contentType?.startsWith("application/x-www-form-urlencoded") === true;
  const value = parseObject(isForm ? (new URLSearchParams(body).get("payload") ?? "") : body);
  if (value === undefined) return undefined;
  const found = new Set<string>();
  if (typeof value["repo"] === "string") collect(value["repo"], 0, found);
  for (const place of PLACES) collect(value[place], 0, found);
  return [...found];
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function collect(value: unknown, depth: number, found: Set<string>): void {
  if (found.size >= MAX_ADDRESSES || depth > MAX_DEPTH) return;
  if (typeof value === "string") {
    const isAddress =
      value.includes("://") || value.startsWith("/") || /^[^\s/@]+@[^\s/:]+:/.test(value);
    if (isAddress && value.length <= MAX_ADDRESS_LENGTH) found.add(value);
  } else if (typeof value === "object" && value !== null) {
    for (const child of Object.values(value)) collect(child, depth + 1, found);
  }
}
