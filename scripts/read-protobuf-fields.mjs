// Prints the table of src/api/protobuf/messages.ts: which number has which field, of every kind that the API takes.
// Takes two folders, checkouts of kubernetes/api and kubernetes/apimachinery: the numbers stand in the tags of their
// Go types, and they never change. Needed again when a kind or a field is added.
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { RESOURCES } from "../src/model/resources.ts";

/** Kinds that are asked for and not stored, and bodies of requests. */
const MORE_KINDS = [
  "core/v1.Binding",
  "core/v1.PodTemplate",
  "meta/v1.DeleteOptions",
  "policy/v1.Eviction",
  "autoscaling/v1.Scale",
  "autoscaling/v1.HorizontalPodAutoscaler",
  "authentication/v1.SelfSubjectReview",
  "authentication/v1.TokenRequest",
  "authentication/v1.TokenReview",
  "authorization/v1.LocalSubjectAccessReview",
  "authorization/v1.SelfSubjectAccessReview",
  "authorization/v1.SelfSubjectRulesReview",
  "authorization/v1.SubjectAccessReview",
  "certificates/v1.CertificateSigningRequest",
];
/** Types that the decoder knows by itself. */
const KNOWN = new Map(
  Object.entries({
    "meta/v1.Time": "time",
    "meta/v1.MicroTime": "microTime",
    "meta/v1.FieldsV1": "json",
    "runtime.RawExtension": "json",
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "intOrString",
    "authentication/v1.ExtraValue": "strings",
    "authorization/v1.ExtraValue": "strings",
  }),
);
const SCALARS = new Map(
  Object.entries({ string: "s", bool: "b", int32: "i", int64: "i", float64: "d", "[]byte": "y" }),
);

const [apiFolder, machineryFolder] = process.argv.slice(2);
if (apiFolder === undefined || machineryFolder === undefined) {
  console.error("usage: read-protobuf-fields.mjs <kubernetes/api> <kubernetes/apimachinery>");
  process.exit(1);
}

/** `core/v1.PodSpec` → its fields, or what it is another name of. */
const structs = new Map();
const aliases = new Map();

await readPackage("meta/v1", path.join(machineryFolder, "pkg/apis/meta/v1"));
for (const group of await readdir(apiFolder)) {
  for (const version of await readdir(path.join(apiFolder, group)).catch(() => [])) {
    await readPackage(`${group}/${version}`, path.join(apiFolder, group, version));
  }
}

const wanted = [];
for (const { group, version, kind } of RESOURCES) {
  const name = `${groupFolder(group)}/${version}.${kind}`;
  if (structs.has(name)) wanted.push(name);
}
const queue = [...wanted, ...MORE_KINDS];
const lines = new Map();
for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
  if (lines.has(name)) continue;
  const fields = structs.get(name);
  if (fields === undefined) throw new Error(`Nobody declares ${name}`);
  const known = fields.filter(({ type }) => isKnown(flatten(type).base));
  lines.set(name, [name, ...known.map((field) => describe(field))].join(" "));
}
console.log([...lines.values()].toSorted((a, b) => (a < b ? -1 : 1)).join("\n"));

/** Not a field of an alpha version, which no served kind has. */
function isKnown(base) {
  return !base.includes(".") || KNOWN.has(base) || structs.has(base);
}

/** `apps` of `apps`, `rbac` of `rbac.authorization.k8s.io`, `core` of the core group. */
function groupFolder(group) {
  return group === "" ? "core" : (group.split(".")[0] ?? group);
}

async function readPackage(name, folder) {
  for (const file of await readdir(folder).catch(() => [])) {
    if (!file.endsWith(".go") || file.startsWith("zz_") || file.endsWith("_test.go")) continue;
    readSource(name, await readFile(path.join(folder, file), "utf8"));
  }
}

function readSource(name, text) {
  const imports = new Map();
  for (const [, alias, target] of text.matchAll(/^\s*(?:import )?(\w+)? ?"([^"]+)"$/gm)) {
    const parts = target.split("/");
    const last = parts.at(-1);
    const isVersion = /^v\d/.test(last);
    imports.set(alias ?? last, isVersion ? `${parts.at(-2)}/${last}` : last);
  }
  for (const [, type, other] of text.matchAll(/^\s*type (\w+) =? ?([\w.[\]]+)$/gm)) {
    aliases.set(`${name}.${type}`, resolveIn(name, other, imports));
  }
  for (const [, type, body] of text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    structs.set(`${name}.${type}`, readFields(name, body, imports));
  }
  for (const [, type, body] of text.matchAll(/^type (\w+) (map\[[^\n]+|\[\][^\n]+)$/gm)) {
    aliases.set(`${name}.${type}`, resolveIn(name, body, imports));
  }
}

function readFields(name, body, imports) {
  const fields = [];
  for (const line of body.split("\n")) {
    const match = /^\s*(?:\w+\s+)?([*\w.[\]]+)\s+`json:"([^"]*)"[^`]*?protobuf:"\w+,(\d+),/.exec(
      line,
    );
    if (match === null) continue;
    const [, type, tag, number] = match;
    const [jsonName, ...flags] = tag.split(",");
    // `metadata` is embedded in Go, but has a name of its own in JSON.
    fields.push({
      name: jsonName === "" ? `~${number}` : jsonName,
      number,
      isOptional: flags.includes("omitempty"),
      type: resolveIn(name, type, imports),
    });
  }
  return fields;
}

/** The Go type with names as this script has them: `*core/v1.PodSpec`, `[]s`, `map[s]quantity`. */
function resolveIn(name, type, imports) {
  if (SCALARS.has(type)) return SCALARS.get(type);
  if (type.startsWith("*")) return `*${resolveIn(name, type.slice(1), imports)}`;
  if (type.startsWith("[]")) return `[]${resolveIn(name, type.slice(2), imports)}`;
  const map = /^map\[[\w.]+\](.+)$/.exec(type);
  if (map !== null) return `map ${resolveIn(name, map[1], imports)}`;
  const [head, tail] = type.split(".");
  if (tail === undefined) return `${name}.${head}`;
  return `${imports.get(head) ?? head}.${tail}`;
}

function describe({ name, number, isOptional, type }) {
  const { prefix, base } = flatten(type);
  const optional = isOptional && !prefix.includes("*") ? "?" : "";
  if (base.includes(".") && !KNOWN.has(base)) queue.push(base);
  return `${name}=${number}${optional}${prefix.replace("*", "")}${KNOWN.get(base) ?? base}`;
}

/** What stands before the type (`*`, `[]`, `{}`) and the type itself, other names of scalars followed. */
function flatten(type) {
  if (type.startsWith("*")) {
    const { prefix, base } = flatten(type.slice(1));
    return { prefix: `*${prefix}`, base };
  }
  if (type.startsWith("[]")) {
    const inner = flatten(type.slice(2));
    return { prefix: `[]${inner.prefix}`, base: inner.base };
  }
  if (type.startsWith("map ")) {
    const inner = flatten(type.slice(4));
    return { prefix: `{}${inner.prefix}`, base: inner.base };
  }
  if (KNOWN.has(type) || structs.has(type)) return { prefix: "", base: type };
  const other = aliases.get(type);
  if (other !== undefined && other !== type) return flatten(other);
  if (type.includes(".")) {
    // `types.UID` and the like: names of text.
    if (/^(types|core\/v1|meta\/v1|\w+\/v\d+)\./.test(type) && !structs.has(type))
      return { prefix: "", base: "s" };
  }
  return { prefix: "", base: type };
}
