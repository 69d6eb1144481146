import { expect, test } from "vitest";
import { useCluster } from "../support/use-cluster.ts";

/** A client of the API within a pod, as those of every language find it: by variables, token and CA. */
const CLIENT = `
const { readFileSync } = require("node:fs");
const { get } = require("node:https");
const folder = "/var/run/secrets/kubernetes.io/serviceaccount/";
const read = (name) => readFileSync(folder + name, "utf8");
const ask = (path) => new Promise((resolve) => {
  get("https://kubernetes.default.svc" + path, {
    ca: read("ca.crt"),
    headers: { authorization: "Bearer " + read("token") },
  }, (answer) => {
    let text = "";
    answer.on("data", (chunk) => (text += chunk));
    answer.on("end", () => resolve(answer.statusCode + " " + (JSON.parse(text).kind)));
  }).on("error", (error) => resolve("error " + error.message));
});
const api = "/api/v1/namespaces/" + read("namespace");
Promise.all([ask(api + "/configmaps"), ask(api + "/secrets")]).then((told) => console.log(told.join(", ")));
`;

const MANIFESTS = `apiVersion: v1
kind: ServiceAccount
metadata: { name: reader }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: silent }
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reads-configs }
rules:
  - { apiGroups: [""], resources: [configmaps], verbs: [list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader-reads-configs }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reads-configs }
subjects:
  - { kind: ServiceAccount, name: reader, namespace: default }
---
${job("reader", "reader", CLIENT)}
---
${job("silent", "silent", `console.log(require("node:fs").existsSync("/var/run/secrets/kubernetes.io"))`)}
`;

function job(name: string, account: string, script: string): string {
  return `apiVersion: batch/v1
kind: Job
metadata: { name: ${name} }
spec:
  template:
    spec:
      serviceAccountName: ${account}
      restartPolicy: Never
      containers:
        - name: client
          image: berth.local/hello:1
          command: [node, -e, ${JSON.stringify(script)}]`;
}

const current = useCluster(() => Promise.resolve({ files: { "accounts.yaml": MANIFESTS } }));

test("a pod asks the API as its account: what it may, and nothing else", async () => {
  await current().untilPhase(await current().repo.head(), "Healthy");
  const told = (job: string): Promise<string> => current().kubectl("logs", `job/${job}`);
  expect((await told("reader")).trim()).toBe("200 ConfigMapList, 403 Status");
  expect((await told("silent")).trim()).toBe("false");
});
