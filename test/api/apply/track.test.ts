import { describe, expect, test } from "vitest";
import { typeOfKind } from "../../../src/api/apply/field-types.ts";
import { applyToObject, trackUpdate } from "../../../src/api/apply/track.ts";
import type { Tracked } from "../../../src/api/apply/track.ts";
import { ApiFailure } from "../../../src/api/failure.ts";
import { readSchemaFiles } from "../../../src/api/schema-files.ts";
import { SOURCE_ANNOTATION } from "../../../src/model/app.ts";
import type { ApiObject } from "../../../src/model/meta.ts";
import { resourceOf } from "../../../src/model/resources.ts";

const files = await readSchemaFiles();
const KIND = { apiVersion: "v1", kind: "Service" };
const type = typeOfKind(resourceOf({ ...KIND }), files);

function writer(manager: string, operation: "Apply" | "Update" = "Apply"): Tracked {
  return { type, by: { manager, operation, apiVersion: "v1", subresource: "" }, now: "T" };
}

function service(spec: object, metadata: object = {}) {
  return { ...KIND, metadata: { name: "web", ...metadata }, spec };
}

function apply(live: object | undefined, config: object, manager = "ann", force = false) {
  return applyToObject(
    live as Readonly<Record<string, unknown>> | undefined,
    config as Readonly<Record<string, unknown>>,
    { ...writer(manager), force },
  ) as unknown as ApiObject & { readonly spec: unknown };
}

function conflictOf(run: () => unknown): ApiFailure {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiFailure) return error;
    throw error;
  }
  throw new Error("no conflict");
}

const PORT = { port: 80, protocol: "TCP" };

describe("applyToObject()", () => {
  test("tells ports apart by number and protocol, which is TCP where nobody says so", () => {
    const first = apply(undefined, service({ ports: [{ port: 80 }] }));
    expect(JSON.stringify(first.metadata.managedFields)).toContain(
      'k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}',
    );
    const stored = service({ ports: [PORT] }, first.metadata);
    const other = service({ ports: [{ port: 80, protocol: "UDP" }] });
    expect(apply(stored, other, "bob").spec).toEqual({
      ports: [PORT, { port: 80, protocol: "UDP" }],
    });
  });

  test("says who owns what is to change, field by field", () => {
    const live = apply(undefined, service({ type: "ClusterIP", sessionAffinity: "None" }));
    const change = service({ type: "NodePort", sessionAffinity: "ClientIP" });
    const { message, details } = conflictOf(() => apply(live, change, "bob"));
    expect(message).toBe(
      'Apply failed with 2 conflicts: conflicts with "ann":\n- .spec.sessionAffinity\n- .spec.type',
    );
    expect(details?.causes?.[1]).toEqual({
      reason: "FieldManagerConflict",
      message: 'conflict with "ann"',
      field: ".spec.type",
    });
  });

  test("what was there before anybody applied is a conflict, unless it is Git's", () => {
    const change = service({ type: "NodePort" });
    const unknown = service({ type: "ClusterIP" });
    expect(conflictOf(() => apply(unknown, change)).message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .spec.type',
    );
    const annotations = { [SOURCE_ANNOTATION]: "web.yaml:1" };
    const declared = service({ type: "ClusterIP", ports: [PORT] }, { annotations });
    const next = apply(declared, change);
    expect(next.spec).toEqual({ type: "NodePort", ports: [PORT] });
    expect(next.metadata.annotations).toEqual(annotations);
    expect(next.metadata.managedFields?.map(({ manager }) => manager)).toEqual(["ann", "git"]);
    expect(apply(next, service({})).spec).toEqual({ ports: [PORT] });
  });

  test("refuses items that nobody can tell apart", () => {
    const doubled = service({ ports: [{ port: 80 }, { port: 80 }] });
    expect(conflictOf(() => apply(undefined, doubled))).toMatchObject({
      code: 400,
      message: expect.stringContaining(
        "failed to create typed patch object (/web; v1, Kind=Service)",
      ),
    });
  });
});

describe("trackUpdate()", () => {
  const created = trackUpdate(
    undefined,
    service({ type: "ClusterIP" }, { labels: { app: "web" } }),
    undefined,
    writer("make", "Update"),
  );

  test("gives who creates an object all of it", () => {
    expect(created.metadata.managedFields).toEqual([
      {
        manager: "make",
        operation: "Update",
        apiVersion: "v1",
        time: "T",
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
          "f:spec": { "f:type": {} },
        },
      },
    ]);
  });

  test("moves what is changed, and leaves an object alone that nobody tracks", () => {
    const next = service({ type: "NodePort" }, created.metadata);
    const moved = trackUpdate(created, next, undefined, writer("edit", "Update"));
    expect(
      moved.metadata.managedFields?.map(({ manager, fieldsV1 }) => [manager, fieldsV1?.["f:spec"]]),
    ).toEqual([
      ["edit", { "f:type": {} }],
      ["make", undefined],
    ]);
    const plain = service({ type: "ClusterIP" });
    expect(
      trackUpdate(plain, next, undefined, writer("edit", "Update")).metadata.managedFields,
    ).toBeUndefined();
  });

  test("forgets all owners when it is told to", () => {
    const reset = trackUpdate(created, created, [{}], writer("edit", "Update"));
    expect(reset.metadata.managedFields).toBeUndefined();
  });
});
