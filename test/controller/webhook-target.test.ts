import { expect, test } from "vitest";
import { appWebhooks } from "../../src/controller/webhook-target.ts";
import type { App, Secret } from "../../src/model/kinds.gen.ts";
import type { ObjectRef } from "../../src/model/meta.ts";

function app(name: string, repo: string, secret?: string): App {
  const webhookSecretRef = { name: secret ?? "", namespace: "berth-system" };
  return {
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name },
    spec: {
      repo,
      branch: "main",
      path: ".",
      namespace: "default",
      intervalSeconds: 60,
      prune: true,
      ...(secret === undefined ? {} : { webhookSecretRef }),
    },
  };
}

const APPS = [
  app("a", "https://git.example.org/team/app.git", "hook"),
  app("b", "ssh://git@git.example.org:2222/Team/app.git", "hook"),
  app("c", "git@git.example.org:team/other.git", "hook"),
  app("d", "https://git.example.org/team/app.git", "weak"),
  app("e", "https://git.example.org/team/app.git", "gone"),
  app("f", "https://git.example.org/team/app.git"),
];
const TOKENS: Readonly<Record<string, string>> = { hook: "correct horse battery", weak: "short" };

function target(): { readonly hooks: ReturnType<typeof appWebhooks>; readonly looked: string[] } {
  const looked: string[] = [];
  const world = {
    list: () => APPS,
    get({ name }: ObjectRef): Secret | undefined {
      const token = TOKENS[name];
      if (token === undefined) return undefined;
      const data = { token: Buffer.from(`${token}\n`).toString("base64") };
      return { apiVersion: "v1", kind: "Secret", metadata: { name }, type: "Opaque", data };
    },
  };
  return { hooks: appWebhooks(world, (names) => void looked.push(...names)), looked };
}

test("Apps with a token of some length take webhooks, the others none", () => {
  expect(target().hooks.tokens()).toEqual([
    { token: "correct horse battery", apps: ["a", "b", "c"] },
  ]);
});

test.for([
  [["https://git.example.org/team/app"], ["a", "b"]],
  [["git@git.example.org:team/other.git"], ["c"]],
  [["https://elsewhere.org/team/app"], []],
  [[], ["a", "b", "c"]],
] as const)("%j wakes %j", ([addresses, apps]) => {
  const { hooks, looked } = target();
  expect(hooks.look(["a", "b", "c"], addresses)).toEqual(apps);
  expect(looked).toEqual(apps);
});

test("an App that the token does not stand for is not woken", () => {
  expect(target().hooks.look(["c"], ["https://git.example.org/team/app"])).toEqual([]);
});
