// Prints the counts of the last test run.
import { summary } from "./lib/report.mjs";

console.log(summary());
