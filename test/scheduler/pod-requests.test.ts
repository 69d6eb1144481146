import { expect, test } from "vitest";
import type { Container, PodSpec } from "../../src/model/kinds.gen.ts";
import { podRequests, scoredRequests } from "../../src/scheduler/pod-requests.ts";
import { container, pod } from "../support/builders.ts";

const MI = 1024 * 1024;
const asks = (cpu: string, more: Partial<Container> = {}): Container =>
  container({ resources: { requests: { cpu } }, ...more });
const sidecar = (cpu: string): Container => asks(cpu, { restartPolicy: "Always" });

test.for<[string, Partial<PodSpec>, Record<string, number>]>([
  ["containers together", { containers: [asks("1"), asks("200m")] }, { cpu: 1200 }],
  [
    "the largest init container",
    { containers: [asks("1")], initContainers: [asks("3"), asks("2")] },
    { cpu: 3000 },
  ],
  [
    "sidecars on top of containers",
    { containers: [asks("1")], initContainers: [sidecar("500m")] },
    { cpu: 1500 },
  ],
  [
    "sidecars that start before an init container",
    { containers: [asks("1")], initContainers: [sidecar("500m"), asks("2")] },
    { cpu: 2500 },
  ],
  [
    "not those that start after it",
    { containers: [asks("1")], initContainers: [asks("2"), sidecar("500m")] },
    { cpu: 2000 },
  ],
  [
    "overhead on top",
    { containers: [asks("1")], overhead: { cpu: "250m", memory: "1Mi" } },
    { cpu: 1250, memory: MI },
  ],
  [
    "the pod's own instead",
    { containers: [asks("1")], resources: { requests: { cpu: "2" } }, overhead: { cpu: "1" } },
    { cpu: 3000 },
  ],
  [
    "a limit for a request",
    { containers: [container({ resources: { limits: { "example.com/gpu": "2" } } })] },
    { "example.com/gpu": 2 },
  ],
  [
    "the disk too",
    { containers: [container({ resources: { requests: { "ephemeral-storage": "2Mi" } } })] },
    { "ephemeral-storage": 2 * MI },
  ],
  ["nothing", {}, {}],
])("podRequests() counts %s", ([, spec, expected]) => {
  expect(Object.fromEntries(podRequests(pod({ name: "p", spec })))).toEqual(expected);
});

test.for<[string, Partial<PodSpec>, number, number]>([
  ["a little for what says nothing", {}, 100, 200 * MI],
  ["by container", { containers: [asks("1"), container()] }, 1100, 400 * MI],
  ["sidecars too", { initContainers: [container({ restartPolicy: "Always" })] }, 200, 400 * MI],
])("scoredRequests() counts %s", ([, spec, cpu, memory]) => {
  expect(scoredRequests(pod({ name: "p", spec }))).toEqual({ cpu, memory });
});
