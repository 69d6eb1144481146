import { describe, expect, test } from "vitest";
import { containerLog, logProblem } from "../../src/agent/log-config.ts";
import { toCreateBody } from "../../src/agent/docker-words.ts";
import type { ContainerSpec } from "../../src/agent/runtime.ts";
import { pod } from "./pod-builder.ts";

type Annotations = Readonly<Record<string, string>>;

function logging(annotations: Annotations) {
  const wanted = pod();
  return { ...wanted, metadata: { ...wanted.metadata, annotations } };
}

const LABELS = "dev.berth.pod.namespace,dev.berth.pod.name,dev.berth.container";
const SHIPPED = {
  mode: "non-blocking",
  "max-buffer-size": "4m",
  "cache-max-size": "10m",
  "cache-max-file": "5",
};

describe("containerLog()", () => {
  test.each([
    ["nothing", {}, undefined],
    ["other annotations", { "berth.dev/log": "x" }, undefined],
    [
      "a driver",
      { "berth.dev/log-driver": "gelf", "berth.dev/log-opt-gelf-address": "udp://1.2.3.4:12201" },
      {
        driver: "gelf",
        options: {
          ...SHIPPED,
          tag: "shop.web.app",
          labels: LABELS,
          "gelf-address": "udp://1.2.3.4:12201",
        },
      },
    ],
    [
      "what the pod says wins",
      {
        "berth.dev/log-driver": "fluentd",
        "berth.dev/log-opt-tag": "mine",
        "berth.dev/log-opt-mode": "blocking",
        "berth.dev/log-opt-fluentd-async": "false",
      },
      {
        driver: "fluentd",
        options: {
          ...SHIPPED,
          mode: "blocking",
          tag: "mine",
          labels: LABELS,
          "fluentd-async": "false",
        },
      },
    ],
    [
      "options alone are of the usual driver",
      { "berth.dev/log-opt-max-size": "1m" },
      { driver: "json-file", options: { "max-size": "1m", "max-file": "5", labels: LABELS } },
    ],
    [
      "a driver without tag and labels",
      { "berth.dev/log-driver": "awslogs" },
      { driver: "awslogs", options: SHIPPED },
    ],
    [
      "a plugin gets what it is given",
      { "berth.dev/log-driver": "loki", "berth.dev/log-opt-a": "b" },
      { driver: "loki", options: { a: "b" } },
    ],
  ])("%s", (_what, annotations: Annotations, expected) => {
    expect(containerLog(logging(annotations), "app")).toEqual(expected);
  });
});

describe("logProblem()", () => {
  test.each([
    ["json-file", undefined, true],
    ["syslog", undefined, true],
    ["loki", undefined, false],
    ["loki", ["loki"], true],
    ["syslog", ["loki"], false],
  ])("%s where %j is allowed: %s", (driver, allowed, isGood) => {
    const found = logProblem(logging({ "berth.dev/log-driver": driver }), allowed);
    expect(found === undefined).toBe(isGood);
    if (!isGood) expect(found).toContain(`names the log driver "${driver}"`);
  });
});

test("the Engine is told", () => {
  const spec = {
    mounts: [],
    network: { kind: "host", dns: { servers: [], search: [], options: [] }, hosts: [] },
  };
  const body = (more: object) =>
    toCreateBody({ ...spec, ...more } as unknown as ContainerSpec, "1.41")["HostConfig"];
  expect(body({})).toMatchObject({ LogConfig: { Type: "json-file", Config: { "max-file": "5" } } });
  expect(body({ log: { driver: "syslog", options: { tag: "x" } } })).toMatchObject({
    LogConfig: { Type: "syslog", Config: { tag: "x" } },
  });
  expect(body({ seLinux: { level: "s0:c1,c2", type: "t" } })).toMatchObject({
    SecurityOpt: ["label=level:s0:c1,c2", "label=type:t"],
  });
});
