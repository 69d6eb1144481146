import type { Service } from "../../model/kinds.gen.ts";
import type { FieldPath, Finding } from "../finding.ts";
import { formatPath } from "../finding.ts";
import { findDuplicates } from "./duplicates.ts";

/** What must hold in a Service. Pure. */
export function checkService({ spec }: Service): readonly Finding[] {
  return [...checkPorts(spec), ...checkNodePorts(spec), ...checkHeadless(spec)];
}

function checkPorts(spec: Service["spec"]): readonly Finding[] {
  const { ports } = spec;
  if (ports.length === 0 && spec.clusterIP !== "None") {
    const message = "spec.ports must have at least one port, unless spec.clusterIP is None";
    return [{ code: "field/required", message, path: ["spec", "ports"] }];
  }
  const nameless =
    ports.length < 2
      ? []
      : ports.flatMap((port, index) => (port.name === undefined ? [["spec", "ports", index]] : []));
  return [
    ...nameless.map((path) => ({
      code: "field/required" as const,
      message: `${formatPath([...path, "name"])} is required when there are several ports`,
      path,
    })),
    ...findDuplicates(
      ports.flatMap((port, index) =>
        port.name === undefined ? [] : [{ name: port.name, path: portPath(index, "name") }],
      ),
    ),
    ...findDuplicates(
      ports.map((port, index) => ({
        name: `${port.port}/${port.protocol}`,
        path: portPath(index, "port"),
      })),
    ),
  ];
}

function checkNodePorts(spec: Service["spec"]): readonly Finding[] {
  if (spec.type === "NodePort") return [];
  return spec.ports.flatMap((port, index) => {
    if (port.nodePort === undefined) return [];
    const path = portPath(index, "nodePort");
    return [
      {
        code: "field/conflict" as const,
        message: `${formatPath(path)} must be absent when spec.type is ${spec.type}`,
        path,
        on: "key" as const,
        hint: 'remove it, or write "type: NodePort"',
      },
    ];
  });
}

function checkHeadless(spec: Service["spec"]): readonly Finding[] {
  if (spec.clusterIP !== "None" || spec.type === "ClusterIP") return [];
  const message = `spec.clusterIP cannot be None when spec.type is ${spec.type}`;
  return [{ code: "field/conflict", message, path: ["spec", "clusterIP"], hint: "remove it" }];
}

function portPath(index: number, field: string): FieldPath {
  return ["spec", "ports", index, field];
}
