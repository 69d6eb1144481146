import { readSchemaFiles } from "../api/schema-files.ts";
import { explainKind } from "../schema/explain-kind.ts";
import type { ExplainRequest } from "../schema/explain-kind.ts";
import { CliError } from "./cli-error.ts";

/** Prints what a kind or a field is; needs no cluster. */
export async function explain(request: ExplainRequest, out: (line: string) => void): Promise<void> {
  const explanation = explainKind(await readSchemaFiles(), request);
  if (explanation.kind === "unknown") {
    throw new CliError(explanation.message, {
      cure: explanation.hint ?? "berth explain KIND[.FIELD[.FIELD…]]",
    });
  }
  for (const line of explanation.lines) out(line);
}
