import { ApiFailure } from "./failure.ts";

/** One media range of an Accept header. */
export interface MediaRange {
  /** For instance `application/json`; lower case. */
  readonly type: string;
  /** Parameters but `q`; their order in the header means nothing. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** How an answer about objects is to look. */
export type AnswerForm =
  | { readonly kind: "object" }
  | { readonly kind: "table"; readonly version: "v1" | "v1beta1" }
  | { readonly kind: "partial"; readonly version: "v1" | "v1beta1" };

/** The version of aggregated discovery that is asked for. */
export type DiscoveryVersion = "v2" | "v2beta1";

const JSON_TYPES = new Set(["application/json", "application/*", "*/*"]);

/** The ranges of an Accept header, the most wanted first. Pure. */
export function parseAccept(header: string | undefined): readonly MediaRange[] {
  if (header === undefined || header.trim() === "") return [];
  return header
    .split(",")
    .map(parseRange)
    .filter((range) => range.type !== "" && range.quality > 0)
    .toSorted((a, b) => b.quality - a.quality);
}

/** The first form that both sides know. Throws 406 when there is none. Pure. */
export function negotiateForm(header: string | undefined): AnswerForm {
  const ranges = parseAccept(header);
  if (ranges.length === 0) return { kind: "object" };
  for (const { type, parameters } of ranges) {
    if (!JSON_TYPES.has(type)) continue;
    const as = parameters.get("as");
    if (as === undefined) return { kind: "object" };
    const version = parameters.get("v");
    if (parameters.get("g") !== "meta.k8s.io") continue;
    if (version !== "v1" && version !== "v1beta1") continue;
    if (as === "Table") return { kind: "table", version };
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") {
      return { kind: "partial", version };
    }
  }
  throw notAcceptable();
}

/** The wanted version of aggregated discovery; `undefined` for the legacy documents. Throws 406. Pure. */
export function negotiateDiscovery(header: string | undefined): DiscoveryVersion | undefined {
  const ranges = parseAccept(header);
  if (ranges.length === 0) return undefined;
  for (const { type, parameters } of ranges) {
    if (!JSON_TYPES.has(type)) continue;
    const as = parameters.get("as");
    if (as === undefined) return undefined;
    const version = parameters.get("v");
    if (as !== "APIGroupDiscoveryList" || parameters.get("g") !== "apidiscovery.k8s.io") continue;
    if (version === "v2" || version === "v2beta1") return version;
  }
  throw notAcceptable();
}

/** Whether plain JSON will do. Pure. */
export function acceptsJson(header: string | undefined): boolean {
  const ranges = parseAccept(header);
  return ranges.length === 0 || ranges.some(({ type }) => JSON_TYPES.has(type));
}

/** What to say when no form suits both sides. Pure. */
export function notAcceptable(): ApiFailure {
  return new ApiFailure(
    406,
    "NotAcceptable",
    "only the following media types are accepted: application/json",
  );
}

function parseRange(text: string): MediaRange {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const cut = part.indexOf("=");
    if (cut > 0) parameters.set(part.slice(0, cut).trim(), unquote(part.slice(cut + 1).trim()));
  }
  const quality = Number(parameters.get("q") ?? "1");
  parameters.delete("q");
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
}

function unquote(text: string): string {
  return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}
