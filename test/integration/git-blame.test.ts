import { describe, expect, test } from "vitest";
import { blameObject, type BlamedField } from "../../src/sync/blame.ts";
import { openRepository } from "../../src/sync/open-repository.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

const { signal } = new AbortController();

const web = ({ image = "app:v1", replicas = 1, extra = "" } = {}): string => `# the shop
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: ${replicas}
  template:
    spec:
      containers:
        ${extra}- name: app
          image: ${image}
          args: [serve, "--fast"]
`;
const OBJECT = { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web" };

describe.for(["git", "isomorphic"] as const)("blameObject() through %s", (engine) => {
  async function blame(user: GitUser, file: string): Promise<readonly BlamedField[]> {
    const git = await openRepository(user.dir, { mirrorDir: `${user.dir}/m`, engine }, signal);
    try {
      const commit = await user.git("rev-parse", "HEAD");
      return await blameObject(
        git,
        { commit, file, object: OBJECT, defaultNamespace: "shop" },
        signal,
      );
    } finally {
      await git.close();
    }
  }

  /** `path line: subject of the commit` of some fields. */
  const lines = (fields: readonly BlamedField[], ...paths: readonly string[]): string[] =>
    fields
      .filter(({ path }) => paths.includes(path))
      .map(({ path, line, commit }) => `${path} ${line}: ${commit.message.trim()}`);

  const IMAGE = "spec.template.spec.containers[name=app].image";

  test("names the commit that gave each field its value, and its line", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(dir.path).init();
    await user.commit({ "apps/web.yaml": web() }, "first");
    await user.commit({ "apps/web.yaml": web({ replicas: 3 }) }, "scale");
    await user.commit({ "README.md": "x" }, "elsewhere");
    await user.commit({ "apps/web.yaml": web({ replicas: 3, image: "app:v2" }) }, "ship");
    await user.commit({ "apps/web.yaml": `\n\n${web({ replicas: 3, image: "app:v2" })}` }, "blank");
    const fields = await blame(user, "apps/web.yaml");
    expect(lines(fields, "metadata.name", "spec.replicas", IMAGE)).toEqual([
      "metadata.name 7: first",
      "spec.replicas 9: scale",
      `${IMAGE} 14: ship`,
    ]);
    expect(fields.find(({ path }) => path === IMAGE)).toMatchObject({
      indexed: "spec.template.spec.containers[0].image",
      value: '"app:v2"',
      isCertain: true,
    });
  });

  test("a value that went away and came back is from when it came back", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(dir.path).init();
    await user.commit({ "web.yaml": web({ image: "app:v1" }) }, "one");
    await user.commit({ "web.yaml": web({ image: "app:v2" }) }, "two");
    await user.commit({ "web.yaml": web({ image: "app:v1" }) }, "back");
    expect(lines(await blame(user, "web.yaml"), IMAGE)).toEqual([`${IMAGE} 12: back`]);
  });

  test("a container that only moved down the list keeps its commits", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(dir.path).init();
    await user.commit({ "web.yaml": web() }, "first");
    const extra = "- { name: aside, image: x }\n        ";
    await user.commit({ "web.yaml": web({ extra }) }, "a sidecar");
    const fields = await blame(user, "web.yaml");
    expect(lines(fields, IMAGE, "spec.template.spec.containers[name=aside].image")).toEqual([
      "spec.template.spec.containers[name=aside].image 11: a sidecar",
      `${IMAGE} 13: first`,
    ]);
  });

  test("follows an object out of a renamed file, and out of another that stays", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(dir.path).init();
    const other = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n";
    await user.commit({ "all.yaml": `${other}---\n${web()}` }, "first");
    await user.commit({ "all.yaml": other, "web.yaml": web({ replicas: 2 }) }, "split, and scale");
    await user.commit({ "web.yaml": null, "apps/web.yaml": web({ replicas: 2 }) }, "move");
    const fields = await blame(user, "apps/web.yaml");
    expect(lines(fields, "spec.replicas", IMAGE)).toEqual([
      "spec.replicas 7: split, and scale",
      `${IMAGE} 12: first`,
    ]);
    expect(fields.every(({ file }) => file === "apps/web.yaml")).toBe(true);
  });

  test("goes through a merge to the side that a value is from", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(dir.path).init();
    await user.commit({ "web.yaml": web() }, "first");
    await user.git("checkout", "--quiet", "-b", "side");
    await user.commit({ "web.yaml": web({ image: "app:v2" }) }, "on the side");
    await user.git("checkout", "--quiet", "main");
    await user.commit({ "web.yaml": web({ replicas: 5 }) }, "on main");
    await user.git("merge", "--quiet", "-m", "merge", "side");
    expect(lines(await blame(user, "web.yaml"), "spec.replicas", IMAGE, "metadata.name")).toEqual([
      "metadata.name 5: first",
      "spec.replicas 7: on main",
      `${IMAGE} 12: on the side`,
    ]);
  });

  test("says that an object is not there", async () => {
    await using dir = await tempDir();
    const user = await new GitUser(dir.path).init();
    await user.commit({ "web.yaml": "a: b\n" }, "first");
    await expect(blame(user, "web.yaml")).rejects.toThrow(
      'Cannot find Deployment "web" in "web.yaml"',
    );
    await expect(blame(user, "no/web.yaml")).rejects.toThrow("Cannot find Deployment");
  });
});
