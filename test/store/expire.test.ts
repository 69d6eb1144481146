import { expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { isExpiredEvent } from "../../src/store/expire.ts";

const AT = Date.parse("2026-01-02T04:00:00Z");
const event = (fields: Readonly<Record<string, unknown>>, creationTimestamp?: string): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e", creationTimestamp },
    ...fields,
  }) as ApiObject;

test.each([
  ["made an hour ago", event({}, "2026-01-02T03:00:00Z"), false],
  ["made more than an hour ago", event({}, "2026-01-02T02:59:59Z"), true],
  [
    "last seen within the hour",
    event({ lastTimestamp: "2026-01-02T03:00:01Z" }, "2026-01-01T00:00:00Z"),
    false,
  ],
  [
    "of events.k8s.io",
    event({ eventTime: "2026-01-02T03:30:00.000000Z", lastTimestamp: null }),
    false,
  ],
  [
    "of a series",
    event({ series: { lastObservedTime: "2026-01-02T03:30:00.000000Z" } }, "2026-01-01T00:00:00Z"),
    false,
  ],
  ["without any time", event({}), true],
])("an Event %s", (_, object, expired) => {
  expect(isExpiredEvent(object, AT)).toBe(expired);
});
