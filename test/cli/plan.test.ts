import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { formatPlan } from "../../src/cli/format-plan.ts";
import {
  formatPlanMarkdown,
  MAX_MARKDOWN,
  planMarker,
} from "../../src/cli/format-plan-markdown.ts";
import { makePlan } from "../../src/cli/make-plan.ts";
import type { PlanDocument } from "../../src/cli/plan-document.ts";
import { parseSnapshot, writeSnapshot, type ClusterState } from "../../src/cli/snapshot.ts";
import type { Release } from "../../src/model/kinds.gen.ts";
import { node } from "../support/builders.ts";
import { declared, planApp, runningState } from "../support/plan-world.ts";

const NODES = ["alpha", "beta", "gamma"].map((name) => ({
  ...node({ name, cpu: "2" }),
}));
const [first] = NODES;
const withImages = [
  { ...first, status: { ...first?.status, images: [{ names: ["app:v2"], sizeBytes: 1 }] } },
  ...NODES.slice(1),
] as typeof NODES;

interface Shop {
  readonly image?: string;
  readonly replicas?: number;
  readonly cpu?: string;
  readonly greeting?: string;
  readonly password?: string;
}

const web = ({ image = "app:v1", replicas = 3, cpu = "500m" }: Shop = {}): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, annotations: { berth.dev/restart-on-config: "true" } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: app
          image: ${image}
          resources: { requests: { cpu: ${cpu} } }
          env:
            - { name: DB_PASSWORD, value: ${image}-word }
            - { name: MODE, value: plain }
          envFrom: [{ secretRef: { name: keys } }, { configMapRef: { name: cfg } }]
`;
const around = ({ greeting = "hello", password = "b25l" }: Shop = {}): string => `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 2, selector: { matchLabels: { app: web } } }
---
apiVersion: v1
kind: Secret
metadata: { name: keys }
data: { word: ${password} }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: cfg }
data:
  site.conf: |
    listen 80
    greeting ${greeting}
    db_password: ${greeting}
    end
