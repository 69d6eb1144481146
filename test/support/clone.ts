import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The clone that the tests run in. */
export const ROOT: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
