import { describe, expect, it } from "vitest";
import { RESOURCES } from "../../src/model/resources.ts";
import { explainKind } from "../../src/schema/explain-kind.ts";
import type { ExplainRequest } from "../../src/schema/explain-kind.ts";
import type { SourceSchema } from "../../src/schema/schema-tree.ts";
import { SCHEMA_FILES } from "../support/schema-files.ts";

function linesOf(target: string, more: Partial<ExplainRequest> = {}): readonly string[] {
  const explanation = explainKind(SCHEMA_FILES, { target, ...more });
  return explanation.kind === "explained"
    ? explanation.lines
    : [`${explanation.message}; ${explanation.hint ?? ""}`];
}

/** A kind of one's own, so that the form does not hang on what Berth can do today. */
const TOY: SourceSchema = {
  title: "Toy",
  description: "Something to play with.",
  properties: {
    apiVersion: { const: "toys.dev/v1" },
    kind: { const: "Toy" },
    spec: {
      type: "object",
      title: "ToySpec",
      required: ["size"],
      properties: {
        size: { description: "How large.", type: "integer", minimum: 1, maximum: 9, default: 3 },
        paint: { enum: ["red", "blue"], "x-not-yet-values": ["green"] },
        parts: { type: "array", items: { $ref: "#/$defs/part" } },
        later: { $ref: "#/$defs/part", "x-not-yet": true },
        old: { type: "string", "x-ignored": "nobody reads it" },
        bad: { type: "string", "x-refused": "it bites: use size" },
      },
    },
  },
  $defs: {
    part: { title: "Part", type: "object", properties: { inner: { $ref: "#/$defs/part" } } },
  },
};

const TOYS = new Map([["toys.dev.v1.Toy.json", TOY]]);

function toyLines(target: string, recursive = false): readonly string[] {
  const explanation = explainKind(TOYS, { target, recursive });
  return explanation.kind === "explained" ? explanation.lines : [explanation.message];
}

describe("explainKind()", () => {
  it("says what a kind is, and its fields by name", () => {
    expect(toyLines("toy")).toEqual([
      "GROUP:      toys.dev",
      "KIND:       Toy",
      "VERSION:    v1",
      "STATE:      supported",
      "",
      "DESCRIPTION:",
      "    Something to play with.",
      "",
      "FIELDS:",
      "  apiVersion\t<string>",
      "    <no description>",
      "",
      "  kind\t<string>",
      "    <no description>",
      "",
      "  spec\t<ToySpec>",
      "    <no description>",
      "",
    ]);
  });

  it("says of a field what it may be, what it is without a word, and what becomes of it", () => {
    expect(toyLines("toy.spec.size")).toEqual([
      "GROUP:      toys.dev",
      "KIND:       Toy",
      "VERSION:    v1",
      "",
      "FIELD: size <integer> -required-",
      "STATE: supported",
      "ALLOWED: 1 to 9",
      "DEFAULT: 3",
      "",
      "DESCRIPTION:",
      "    How large.",
      "",
    ]);
    expect(toyLines("toy.spec.paint")).toContain("ALLOWED: red, blue");
    expect(toyLines("toy.spec.paint")).toContain("         green is not supported yet");
    expect(toyLines("toy.spec.old")).toContain("STATE: ignored: nobody reads it");
    expect(toyLines("toy.spec.bad")).toContain("STATE: refused: it bites: use size");
  });

  it("follows lists, and takes from above that a field is not there yet", () => {
    expect(toyLines("toy.spec.parts.inner")).toContain("STATE: supported");
    expect(toyLines("toy.spec.later.inner")).toContain("STATE: not supported yet");
  });

  it("prints all fields below, and ends where a type holds itself", () => {
    expect(toyLines("toy.spec", true).slice(10)).toEqual([
      "FIELDS:",
      "  bad\t<string> (refused)",
      "  later\t<Part> (not supported yet)",
      "    inner\t<Part>",
      "  old\t<string> (ignored)",
      "  paint\t<string>",
      "  parts\t<[]Part>",
      "    inner\t<Part>",
      "  size\t<integer> -required-",
    ]);
  });

  it.each(
    RESOURCES.flatMap(({ kind, plural, singular, shortNames }) =>
      [kind, plural, singular, ...shortNames].map((name) => [name, kind] as const),
    ),
  )("knows %s", (name, kind) => {
    expect(linesOf(name)).toContain(`KIND:       ${kind}`);
  });

  it("takes the version that is asked for, and else the one of the API", () => {
    expect(linesOf("hpa.spec")).toContain("VERSION:    v2");
    expect(linesOf("hpa.spec", { apiVersion: "autoscaling/v1" })).toContain("VERSION:    v1");
    expect(linesOf("hpa", { apiVersion: "autoscaling/v3" })).toEqual([
      '"hpa" is not in apiVersion "autoscaling/v3"; it is in autoscaling/v2 and autoscaling/v1',
    ]);
  });

  it.each([
    ["pod.spec.containrs", '"containrs" is no field of spec; did you mean "containers"?'],
    ["pod.spec.containers.name.x", '"x" is no field of spec.containers.name; '],
    ["pod..spec", '"" is no field of Pod; '],
    ["deploment", '"deploment" is no kind that Berth knows; did you mean "deployment"?'],
    ["", '"" is no kind that Berth knows; '],
    ["RuntimeClass", '"node.k8s.io/v1 RuntimeClass" is not supported yet; '],
    ["pod.constructor", '"constructor" is no field of Pod; '],
  ])("%j: %s", (target, expected) => {
    expect(linesOf(target)).toEqual([expected]);
  });
});