`;
const shop = (fields: Shop = {}): Record<string, string> => ({
  "web.yaml": web(fields),
  "around.yaml": around(fields),
});

const STATE = runningState(withImages, shop());

function planOf(
  files: Readonly<Record<string, string>>,
  state: ClusterState = STATE,
  message = "change",
): PlanDocument {
  const loaded = declared(files);
  const releases = state.objects.filter((object): object is Release => object.kind === "Release");
  const masked = loaded.manifests.map((item) => ({ ...item, object: state.masked(item.object) }));
  const change = {
    app: "root",
    spec: planApp().spec,
    manifests: masked,
    problems: loaded.problems,
    releases,
    commitMessage: message,
    tree: "tree-2",
  };
  const target = { name: 'commit abc "change"', isMergeResult: false };
  return makePlan(state, { target, changes: [change], base: [], notes: [] }, "1.2.3");
}

const text = (plan: PlanDocument): string => formatPlan(plan, { maxLines: 60, isColoured: false });

const OLD_JOB = `
apiVersion: batch/v1
kind: Job
metadata: { name: migrate }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: app, image: "app:v1" }] } } }
`;

const CASES: Readonly<Record<string, () => PlanDocument>> = {
  unchanged: () => planOf(shop()),
  "new-image": () => planOf(shop({ image: "app:v2" })),
  "scaled-beyond": () => planOf(shop({ replicas: 14 })),
  "to-zero": () => planOf(shop({ replicas: 0 })),
  "new-config": () => planOf(shop({ greeting: "bye", password: "dHdv" })),
  rejected: () => planOf({ ...shop(), "web.yaml": web().replace("replicas: 3", "replicas: -3") }),
  immutable: () => planOf({ ...shop(), "web.yaml": web().replaceAll("app: web }", "app: shop }") }),
  held: () =>
    planOf({ "around.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: other }\n" }),
  moved: () => planOf({ "apps/web.yaml": web(), "around.yaml": around() }),
  "released-first": () => {
    const port = (name: string): string =>
      `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, nodePort: 30080 }] }\n`;
    const state = runningState(withImages, { ...shop(), "port.yaml": port("old") });
    return planOf({ ...shop(), "port.yaml": port("new") }, state);
  },
  "job-again": () => {
    const state = runningState(withImages, { ...shop(), "job.yaml": OLD_JOB });
    const gone = state.objects.filter(
      ({ kind, metadata }) => kind !== "Job" && !metadata.name.startsWith("migrate"),
    );
    return planOf({ ...shop(), "job.yaml": OLD_JOB }, { ...state, objects: gone });
  },
};

const SCHEMA = new URL("../../docs/plan.schema.json", import.meta.url);
const isPlan = new Ajv2020({ allErrors: true }).compile(
  JSON.parse(readFileSync(SCHEMA, "utf8")) as object,
);

describe("berth plan", () => {
  test.for(Object.keys(CASES))("%s, in all forms", async (name) => {
    const plan = CASES[name]?.();
    if (plan === undefined) throw new Error(name);
    const file = (ending: string): string => `../golden/plan/${name}.${ending}.golden`;
    await expect(text(plan)).toMatchFileSnapshot(file("txt"));
    await expect(formatPlanMarkdown(plan, "prod")).toMatchFileSnapshot(file("md"));
    await expect(JSON.stringify(plan, null, 2)).toMatchFileSnapshot(file("json"));
    expect(isPlan(JSON.parse(JSON.stringify(plan))) ? [] : isPlan.errors).toEqual([]);
  });

  test("hides what is secret in every form", () => {
    const plan = planOf(shop({ image: "app:v2", greeting: "opensesame", password: "dHdv" }));
    for (const form of [text(plan), formatPlanMarkdown(plan, "prod"), JSON.stringify(plan)]) {
      expect(form).not.toMatch(/dHdv|b25l|app:v2-word|app:v1-word|db_password: open/);
      expect(form).toContain("greeting opensesame");
    }
  });
});

describe("berth snapshot", () => {
  const saved = writeSnapshot(STATE, "1.2.3", "5a17");

  test("plans as the cluster does, without a value of a Secret", () => {
    expect(saved).not.toContain("b25l");
    const state = parseSnapshot(saved, "snap.json");
    // Names of new pods have a digest of their configuration in them.
    const of = (files: Record<string, string>, from: ClusterState): object[] =>
      planOf(files, from).steps.map(({ what, node: at, owner, atMs }) => ({
        what,
        at,
        owner,
        atMs,
      }));
    expect(planOf(shop(), state)).toMatchObject({ outcome: "unchanged", steps: [] });
    const next = shop({ image: "app:v2" });
    expect(of(next, state)).toEqual(of(next, STATE));
    expect(planOf(next, state).apps[0]?.id).toBe(planOf(next).apps[0]?.id);
  });

  test("shows that a Secret changed, and what restarts because of it", () => {
    const plan = planOf(shop({ password: "dHdv" }), parseSnapshot(saved, "snap.json"));
    expect(plan.apps[0]?.changed).toEqual([
      expect.objectContaining({
        fields: [{ path: "data.word", before: "(hidden)", after: "(hidden)" }],
      }),
    ]);
    expect(plan.apps[0]?.restarts).toHaveLength(1);
    expect(plan.steps.filter(({ what }) => what === "create")).toHaveLength(3);
  });

  test.for([
    ["{", "it is no JSON"],
    ["null", "its format is undefined"],
    ['{"format":"berth.dev/snapshot/v9"}', 'its format is "berth.dev/snapshot/v9"'],
    ['{"format":"berth.dev/snapshot/v1","objects":[]}', "it has no objects, no time or no salt"],
  ] as const)("refuses %s", ([content, why]) => {
    expect(() => parseSnapshot(content, "x.json")).toThrow(
      `Cannot use "x.json" as a snapshot: ${why}`,
    );
  });
});

describe("formatPlanMarkdown()", () => {
  test("is cut honestly, and stays whole markdown", () => {
    const files = Object.fromEntries(
      Array.from({ length: 2400 }, (_, index) => [
        `c${index}.yaml`,
        `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c${index} }\ndata: { a: "${"x".repeat(80)}" }\n`,
      ]),
    );
    const long = formatPlanMarkdown(planOf({ ...shop({ image: "app:v2" }), ...files }), "prod");
    expect(long.length).toBeLessThanOrEqual(MAX_MARKDOWN);
    expect(long).toContain("did not fit into a comment");
    expect(long.split("<details>").length).toBe(long.split("</details>").length);
    expect(long.split("```").length % 2).toBe(1);
  });

  test("begins with a marker that no name breaks out of", () => {
    expect(planMarker("prod")).toBe("<!-- berth-plan: prod -->");
    expect(planMarker("a --> <b>")).toBe("<!-- berth-plan: a-b- -->");
  });

  test("lets no text of the commit become markup", () => {
    const plan = planOf(shop({ image: "app:v2" }));
    const target = { ...plan.target, name: 'commit abc "<img src=x> @all [a](b)"' };
    const markdown = formatPlanMarkdown({ ...plan, target }, "prod");
    expect(markdown).not.toContain("<img");
    expect(markdown).not.toContain("@all");
  });
});
