import { describe, expect, it } from "vitest";
import { CliError } from "../../src/cli/cli-error.ts";
import { explain } from "../../src/cli/explain.ts";

async function linesOf(target: string): Promise<readonly string[]> {
  const lines: string[] = [];
  await explain({ target }, (line) => lines.push(line));
  return lines;
}

describe("explain()", () => {
  it("reads the schemas of the package", async () => {
    const lines = await linesOf("deploy.spec.template.spec.containers.imagePullPolicy");
    expect(lines).toContain("FIELD: imagePullPolicy <string>");
    expect(lines).toContain("ALLOWED: Always, IfNotPresent, Never");
  });

  it("does not take the bundle for editors for a kind", async () => {
    await expect(linesOf("manifest")).rejects.toThrow(CliError);
  });

  it("refuses what is not there with a cure", async () => {
    await expect(linesOf("deploy.spec.replica")).rejects.toMatchObject({
      message: '"replica" is no field of spec',
      cure: 'did you mean "replicas"?',
    });
    await expect(linesOf("")).rejects.toMatchObject({
      cure: "berth explain KIND[.FIELD[.FIELD…]]",
    });
  });
});
