import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Job } from "../../src/model/kinds.gen.ts";
import { eventually } from "../support/eventually.ts";
import { deploymentText, helloFiles } from "../support/manifests.ts";
import { containerIdOf, execIn, isReady, podsOf } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

const current = useCluster(async () => ({
  up: ["--allow-plain-secrets"],
  files: {
    ...(await helloFiles()),
    "namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
    "secret.yaml":
      "apiVersion: v1\nkind: Secret\nmetadata:\n  name: key\n  namespace: shop\nstringData:\n  word: xyzzy\n",
    "settings.yaml":
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: shop\ndata:\n  colour: green\n",
    "reader.yaml": READER,
  },
}));

const READER = `${deploymentText({
  name: "reader",
  replicas: 1,
  command: "trap 'exit 0' TERM; sleep 3600 & wait",
  container: `env:
  - name: WORD
    valueFrom:
      secretKeyRef:
        name: key
        key: word
envFrom:
  - configMapRef:
      name: settings
volumeMounts:
  - name: key
    mountPath: /etc/key
    readOnly: true
  - name: settings
    mountPath: /etc/settings
  - name: scratch
    mountPath: /scratch
`,
}).replace("  name: reader\n", "  name: reader\n  namespace: shop\n")}      volumes:
        - name: key
          secret:
            secretName: key
        - name: settings
          configMap:
            name: settings
        - name: scratch
          emptyDir: {}
`;

function jobText(name: string, command: string, extra = ""): string {
  return `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
spec:
  backoffLimit: 1
${extra}  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: berth.local/busybox:1
          command: ["sh", "-c", ${JSON.stringify(command)}]
`;
}

async function untilJob(name: string, condition: string): Promise<Job> {
  return await eventually(`Job ${name} is ${condition}`, async () => {
    const job = await current().getJson<Job>("job", name);
    const found = job.status?.conditions?.some(
      ({ type, status }) => type === condition && status === "True",
    );
    return found === true ? job : undefined;
  });
}

async function reader(): Promise<string> {
  const list = await current().getJson<{ readonly items: Parameters<typeof isReady>[0][] }>(
    "pods",
    "-n",
    "shop",
  );
  const pod = list.items.find((item) => isReady(item));
  if (pod === undefined) throw new Error("The reader is not Ready");
  return containerIdOf(pod);
}

describe("pods", () => {
  test("get Secrets and ConfigMaps as variables and as files, and scratch space", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const output = await execIn(
      await reader(),
      "sh",
      "-c",
      "echo $WORD $colour; cat /etc/key/word; echo; cat /etc/settings/colour; echo; touch /scratch/a && ls /scratch",
    );
    expect(output).toMatch(/xyzzy green/);
    expect(output.match(/xyzzy/g)).toHaveLength(2);
    expect(output.match(/green/g)).toHaveLength(2);
  });

  test("keep files of Secrets in memory", async () => {
    expect(await execIn(await reader(), "grep", "/etc/key", "/proc/mounts")).toContain("tmpfs");
  });

  test("find a Service by its DNS name, from any namespace, and reach it", async () => {
    const container = await reader();
    for (const name of ["hello.default", "hello.default.svc.cluster.local"]) {
      const answer = await execIn(container, "wget", "-q", "-O", "-", `http://${name}/`);
      expect(answer).toContain("Hello from Berth");
    }
    const clusterIp = await current().kubectl(
      "get",
      "service",
      "hello",
      "-o",
      "jsonpath={.spec.clusterIP}",
    );
    const looked = await execIn(container, "nslookup", "hello.default.svc.cluster.local");
    expect(looked).toContain(clusterIp);
  });

  test("get an address of their own that other pods reach", async () => {
    const [pod] = await podsOf(current(), "hello");
    const ip = pod?.status?.podIP;
    expect(ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    const answer = await execIn(await reader(), "wget", "-q", "-O", "-", `http://${ip}:8080/`);
    expect(answer).toContain(pod?.metadata.name ?? "?");
  });
});

describe("a Job", () => {
  test("runs to Complete, and its pod's log stays readable", async () => {
    const cluster = current();
    await cluster.repo.write(
      "job.yaml",
      jobText("ask", "wget -q -O - http://hello/", "  completions: 2\n"),
    );
    const commit = await cluster.repo.commit("ask once");
    const job = await untilJob("ask", "Complete");
    expect(job.status?.succeeded).toBe(2);
    expect(await cluster.kubectl("logs", "job/ask")).toContain("Hello from Berth");
    await cluster.untilPhase(commit, "Healthy");
    expect(await cluster.kubectl("get", "jobs", "--no-headers")).toMatch(/^ask\s+Complete\s+2\/2/m);
  });

  test("that keeps failing is Failed and leaves the other pods alone", async () => {
    const cluster = current();
    const before = (await podsOf(cluster, "hello")).map(({ metadata }) => metadata.uid);
    await cluster.repo.write("bad-job.yaml", jobText("never", "echo no; exit 3"));
    await cluster.repo.commit("fail");
    const job = await untilJob("never", "Failed");
    expect(job.status?.failed).toBe(2);
    expect((await podsOf(cluster, "hello")).map(({ metadata }) => metadata.uid)).toEqual(before);
  });
});

describe("a Deployment with Recreate", () => {
  test("never has pods of two revisions at once", async () => {
    const cluster = current();
    await cluster.repo.remove("bad-job.yaml");
    const folder = join(cluster.dir, "lives");
    // Each pod writes down when it begins and when it ends, in the order in which that happens.
    const text = `${deploymentText({
      name: "single",
      replicas: 1,
      graceSeconds: 30,
      command:
        "echo begin one >>/lives/log; trap 'sleep 1; echo end one >>/lives/log; exit 0' TERM; echo one; sleep 3600 & wait",
      container: "volumeMounts:\n  - name: lives\n    mountPath: /lives",
    })}
      volumes:
        - name: lives
          hostPath:
            path: ${folder}
            type: DirectoryOrCreate
`.replace("  template:", "  strategy:\n    type: Recreate\n  template:");
    await cluster.repo.write("single.yaml", text);
    await cluster.untilPhase(await cluster.repo.commit("single"), "Healthy");
    const [first] = await podsOf(cluster, "single");
    await cluster.untilPhase(await cluster.repo.edit("single.yaml", /\bone\b/g, "two"), "Healthy");
    const after = await podsOf(cluster, "single");
    expect(after).toHaveLength(1);
    expect(after[0]?.metadata.uid).not.toBe(first?.metadata.uid);
    expect(await readFile(join(folder, "log"), "utf8")).toBe("begin one\nend one\nbegin two\n");
    expect(await cluster.kubectl("logs", "deployment/single")).toBe("two\n");
  });
});
