import type { Finding } from "../../model/doctor.ts";

/** What is to be said about a check, before it is known who asks. */
export type Verdict = Omit<Finding, "node">;
