import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { loadManifests } from "../../src/schema/load-manifests.ts";

/*
 * The bundle for editors, read by a validator of draft 7 that knows nothing of Berth: yaml-language-server reads the
 * same draft.
 */

const BUNDLE = JSON.parse(
  readFileSync(new URL("../../schemas/editor/berth.schema.json", import.meta.url), "utf8"),
) as object;

const CORPUS = new URL("../corpus/", import.meta.url);

const ajv = new Ajv({ allErrors: true, strict: false, logger: false });
const validate = ajv.compile(BUNDLE);

/** What a validator has against a value, as `path: keyword`. */
function errorsOf(value: unknown): readonly string[] {
  validate(value);
  return (validate.errors ?? [])
    .filter(({ keyword }) => keyword !== "if")
    .map(({ instancePath, keyword }) => `${instancePath}: ${keyword}`);
}

function documentsOf(folder: string, name: string): readonly unknown[] {
  const text = readFileSync(new URL(`${folder}${name}`, CORPUS), "utf8");
  return parseAllDocuments(text, { version: "1.2", merge: true, logLevel: "silent" })
    .filter((document) => document.errors.length === 0)
    .map((document) => document.toJS({ maxAliasCount: 1000 }) as unknown);
}

const VALID = readdirSync(new URL("valid/", CORPUS)).toSorted();

/** Valid for Berth, and not to the letter: an editor may well complain. */
const LOOSE: Readonly<Record<string, string>> = {
  "deployment-full.yaml": "a field with nothing behind its colon",
};

describe("schemas/editor/berth.schema.json", () => {
  it.each(VALID.filter((name) => LOOSE[name] === undefined))("takes %s as Berth does", (name) => {
    const content = readFileSync(new URL(`valid/${name}`, CORPUS));
    const { problems } = loadManifests([{ path: name, content }], { namespace: "default" });
    const errors = documentsOf("valid/", name).flatMap(errorsOf);
    // The corpus has manifests whose engine is not there yet: those an editor refuses as well.
    if (problems.length > 0) expect(errors).not.toEqual([]);
    else expect(errors).toEqual([]);
  });

  it.each(Object.entries(LOOSE))("complains about %s: %s", (name) => {
    expect(documentsOf("valid/", name).flatMap(errorsOf)).not.toEqual([]);
  });

  const pod = (spec: object): object => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web" },
    spec: { containers: [{ name: "web", image: "web:1" }], ...spec },
  });

  it.each([
    ["nothing", {}, [": required", ": required"]],
    ["a kind that is none", { apiVersion: "v1", kind: "Pot" }, ["/kind: enum"]],
    ["a kind of another version", { apiVersion: "v1", kind: "Deployment" }, ["/apiVersion: enum"]],
    ["a slip in a name", pod({ containrs: [] }), ["/spec: additionalProperties"]],
    ["a wrong type", pod({ hostNetwork: "yes" }), ["/spec/hostNetwork: type"]],
    ["a wrong word", pod({ restartPolicy: "always" }), ["/spec/restartPolicy: enum"]],
    ["a field that is refused", pod({ serviceAccount: "web" }), ["/spec/serviceAccount: enum"]],
    [
      "a form, beside a reference",
      { ...pod({}), metadata: { name: "Web" } },
      ["/metadata/name: pattern"],
    ],
    [
      "two sources",
      pod({ volumes: [{ name: "a", emptyDir: {}, hostPath: { path: "/" } }] }),
      ["/spec/volumes/0: maxProperties"],
    ],
    [
      "an item of a List",
      { apiVersion: "v1", kind: "List", items: [pod({ hostNetwork: 1 })] },
      ["/items/0/spec/hostNetwork: type"],
    ],
  ])("refuses %s", (_what, value, expected) => {
    expect(errorsOf(value)).toEqual(expected);
  });

  it("takes an empty field that is not there yet or never will be", () => {
    expect(errorsOf(pod({ serviceAccount: null }))).toEqual([]);
    expect(errorsOf(pod({ resourceClaims: [] }))).toEqual([]);
    expect(errorsOf(pod({ resourceClaims: [{ name: "gpu" }] }))).not.toEqual([]);
  });

  it("has nothing beside a reference, and no word of later drafts", () => {
    const text = JSON.stringify(BUNDLE);
    expect(text).not.toMatch(/"\$ref":"[^"]*",|,"\$ref"/);
    expect(text).not.toMatch(/"(?:\$defs|\$dynamicRef|unevaluatedProperties|prefixItems)"/);
  });
});
