import { describe, expect, test } from "vitest";
import { createAccountTokens, TokenUnavailableError } from "../../src/agent/account-tokens.ts";
import { API_ACCESS_VOLUME, withApiAccess } from "../../src/agent/api-access.ts";
import { ApiError } from "../../src/client/client.ts";
import type { Pod, PodSpec } from "../../src/model/kinds.gen.ts";
import { ManualClock } from "../support/manual-clock.ts";
import * as build from "../support/builders.ts";

const MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

function makePod(spec: Partial<PodSpec>): Pod {
  const pod = build.pod({ name: "web" });
  return { ...pod, spec: { ...pod.spec, serviceAccountName: "robot", ...spec } };
}

/** Paths where the containers see the token, by name. */
function seen({ spec }: Pod): Record<string, readonly string[]> {
  const all = [
    ...spec.containers,
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  return Object.fromEntries(
    all.map(({ name, volumeMounts = [] }) => [
      name,
      volumeMounts
        .filter((mount) => mount.name === API_ACCESS_VOLUME)
        .map(({ mountPath }) => mountPath),
    ]),
  );
}

describe("access to the API", () => {
  test("is mounted into every container, read-only", () => {
    const pod = withApiAccess(
      makePod({
        containers: [build.container({ name: "a" }), build.container({ name: "b" })],
        initContainers: [build.container({ name: "i" })],
      }),
    );
    expect(seen(pod)).toEqual({ a: [MOUNT], b: [MOUNT], i: [MOUNT] });
    expect(pod.spec.containers[0]?.volumeMounts?.at(-1)?.readOnly).toBe(true);
    expect(pod.spec.volumes?.map(({ name }) => name)).toEqual([API_ACCESS_VOLUME]);
  });

  test("adding it twice adds it once", () => {
    const once = withApiAccess(makePod({}));
    expect(withApiAccess(once)).toBe(once);
  });

  test.each<readonly [string, Partial<PodSpec>]>([
    ["one that does not want it", { automountServiceAccountToken: false }],
    ["one without an account", { serviceAccountName: "" }],
    [
      "one whose containers mount something else there",
      {
        containers: [build.container({ volumeMounts: [{ name: "own", mountPath: MOUNT }] })],
        volumes: [{ name: "own", emptyDir: {} }],
      },
    ],
  ])("%s stays as it is", (_, spec) => {
    const pod = makePod(spec);
    expect(withApiAccess(pod)).toBe(pod);
  });
});

describe("tokens of accounts", () => {
  const START = 1_700_000_000_000;
  const HOUR = 3_600_000;
  const signal = new AbortController().signal;
  const wish = { expirationSeconds: 3600 };

  function open() {
    const clock = new ManualClock(START);
    const asked: unknown[] = [];
    let failure: ApiError | undefined;
    const request = <T>(_: string, path: string, body?: unknown): Promise<T> => {
      if (failure !== undefined) return Promise.reject(failure);
      asked.push({ path, ...(body as { readonly spec: object }).spec });
      const expirationTimestamp = new Date(clock.now() + HOUR).toISOString();
      return Promise.resolve({ status: { token: `t${asked.length}`, expirationTimestamp } } as T);
    };
    const tokens = createAccountTokens({ request }, clock);
    return { tokens, clock, asked, fail: (error?: ApiError) => void (failure = error) };
  }

  test("are asked for the pod, and kept until four fifths of their life are over", async () => {
    const { tokens, clock, asked } = open();
    const pod = makePod({});
    expect(await tokens.get(pod, wish, signal)).toBe("t1");
    expect(asked).toEqual([
      {
        path: `/api/v1/namespaces/${pod.metadata.namespace ?? ""}/serviceaccounts/robot/token`,
        audiences: [],
        expirationSeconds: 3600,
        boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "web", uid: pod.metadata.uid },
      },
    ]);
    await clock.advance(0.79 * HOUR);
    expect(await tokens.get(pod, wish, signal)).toBe("t1");
    await clock.advance(0.02 * HOUR);
    expect(await tokens.get(pod, wish, signal)).toBe("t2");
  });

  test("differ by audience, by life and by pod", async () => {
    const { tokens, asked } = open();
    const pod = makePod({});
    const other = { ...pod, metadata: { ...pod.metadata, uid: "other" } };
    await tokens.get(pod, wish, signal);
    await tokens.get(pod, { ...wish, audience: "vault" }, signal);
    await tokens.get(pod, { expirationSeconds: 7200 }, signal);
    await tokens.get(other, wish, signal);
    expect(asked).toHaveLength(4);
    expect(asked[1]).toMatchObject({ audiences: ["vault"] });
  });

  test("serve on while the API is away, until they end", async () => {
    const { tokens, clock, fail } = open();
    const pod = makePod({});
    await tokens.get(pod, wish, signal);
    fail(new ApiError(0, "Unreachable", "no answer"));
    await clock.advance(0.9 * HOUR);
    expect(await tokens.get(pod, wish, signal)).toBe("t1");
    await clock.advance(0.2 * HOUR);
    const refused = tokens.get(pod, wish, signal);
    await expect(refused).rejects.toThrow(
      'Cannot get a token of the ServiceAccount "robot": no answer',
    );
    await expect(refused).rejects.toMatchObject({ isAway: true });
    fail(new ApiError(404, "NotFound", "serviceaccounts robot not found"));
    const gone = tokens.get(pod, wish, signal);
    await expect(gone).rejects.toBeInstanceOf(TokenUnavailableError);
    await expect(gone).rejects.toMatchObject({ isAway: false });
    fail();
    expect(await tokens.get(pod, wish, signal)).toBe("t2");
  });
});
