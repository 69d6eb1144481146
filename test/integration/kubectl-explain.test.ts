import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RESOURCES, apiVersionOf } from "../../src/model/resources.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import type { CommandResult } from "../support/command.ts";
import { findKubectls, isAtLeast, openKubectl } from "../support/kubectl.ts";
import type { Kubectl } from "../support/kubectl.ts";

const binaries = await findKubectls();

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startTestApi();
  await api.put(build.namespace("shop"));
  const play = build.namespace("play");
  const annotations = { "berth.dev/unmanaged": "true" };
  await api.put({ ...play, metadata: { ...play.metadata, annotations } });
});
afterAll(() => api[Symbol.asyncDispose]());

/** What `explain` prints, without the line breaks that it puts into descriptions. */
function flat(output: string): string {
  return output.replaceAll(/\s+/g, " ");
}

describe.for(binaries)("kubectl $minor", (binary) => {
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await openKubectl(binary, await api.kubeconfig());
  });
  afterAll(() => kubectl[Symbol.asyncDispose]());

  const create = (text: string, dryRun: string): Promise<CommandResult> =>
    kubectl.pipe(text, "create", `--dry-run=${dryRun}`, "--validate=true", "-f", "-");

  test("explain names group, kind, version and fields", async () => {
    const output = await kubectl.text("explain", "deployment");
    expect(output).toMatch(/^GROUP:\s+apps\nKIND:\s+Deployment\nVERSION:\s+v1\n/);
    expect(flat(output)).toContain("Keeps a number of equal pods");
    expect(output).toMatch(/^ {2}spec\t<DeploymentSpec> -required-$/m);
    expect(output).toMatch(/^ {2}metadata\t<ObjectMeta> -required-$/m);
  });

  test("explain goes down through references, lists and maps", async () => {
    const probe = await kubectl.text("explain", "pod.spec.containers.livenessProbe");
    expect(probe).toMatch(/^FIELD: livenessProbe <Probe>$/m);
    expect(flat(probe)).toContain("When it fails, the container is restarted.");
    expect(probe).toMatch(/^ {2}httpGet\t<HTTPGetAction>$/m);
    expect(probe).toMatch(/^ {2}periodSeconds\t<integer>$/m);
    const limits = await kubectl.text("explain", "pod.spec.containers.resources");
    expect(limits).toMatch(/^ {2}limits\t<map\[string\]Quantity>$/m);
    const rolling = await kubectl.text("explain", "deploy.spec.strategy.rollingUpdate");
    expect(rolling).toMatch(/^ {2}maxSurge\t<IntOrString>$/m);
    const policy = await kubectl.text("explain", "pod.spec.restartPolicy");
    expect(policy).toMatch(/^FIELD: restartPolicy <string>$/m);
    // kubectl 1.29 does not print enumerations.
    if (isAtLeast(binary, 30)) expect(flat(policy)).toContain("ENUM: Always OnFailure Never ");
  });

  test("explain --recursive shows the whole tree, also of types that hold themselves", async () => {
    const output = await kubectl.text("explain", "deployment", "--recursive");
    expect(output).toMatch(/^ {2}spec\t<DeploymentSpec> -required-$/m);
    expect(output).toMatch(/^ {6}spec\t<PodSpec>/m);
    expect(output).toMatch(/^ {8}containers\t<\[\]Container> -required-$/m);
    const crd = await kubectl.text("explain", "crd.spec.versions.schema", "--recursive");
    expect(crd).toMatch(/^ {2}openAPIV3Schema\t<JSONSchemaProps>/m);
  });

  test("explain takes a version, and says what a field that is not supported is", async () => {
    const hpa = await kubectl.text("explain", "hpa", "--api-version=autoscaling/v2");
    expect(hpa).toMatch(/^GROUP:\s+autoscaling\nKIND:\s+HorizontalPodAutoscaler\nVERSION:\s+v2\n/);
    expect(hpa).toMatch(/^ {2}spec\t<HorizontalPodAutoscalerSpec>/m);
    const metadata = await kubectl.text("explain", "configmap.metadata.uid");
    expect(flat(metadata)).toContain("Ignored in manifests: written by the cluster.");
    const owners = await kubectl.text("explain", "configmap.metadata.generateName");
    expect(flat(owners)).toContain(
      "Refused in manifests: an object in Git needs a name of its own",
    );
  });

  test("explain refuses a field and a kind that are not there", async () => {
    const field = await kubectl.run("explain", "pod.spec.containerz");
    expect([field.code, field.output]).toEqual([
      1,
      expect.stringContaining(`error: field "containerz" does not exist`),
    ]);
    const kind = await kubectl.run("explain", "chair");
    expect(kind.output).toContain(`the server doesn't have a resource type "chair"`);
  });

  test("explain knows Berth's own kinds", async () => {
    const app = await kubectl.text("explain", "apps");
    expect(app).toMatch(/^GROUP:\s+berth\.dev\nKIND:\s+App\nVERSION:\s+v1\n/);
    expect(await kubectl.text("explain", "apps.spec")).toMatch(/^ {2}repo\t<string> -required-$/m);
    const release = await kubectl.text("explain", "releases.status");
    expect(release).toMatch(/^ {2}inventory\t<\[\]ObjectName>/m);
  });

  test("explain knows every kind of the API", async () => {
    for (const resource of RESOURCES) {
      const version = apiVersionOf(resource);
      const output = await kubectl.text("explain", resource.plural, `--api-version=${version}`);
      expect(output).toMatch(
        new RegExp(`^KIND:\\s+${resource.kind}\nVERSION:\\s+${resource.version}\n`, "m"),
      );
    }
  });

  test("a dry run of the client needs no more than discovery and OpenAPI", async () => {
    const applied = await kubectl.pipe(
      manifest("spec: {replicas: 1}"),
      "apply",
      "--dry-run=client",
      "-f",
      "-",
    );
    expect([applied.code, applied.output]).toEqual([0, "deployment.apps/web created (dry run)\n"]);
    // kubectl leaves unknown fields to the server, and a dry run of the client does not ask it.
    const typo = manifest("spec: {replicaz: 1}");
    const created = await create(typo, "client");
    expect([created.code, created.output]).toEqual([0, "deployment.apps/web created (dry run)\n"]);
    const asked = await create(typo, "server");
    expect(asked.code).toBe(1);
    expect(asked.output).toContain(`strict decoding error: unknown field "spec.replicaz"`);
    expect(asked.output).not.toContain("error validating data");
  });

  test("apply keeps what others added to a list, by the keys of the document", async () => {
    const spec = (image: string): string =>
      `spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: web, image: "${image}"}]}}}`;
    const apply = (image: string) =>
      kubectl.pipe(manifest(spec(image)), "apply", "-v=8", "-f", "-");
    expect((await apply("one")).output).toContain("deployment.apps/web created");
    const more = `{"spec":{"template":{"spec":{"containers":[{"name":"log","image":"log"}]}}}}`;
    await kubectl.text("patch", "deploy/web", "-n", "play", "-p", more);
    const changed = await apply("two");
    expect(changed.output).toContain("deployment.apps/web configured");
    expect(changed.output).toContain("$setElementOrder/containers");
    expect(changed.output).not.toContain("error calculating patch");
    const images = "-o=jsonpath={range .spec.template.spec.containers[*]}{.name}={.image} {end}";
    const left = await kubectl.text("get", "deploy/web", "-n", "play", images);
    expect(left.trim().split(" ").toSorted()).toEqual(["log=log", "web=two"]);
    await kubectl.text("delete", "deploy/web", "-n", "play", "--wait=false");
  });

  test("apply merges by the keys of the document, and custom kinds without keys", async () => {
    const lease = (holder: string): string =>
      `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"turn","namespace":"shop"},"spec":{"holderIdentity":"${holder}"}}`;
    await kubectl.pipe(lease("a"), "apply", "-f", "-");
    const changed = await kubectl.pipe(lease("b"), "apply", "-v=8", "-f", "-");
    expect(changed.output).toContain("lease.coordination.k8s.io/turn configured");
    expect(changed.output).toContain("application/strategic-merge-patch+json");
    expect(changed.output).not.toContain("error calculating patch");
    const app = (interval: number): string =>
      `{"apiVersion":"berth.dev/v1","kind":"App","metadata":{"name":"shop"},"spec":{"repo":"https://git.example/shop","branch":"main","path":".","namespace":"shop","prune":true,"intervalSeconds":${interval}}}`;
    await kubectl.pipe(app(60), "apply", "-f", "-");
    const later = await kubectl.pipe(app(70), "apply", "-v=8", "-f", "-");
    expect(later.output).toContain("app.berth.dev/shop configured");
    expect(later.output).toContain("application/merge-patch+json");
    await kubectl.text("delete", "lease/turn", "app/shop", "-n", "shop");
  });
});

function manifest(spec: string): string {
  return `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: play}\n${spec}\n`;
}
