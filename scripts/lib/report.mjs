import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TOOLS } from "./paths.mjs";

/** Where the test run leaves vitest's JSON report. */
export const REPORT = join(TOOLS, "test-report.json");

/** `12 passed, 0 failed, 0 skipped` of the last test run. A file that could not be loaded counts as failed. */
export function summary() {
  const report = readReport();
  if (report === undefined) return "0 passed, 1 failed, 0 skipped";
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  const skipped = report.numPendingTests + report.numTodoTests;
  return `${report.numPassedTests} passed, ${report.numFailedTests + unloaded.length} failed, ${skipped} skipped`;
}

/** Full names of the tests that did not run. */
export function skippedTests() {
  const tests = readReport()?.testResults.flatMap((file) => file.assertionResults) ?? [];
  return tests
    .filter(({ status }) => status !== "passed" && status !== "failed")
    .map((test) => test.fullName);
}

function readReport() {
  try {
    return JSON.parse(readFileSync(REPORT, "utf8"));
  } catch {
    return undefined;
  }
}
