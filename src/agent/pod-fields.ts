import { cpuMillis, memoryBytes, parseQuantity } from "../model/quantity.ts";
import type { Container, Pod, ResourceFieldSelector } from "../model/kinds.gen.ts";

/** What pods may use of a node: stands for a limit that a container does not have. */
export interface Allocatable {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly ephemeralBytes: number;
}

/** A field of the pod's metadata as text; `undefined` for a path that is none. Pure. */
export function podField({ metadata }: Pod, path: string): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed !== null) return metadata[keyed[1] as "labels" | "annotations"]?.[keyed[2] ?? ""] ?? "";
  switch (path) {
    case "metadata.name":
      return metadata.name;
    case "metadata.namespace":
      return metadata.namespace ?? "";
    case "metadata.uid":
      return metadata.uid ?? "";
    case "metadata.labels":
      return formatMap(metadata.labels ?? {});
    case "metadata.annotations":
      return formatMap(metadata.annotations ?? {});
    default:
      return undefined;
  }
}

/**
 * A request or limit in units of the divisor, rounded up, as Kubernetes writes it; a limit that the container does not
 * have is what the node can give. Pure.
 */
export function resourceField(
  { resources }: Container,
  { resource, divisor }: ResourceFieldSelector,
  allocatable: Allocatable,
): string {
  const [kind, name] = resource.split(".") as ["limits" | "requests", string];
  const isCpu = name === "cpu";
  const read = isCpu ? cpuMillis : memoryBytes;
  const asked = read(resources?.[kind]?.[name] ?? "0") ?? 0;
  const value = asked === 0 && kind === "limits" ? ofNode(name, allocatable) : asked;
  const given = parseQuantity(divisor ?? "0");
  const isGiven = given !== undefined && given.nanos !== 0n;
  const unit = isGiven ? (read(divisor ?? "") ?? 1) : isCpu ? 1000 : 1;
  return String(Math.ceil(value / unit));
}

/** The container that a file of the downward API tells of. Pure. */
export function containerOf({ spec }: Pod, name: string | undefined): Container | undefined {
  return [...spec.containers, ...(spec.initContainers ?? [])].find((one) => one.name === name);
}

function ofNode(name: string, allocatable: Allocatable): number {
  if (name === "cpu") return allocatable.cpuMillis;
  return name === "memory" ? allocatable.memoryBytes : allocatable.ephemeralBytes;
}

/** One `key="value"` a line, in the order of the keys, values quoted as Go quotes them. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${goQuote(map[key] ?? "")}`)
    .join("\n");
}

const GO_ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": String.raw`\a`,
  "\b": String.raw`\b`,
  "\f": String.raw`\f`,
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
  "\t": String.raw`\t`,
  "\v": String.raw`\v`,
  "\\": String.raw`\\`,
  '"': String.raw`\"`,
};
/** Whatever cannot be printed, spaces other than the usual one included. */
const ESCAPED = /[\\"]|[\p{C}\p{Z}]/gu;

function goQuote(text: string): string {
  const body = text.replaceAll(ESCAPED, (char) => {
    if (char === " ") return char;
    const known = GO_ESCAPES[char];
    if (known !== undefined) return known;
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code < 0x20 || code === 0x7f) return String.raw`\x${hex.padStart(2, "0")}`;
    return code > 0xffff
      ? String.raw`\U${hex.padStart(8, "0")}`
      : String.raw`\u${hex.padStart(4, "0")}`;
  });
  return `"${body}"`;
}
