import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runBerth } from "../support/cluster.ts";
import { useCluster } from "../support/use-cluster.ts";

/*
 * A word that is a Secret's must be in the store and in what is asked for, and nowhere else: a canary is put into
 * encrypted files, and then looked for in all that a cluster writes and prints.
 */

const CANARY = "canary-Zs8Qd2Lw5xKp";
const SECOND = "canary-Mn4Rt7Yb1vHc";
const FORMS: readonly string[] = [CANARY, SECOND].flatMap((word) => [
  word,
  Buffer.from(word).toString("base64").replace(/=+$/, ""),
]);
const PLAIN = `apiVersion: v1
kind: Secret
metadata:
  name: database
stringData:
  # ${CANARY}
  password: ${CANARY}
`;
const settings = (colour: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: ${colour}\n`;

const current = useCluster(async () => ({ files: { "settings.yaml": settings("green") } }));

const isIn = (text: string): readonly string[] => FORMS.filter((form) => text.includes(form));

async function passwordOf(name: string): Promise<string> {
  const text = await current().kubectl("get", "secret", name, "-o", "jsonpath={.data.password}");
  return Buffer.from(text, "base64").toString();
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("a plain Secret is refused, with the cure", async () => {
  const cluster = current();
  await cluster.repo.write("database.yaml", PLAIN.replaceAll(CANARY, "not-a-canary"));
  const release = await cluster.untilPhase(await cluster.repo.commit("plain"), "Rejected");
  expect(JSON.stringify(release)).toMatch(
    /database\.yaml:2:7.*plain text.*berth secret encrypt FILE/,
  );
  await cluster.repo.git("revert", "--no-edit", "HEAD");
  await cluster.untilPhase(await cluster.repo.head(), "Healthy");
});

test("encrypted with the cluster's key it is applied, and plans tell nothing of it", async () => {
  const cluster = current();
  await cluster.repo.write("database.yaml", PLAIN);
  const file = join(cluster.repo.path, "database.yaml");
  const sealed = await cluster.berth("secret", "encrypt", file);
  expect([sealed.code, sealed.output]).toEqual([0, ""]);
  expect(isIn(await readFile(file, "utf8"))).toEqual([]);
  const recipient = await cluster.berth("secret", "recipient");
  expect(await readFile(file, "utf8")).toContain(recipient.stdout.trim());
  const plan = await cluster.berth("plan", cluster.repo.path);
  expect([plan.code, isIn(plan.output)]).toEqual([2, []]);
  await cluster.untilPhase(await cluster.repo.commit("encrypted"), "Healthy");
  expect(await passwordOf("database")).toBe(CANARY);
});

test("a plan of a snapshot, without a key, says what it did not compare", async () => {
  const cluster = current();
  const snapshot = await cluster.berth("snapshot");
  expect(isIn(snapshot.stdout)).toEqual([]);
  await cluster.repo.write("../snapshot.json", snapshot.stdout);
  const flags = ["--snapshot", join(cluster.repo.path, "..", "snapshot.json")];
  const elsewhere = ["--data-dir", join(cluster.dir, "elsewhere")];
  const plan = await runBerth(["plan", ...flags, ...elsewhere, cluster.repo.path], {
    cwd: cluster.repo.path,
  });
  expect(plan.output).toContain("database: encrypted, not compared");
  expect([plan.code, isIn(plan.output)]).toEqual([0, []]);
  const valid = await runBerth(["validate", cluster.repo.path]);
  expect([valid.code, valid.stderr]).toEqual([0, ""]);
});

test("kubectl changes it, and Git has the change encrypted", async () => {
  const cluster = current();
  const patch = { data: { password: Buffer.from(SECOND).toString("base64") } };
  await cluster.kubectl("patch", "secret", "database", "-p", JSON.stringify(patch));
  expect(await passwordOf("database")).toBe(SECOND);
  const file = join(cluster.repo.path, "database.yaml");
  const plain = await cluster.berth("secret", "decrypt", file);
  expect(plain.stdout).toBe(PLAIN.replace(`password: ${CANARY}`, `password: ${SECOND}`));
});

test("what is wrong within an encrypted file is told without its content", async () => {
  const cluster = current();
  const file = join(cluster.repo.path, "broken.yaml");
  await cluster.repo.write(
    "broken.yaml",
    `apiVersion: v1\nkind: Secret\nmetadata:\n  name: broken\ndata:\n  password: "${CANARY}!"\n`,
  );
  await cluster.berth("secret", "encrypt", file);
  const release = await cluster.untilPhase(await cluster.repo.commit("broken"), "Rejected");
  expect(JSON.stringify(release)).toMatch(
    /broken\.yaml:6:\d+: The encrypted file is not valid here/,
  );
  await cluster.repo.git("revert", "--no-edit", "HEAD");
  await cluster.untilPhase(await cluster.repo.head(), "Healthy");
});

test("the canary is nowhere else, nor is the key that opens it", async () => {
  const cluster = current();
  const keyFile = join(cluster.dataDir, "pki", "secrets.agekey");
  const key = /^AGE-SECRET-KEY-\S+$/m.exec(await readFile(keyFile, "utf8"))?.[0] ?? "";
  expect(key).not.toBe("");
  const forms = [...FORMS, key];
  const isIn = (text: string): readonly string[] => forms.filter((form) => text.includes(form));
  const commands = [
    ["status", "--output", "json"],
    ["history", "--output", "json"],
    ["history", "secret/database"],
    ["blame", "secret/database"],
    ["plan", "HEAD~1..HEAD", "--output", "json"],
  ] as const;
  for (const [command, ...args] of commands) {
    const { output } = await cluster.berth(command, ...args);
    expect([command, isIn(output)]).toEqual([command, []]);
  }
  for (const kind of ["apps.berth.dev", "releases.berth.dev", "events", "configmaps"])
    expect([kind, isIn(await cluster.kubectl("get", kind, "-A", "-o", "json"))]).toEqual([
      kind,
      [],
    ]);
  for (const file of await filesBelow(cluster.dir)) {
    // The store holds the Secret itself.
    if (file.startsWith(join(cluster.dataDir, "store")) || file === keyFile) continue;
    expect([file, isIn(await readFile(file, "latin1"))]).toEqual([file, []]);
  }
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const id of processes) {
    for (const name of ["cmdline", "environ"]) {
      const text = await readFile(`/proc/${id}/${name}`, "latin1").catch(() => "");
      const isOurs = id === String(process.pid);
      expect([id, isOurs ? [] : isIn(text)]).toEqual([id, []]);
    }
  }
});
