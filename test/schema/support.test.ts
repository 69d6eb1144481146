import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fieldsOf } from "../../src/schema/schema-tree.ts";
import type { SourceSchema } from "../../src/schema/schema-tree.ts";
import { SCHEMA_FILES } from "../support/schema-files.ts";

const SUPPORT = readFileSync(new URL("../../docs/support.md", import.meta.url), "utf8");

const DECLARABLE = [...SCHEMA_FILES.values()].flatMap((schema) => {
  const { kind } = schema.properties ?? {};
  const isDeclarable = schema["x-not-declarable"] === undefined;
  return isDeclarable && typeof kind === "object" ? [String(kind.const)] : [];
});

/** Rows of the table below a heading. */
function rowsOf(heading: string): readonly string[] {
  const [, section = ""] = SUPPORT.split(`\n### ${heading}\n`);
  const [body = ""] = section.split("\n### ");
  return body.split("\n").filter((line) => line.startsWith("| `"));
}

describe("docs/support.md", () => {
  it.each(DECLARABLE)("has %s", (kind) => {
    expect(SUPPORT).toMatch(new RegExp(`^### ${kind} \\(`, "m"));
  });

  it.each([
    ["Container", "shared/container.json", "container"],
    ["PodSpec", "shared/pod.json", "podSpec"],
    ["Volume", "shared/volume.json", "volume"],
    ["Probe", "shared/probe.json", "probe"],
  ])("has a row for every field of %s", (title, file, name) => {
    const schema = SCHEMA_FILES.get(file)?.$defs?.[name] ?? ({} as SourceSchema);
    const fields = fieldsOf(SCHEMA_FILES, { schema, file }).map((field) => `\`${field.name}\``);
    expect(rowsOf(title).map((row) => row.split(" | ")[0]?.slice(2))).toEqual(fields);
    expect(fields.length).toBeGreaterThan(5);
  });

  it("links only to sections that are there", () => {
    const anchors = new Set(
      [...SUPPORT.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
        title
          .toLowerCase()
          .replaceAll(/[^\w -]/g, "")
          .replaceAll(" ", "-"),
      ),
    );
    const links = [...SUPPORT.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor);
    expect(links.filter((link) => !anchors.has(link))).toEqual([]);
    expect(links.length).toBeGreaterThan(100);
  });

  it("gives a reason for what is ignored or refused", () => {
    const bare = SUPPORT.split("\n").filter((line) => /\| (?:ignored|refused) \|\s*\|$/.test(line));
    expect(bare).toEqual([]);
  });
});
