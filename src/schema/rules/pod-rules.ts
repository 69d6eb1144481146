import { cpuMillis, memoryBytes } from "../../model/quantity.ts";
import type { Container, PodSpec, Probe, Toleration } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath, Finding } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import { findDuplicates } from "./duplicates.ts";

/** A container with its place, init containers too. */
interface PlacedContainer {
  readonly container: Container;
  readonly path: FieldPath;
}

type PodRule = (spec: PodSpec, path: FieldPath) => readonly Finding[];

const POD_RULES: readonly PodRule[] = [
  uniqueNames,
  mountsDeclaredVolumes,
  requestsWithinLimits,
  tolerationsMakeSense,
  probesNamePorts,
];

/** What must hold between the fields of a pod's spec that stands at `path`. Pure. */
export function checkPodSpec(spec: PodSpec, path: FieldPath): readonly Finding[] {
  return POD_RULES.flatMap((rule) => rule(spec, path));
}

function containersOf(spec: PodSpec, path: FieldPath): readonly PlacedContainer[] {
  return (["initContainers", "containers"] as const).flatMap((field) =>
    (spec[field] ?? []).map((container, index) => ({ container, path: [...path, field, index] })),
  );
}

function uniqueNames(spec: PodSpec, path: FieldPath): readonly Finding[] {
  const containers = containersOf(spec, path);
  return [
    ...findDuplicates(
      containers.map((placed) => ({
        name: placed.container.name,
        path: [...placed.path, "name"],
      })),
    ),
    ...findDuplicates(named(spec.volumes, [...path, "volumes"], "name")),
    ...containers.flatMap(({ container, path: at }) => [
      ...findDuplicates(named(container.env, [...at, "env"], "name")),
      ...findDuplicates(named(container.ports, [...at, "ports"], "name")),
      ...findDuplicates(named(container.volumeMounts, [...at, "volumeMounts"], "mountPath")),
    ]),
  ];
}

function named<Field extends string>(
  items: readonly { readonly [field in Field]?: string }[] | undefined,
  path: FieldPath,
  field: Field,
): { name: string; path: FieldPath }[] {
  return (items ?? []).flatMap((item, index) => {
    const name = item[field];
    return name === undefined ? [] : [{ name, path: [...path, index, field] }];
  });
}

function mountsDeclaredVolumes(spec: PodSpec, path: FieldPath): readonly Finding[] {
  const volumes = (spec.volumes ?? []).map((volume) => volume.name);
  const declared = new Set(volumes);
  return containersOf(spec, path).flatMap(({ container, path: at }) =>
    (container.volumeMounts ?? []).flatMap((mount, index) => {
      if (declared.has(mount.name)) return [];
      const where = formatPath([...path, "volumes"]);
      return [
        {
          code: "volume/undeclared" as const,
          message: `${formatPath([...at, "volumeMounts", index])} names the volume ${quote(mount.name)}, which is not in ${where}`,
          path: [...at, "volumeMounts", index, "name"],
          hint: didYouMean(mount.name, volumes) ?? `add it to ${where}`,
        },
      ];
    }),
  );
}

function requestsWithinLimits(spec: PodSpec, path: FieldPath): readonly Finding[] {
  return containersOf(spec, path).flatMap(({ container, path: at }) => {
    const { requests = {}, limits = {} } = container.resources ?? {};
    return Object.entries(requests).flatMap(([name, request]) => {
      const limit = limits[name];
      if (limit === undefined) return [];
      const amount = name === "cpu" ? cpuMillis : memoryBytes;
      if ((amount(request) ?? 0) <= (amount(limit) ?? 0)) return [];
      const where = [...at, "resources", "requests", name];
      return [
        {
          code: "resources/above-limit" as const,
          message: `${formatPath(where)} must be at most the limit of ${limit}: it is ${request}`,
          path: where,
        },
      ];
    });
  });
}

interface TolerationRule {
  readonly field: keyof Toleration;
  readonly says: string;
  readonly isBroken: (toleration: Toleration) => boolean;
}

const TOLERATION_RULES: readonly TolerationRule[] = [
  {
    field: "value",
    says: "must be absent when the operator is Exists",
    isBroken: (t) => t.operator === "Exists" && (t.value ?? "") !== "",
  },
  {
    field: "operator",
    says: "must be Exists when there is no key",
    isBroken: (t) => (t.key ?? "") === "" && t.operator !== "Exists",
  },
  {
    field: "effect",
    says: "must be NoExecute when there are tolerationSeconds",
    isBroken: (t) => t.tolerationSeconds !== undefined && t.effect !== "NoExecute",
  },
];

function tolerationsMakeSense(spec: PodSpec, path: FieldPath): readonly Finding[] {
  return (spec.tolerations ?? []).flatMap((toleration, index) =>
    TOLERATION_RULES.filter((rule) => rule.isBroken(toleration)).map((rule) => {
      const where = [...path, "tolerations", index, rule.field];
      const message = `${formatPath(where)} ${rule.says}`;
      return { code: "field/conflict" as const, message, path: where };
    }),
  );
}

function probesNamePorts(spec: PodSpec, path: FieldPath): readonly Finding[] {
  return containersOf(spec, path).flatMap(({ container, path: at }) => {
    const ports = (container.ports ?? []).flatMap((port) => port.name ?? []);
    return (["livenessProbe", "readinessProbe", "startupProbe"] as const).flatMap((field) => {
      const used = portOf(container[field]);
      if (used === undefined || typeof used.port === "number" || ports.includes(used.port))
        return [];
      const where = [...at, field, used.handler, "port"];
      return [
        {
          code: "port/unknown-name" as const,
          message: `${formatPath(where)} ${quote(used.port)} is no port of the container ${quote(container.name)}`,
          path: where,
          hint: didYouMean(used.port, ports) ?? "name the port in ports, or write its number",
        },
      ];
    });
  });
}

function portOf(
  probe: Probe | undefined,
): { readonly handler: string; readonly port: number | string } | undefined {
  if (probe?.httpGet !== undefined) return { handler: "httpGet", port: probe.httpGet.port };
  if (probe?.tcpSocket !== undefined) return { handler: "tcpSocket", port: probe.tcpSocket.port };
  return undefined;
}
