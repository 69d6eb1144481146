import { describe, expect, test } from "vitest";
import { applyEphemeral } from "../../src/api/ephemeral.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { container, pod } from "../support/builders.ts";

const stored: Pod = pod({ name: "web", spec: { containers: [container({ name: "app" })] } });
const added = (...ephemeralContainers: readonly object[]) => ({ spec: { ephemeralContainers } });
const SHELL = { name: "shell", image: "busybox:1" };
const withShell = applyEphemeral(stored, added(SHELL)) as unknown as Pod;

describe("applyEphemeral()", () => {
  test("adds a container with its defaults, and changes nothing else that is sent along", () => {
    const sent = { spec: { ...added(SHELL).spec, containers: [], hostNetwork: true } };
    const next = applyEphemeral(stored, sent) as unknown as Pod;
    expect({ ...next.spec, ephemeralContainers: [] }).toEqual({
      ...stored.spec,
      ephemeralContainers: [],
    });
    expect(next.spec.ephemeralContainers).toEqual([
      {
        name: "shell",
        image: "busybox:1",
        imagePullPolicy: "IfNotPresent",
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
      },
    ]);
  });

  test("adds a second one to the first, sent back as it was", () => {
    const [first] = withShell.spec.ephemeralContainers ?? [];
    const second = { name: "other", image: "busybox:1", targetContainerName: "app", tty: true };
    const next = applyEphemeral(withShell, added(first ?? {}, second)) as unknown as Pod;
    expect(next.spec.ephemeralContainers?.[0]).toEqual(first);
    expect(next.spec.ephemeralContainers?.[1]).toMatchObject(second);
  });

  test.each<readonly [string, Pod, readonly object[], string]>([
    ["goes", withShell, [], '"shell" may not be removed'],
    ["changes", withShell, [{ ...SHELL, image: "x:2" }], '"shell" may not be changed'],
    ["has the name of a container", stored, [{ ...SHELL, name: "app" }], 'Duplicate value: "app"'],
    [
      "comes twice",
      stored,
      [SHELL, SHELL],
      'ephemeralContainers[1].name: Duplicate value: "shell"',
    ],
    [
      "sees the processes of none",
      stored,
      [{ ...SHELL, targetContainerName: "api" }],
      'targetContainerName: Not found: "api"',
    ],
    ...["ports", "resources", "livenessProbe", "lifecycle"].map(
      (field) =>
        [
          `has ${field}`,
          stored,
          [{ ...SHELL, [field]: { a: 1 } }],
          `ephemeralContainers[0].${field}: Forbidden: cannot be set for an Ephemeral Container`,
        ] as const,
    ),
    [
      "mounts a part of a volume",
      stored,
      [{ ...SHELL, volumeMounts: [{ name: "v", mountPath: "/v", subPath: "a" }] }],
      "volumeMounts[0].subPath: Forbidden",
    ],
    ["has no image", stored, [{ name: "shell" }], "spec.ephemeralContainers[0]"],
    ["has fields of nobody", stored, [{ ...SHELL, imagge: "x" }], "imagge"],
  ])("refuses one that %s", (_what, before, list, message) => {
    expect(() => applyEphemeral(before, added(...list))).toThrow(message);
  });

  test("keeps the version that the change names", () => {
    const metadata = { resourceVersion: "7", labels: { a: "b" } };
    const next = applyEphemeral(stored, { ...added(SHELL), metadata });
    expect(next["metadata"]).toEqual({ ...stored.metadata, resourceVersion: "7" });
  });
});
