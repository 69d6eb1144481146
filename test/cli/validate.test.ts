import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { validate } from "../../src/cli/validate.ts";
import type { ValidateOptions } from "../../src/cli/validate.ts";

const GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n";
const BAD = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bad\ndata:\n  PORT: 8080\n";
const WARNED =
  "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-validate-"));
  await writeFile(join(folder, "good.yaml"), GOOD);
  await writeFile(join(folder, "bad.yaml"), BAD);
  await writeFile(join(folder, "warned.yaml"), WARNED);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* input(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function run(
  names: readonly string[],
  options: Partial<ValidateOptions> = {},
  stdin = "",
): Promise<{ code: number; out: string; err: string }> {
  const said = { out: "", err: "" };
  const code = await validate(
    {
      paths: names.map((name) => (name === "-" ? name : join(folder, name))),
      namespace: "default",
      output: "text",
      strict: false,
      ...options,
    },
    {
      out: (line) => void (said.out += `${line}\n`),
      err: (line) => void (said.err += `${line}\n`),
    },
    { stdin: input(stdin), signal: AbortSignal.timeout(10_000) },
  );
  return { code, out: said.out.replaceAll(folder, "DIR"), err: said.err.replaceAll(folder, "DIR") };
}

describe("berth validate", () => {
  it("takes several paths, each file once, under the names that the user gave", async () => {
    expect(await run(["good.yaml", "good.yaml", "warned.yaml"])).toMatchObject({
      code: 0,
      out: "2 objects in 2 files: all valid\n",
    });
    const { code, err } = await run(["", "bad.yaml"]);
    expect(code).toBe(1);
    expect(err).toContain("DIR/bad.yaml:6:9: error: data.PORT must be a string");
    expect(err).toContain("1 problem in 3 files");
  });

  it("reads the standard input for -", async () => {
    expect(await run(["-"], {}, GOOD)).toMatchObject({ code: 0 });
    const { code, err } = await run(["good.yaml", "-"], {}, BAD);
    expect(code).toBe(1);
    expect(err).toContain("stdin.yaml:6:9: error:");
    expect(err).toContain("  PORT: 8080");
  });

  it("fails for warnings only with --strict", async () => {
    expect(await run(["warned.yaml"])).toMatchObject({ code: 0 });
    const { code, out, err } = await run(["warned.yaml"], { strict: true });
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain("1 warning in 1 file, and --strict takes none");
    const json = await run(["warned.yaml"], { strict: true, output: "json" });
    expect(JSON.parse(json.out)).toMatchObject({ valid: false, objects: 1, problems: [] });
    expect(await run(["good.yaml"], { strict: true })).toMatchObject({ code: 0 });
  });

  it("says when there is nothing to check", async () => {
    await expect(run(["-"], {}, "# nothing\n")).rejects.toThrow('Cannot find a manifest in "-"');
    await expect(run(["nowhere"])).rejects.toThrow("there is no such file or folder");
  });

  it("prints annotations for GitHub", async () => {
    const { code, out, err } = await run(["bad.yaml", "warned.yaml"], { output: "github" });
    expect([code, err]).toEqual([1, ""]);
    expect(out.split("\n")).toEqual([
      '::error file=DIR/bad.yaml,line=6,col=9,endColumn=13,title=field/quote::data.PORT must be a string: 8080 without quotes is a number; write "8080"',
      "::warning file=DIR/warned.yaml,line=5,col=3,endColumn=11,title=selector/no-match::spec.selector chooses no pods of this tree; compare it with the labels of the pods",
      "",
    ]);
  });

  it("prints SARIF 2.1.0", async () => {
    const { code, out } = await run(["bad.yaml", "warned.yaml"], { output: "sarif" });
    expect(code).toBe(1);
    const log = JSON.parse(out) as SarifLog;
    expect([log.version, log.runs.length]).toEqual(["2.1.0", 1]);
    const [{ tool, results }] = log.runs;
    expect(tool.driver.name).toBe("berth");
    expect(tool.driver.rules.map(({ id }) => id)).toEqual(["field/quote", "selector/no-match"]);
    for (const result of results)
      expect(tool.driver.rules[result.ruleIndex]?.id).toBe(result.ruleId);
    expect(
      results.map(({ level, locations: [{ physicalLocation: place }], message }) => [
        level,
        place.artifactLocation.uri,
        place.region,
        message.text.split(":")[0],
      ]),
    ).toEqual([
      ["error", "DIR/bad.yaml", { startLine: 6, startColumn: 9 }, "data.PORT must be a string"],
      [
        "warning",
        "DIR/warned.yaml",
        { startLine: 5, startColumn: 3 },
        "spec.selector chooses no pods of this tree; compare it with the labels of the pods",
      ],
    ]);
  });

  it("prints SARIF without results when all is well", async () => {
    const { code, out } = await run(["good.yaml"], { output: "sarif" });
    expect(code).toBe(0);
    expect((JSON.parse(out) as SarifLog).runs[0].results).toEqual([]);
  });
});

/** As much of SARIF as a consumer looks at: the fields that its schema requires, and the places. */
interface SarifLog {
  readonly version: string;
  readonly runs: readonly [
    {
      readonly tool: {
        readonly driver: { readonly name: string; readonly rules: { id: string }[] };
      };
      readonly results: readonly {
        readonly ruleId: string;
        readonly ruleIndex: number;
        readonly level: string;
        readonly message: { readonly text: string };
        readonly locations: readonly [
          {
            readonly physicalLocation: {
              readonly artifactLocation: { readonly uri: string };
              readonly region: { readonly startLine: number; readonly startColumn: number };
            };
          },
        ];
      }[];
    },
  ];
}
