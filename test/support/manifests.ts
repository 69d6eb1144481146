import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./clone.ts";

const EXAMPLE = join(ROOT, "examples", "hello");

/** The demo's manifests by file name, with `NODE_PORT` in place of its node port. */
export async function helloFiles(): Promise<Record<string, string>> {
  const names = (await readdir(EXAMPLE)).filter((name) => name.endsWith(".yaml"));
  const files = await Promise.all(
    names.map(async (name): Promise<[string, string]> => {
      const text = await readFile(join(EXAMPLE, name), "utf8");
      return [name, text.replace(/nodePort: \d+/, "nodePort: NODE_PORT")];
    }),
  );
  return Object.fromEntries(files);
}

export interface DeploymentText {
  readonly name: string;
  readonly replicas: number;
  readonly image?: string;
  /** Run by `sh -c`. */
  readonly command: string;
  /** More lines of the container, indented from its own column. */
  readonly container?: string;
  readonly graceSeconds?: number;
}

/** A Deployment of busybox pods with the label `app: <name>`. */
export function deploymentText(options: DeploymentText): string {
  const { name, replicas, image = "berth.local/busybox:1", command, graceSeconds = 1 } = options;
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
      terminationGracePeriodSeconds: ${graceSeconds}
      containers:
        - name: main
          image: ${image}
          command: ["sh", "-c", ${JSON.stringify(command)}]
${indent(options.container ?? "", 10)}`;
}

function indent(text: string, columns: number): string {
  return text
    .split("\n")
    .map((line) => (line === "" ? line : " ".repeat(columns) + line))
    .join("\n");
}
