import { describe, expect, test } from "vitest";
import { PINNING_ANNOTATION, PINS_ANNOTATION } from "../../src/model/image-pins.ts";
import type { ControllerRevision, Pod } from "../../src/model/kinds.gen.ts";
import { controllerRef, refOf, type ApiObject, type StringMap } from "../../src/model/meta.ts";
import { REVISION_LABEL } from "../../src/planner/controller-revisions.ts";
import { planObject } from "../../src/planner/plan-object.ts";
import { node, pod, replicaSet } from "../support/builders.ts";
import { daemonSet, statefulSet } from "../support/set-builders.ts";
import { worldOf } from "../support/world.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;
const PINNED_A = JSON.stringify({ "app:v1": A });
const rs = replicaSet({ replicas: 2 });

/** A pod of `owner` whose container runs the image with the digest. */
function ran(
  owner: ApiObject,
  imageID: string,
  annotations: StringMap = {},
  labels: StringMap = {},
): Pod {
  const base = pod({ name: "p1", owner });
  return {
    ...base,
    metadata: { ...base.metadata, annotations, labels: { ...base.metadata.labels, ...labels } },
    spec: {
      ...base.spec,
      containers: [{ name: "app", image: "app:v1", imagePullPolicy: "IfNotPresent" }],
    },
    status: {
      ...base.status,
      phase: "Running",
      containerStatuses: [
        {
          name: "app",
          image: "app:v1",
          imageID,
          ready: true,
          restartCount: 0,
          state: {},
          lastState: {},
        },
      ],
    },
  };
}

function pinsWritten(
  objects: readonly ApiObject[],
  about: ApiObject,
): readonly (string | undefined)[] {
  return planObject(worldOf([node({ name: "a" }), ...objects]), refOf(about)).steps.flatMap(
    (step) =>
      step.kind === "update" && step.reason === "ImagesResolved"
        ? [step.object.metadata.annotations?.[PINS_ANNOTATION]]
        : [],
  );
}

describe("a pod that ran", () => {
  test("tells its release what its tag meant", () => {
    const first = ran(rs, `docker-pullable://app@${A}`);
    expect(pinsWritten([rs, first], first)).toEqual([PINNED_A]);
  });

  test("changes nothing that was noted before", () => {
    const pinned = replicaSet({ replicas: 2 }, { annotations: { [PINS_ANNOTATION]: PINNED_A } });
    const later = ran(pinned, `docker-pullable://app@${B}`);
    expect(pinsWritten([pinned, later], later)).toEqual([]);
  });

  test.each([
    ["an image that no registry has", ran(rs, `docker://${A}`)],
    [
      "a template that asks not to be pinned",
      ran(rs, `docker-pullable://app@${A}`, { [PINNING_ANNOTATION]: "disabled" }),
    ],
    [
      "another owner's uid",
      ran(replicaSet({}, { uid: "uid-before" }), `docker-pullable://app@${A}`),
    ],
  ])("notes nothing of %s", (_, one) => {
    expect(pinsWritten([rs, one], one)).toEqual([]);
  });

  test.each([
    ["StatefulSet", statefulSet(), "web-abc", "web-abc"],
    ["DaemonSet", daemonSet(), "abc", undefined],
  ] as const)("of a %s tells its ControllerRevision", (_, owner, label, named) => {
    const name = named ?? `${owner.metadata.name}-abc`;
    const revision: ControllerRevision = {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name,
        namespace: "shop",
        uid: "uid-revision",
        ownerReferences: [controllerRef(owner)],
      },
      revision: 1,
      data: {},
    };
    const one = ran(owner, `docker-pullable://app@${A}`, {}, { [REVISION_LABEL]: label });
    expect(pinsWritten([owner, revision, one], one)).toEqual([PINNED_A]);
  });
});

describe("a new pod", () => {
  const made = (
    annotations: StringMap,
    templateAnnotations: StringMap = {},
  ): readonly (string | undefined)[] => {
    const set = replicaSet({ replicas: 1 }, { annotations });
    const { template } = set.spec;
    const metadata = { ...template.metadata, annotations: templateAnnotations };
    const wanted = { ...set, spec: { ...set.spec, template: { ...template, metadata } } };
    return planObject(worldOf([wanted]), refOf(wanted)).steps.flatMap((step) =>
      step.kind === "create" ? [step.object.metadata.annotations?.[PINS_ANNOTATION]] : [],
    );
  };

  test("of a release that ran before runs what ran then", () => {
    expect(made({ [PINS_ANNOTATION]: PINNED_A })).toEqual([PINNED_A]);
  });

  test("of a new release runs what the tag means now", () => {
    expect(made({})).toEqual([undefined]);
  });

  test("whose template asks not to be pinned is not", () => {
    expect(made({ [PINS_ANNOTATION]: PINNED_A }, { [PINNING_ANNOTATION]: "disabled" })).toEqual([
      undefined,
    ]);
  });
});
