import { compare } from "../base/order.ts";
import type { Problem } from "../model/problem.ts";
import type { Severity } from "./print-problems.ts";

/** What the findings are about, for `formatSarif`. */
export interface SarifInput {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Of the tool. */
  readonly version: string;
}

/** Problems and warnings as one run of SARIF 2.1.0, the form that code scanning takes. Pure. */
export function formatSarif({ problems, warnings, version }: SarifInput): string {
  const codes = [...new Set([...problems, ...warnings].map(({ code }) => code))].toSorted(compare);
  const ruleIndex = new Map(codes.map((code, index) => [code, index]));
  const results = [
    ...problems.map((problem) => toResult(problem, "error", ruleIndex)),
    ...warnings.map((problem) => toResult(problem, "warning", ruleIndex)),
  ];
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "berth", version, rules: codes.map((id) => ({ id })) } },
        columnKind: "utf16CodeUnits",
        results,
      },
    ],
  };
  return JSON.stringify(log, null, 2);
}

function toResult(
  { code, message, at, path, hint }: Problem,
  level: Severity,
  ruleIndex: ReadonlyMap<string, number>,
): unknown {
  const location = {
    physicalLocation: {
      artifactLocation: { uri: encodeURI(at.file) },
      region: { startLine: at.line, startColumn: at.column },
    },
    ...(path === "" ? {} : { logicalLocations: [{ fullyQualifiedName: path }] }),
  };
  return {
    ruleId: code,
    ruleIndex: ruleIndex.get(code) ?? 0,
    level,
    message: { text: hint === undefined ? message : `${message}; ${hint}` },
    locations: [location],
  };
}
