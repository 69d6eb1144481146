import type { Service, ServiceSpec } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { ObjectRule, Report } from "./rule.ts";

interface FieldRule {
  readonly field: keyof ServiceSpec;
  /** The types that the field belongs to. */
  readonly types: readonly string[];
}

/** Fields that only some types of Service have. */
const FIELD_RULES: readonly FieldRule[] = [
  { field: "allocateLoadBalancerNodePorts", types: ["LoadBalancer"] },
  { field: "loadBalancerClass", types: ["LoadBalancer"] },
  { field: "loadBalancerIP", types: ["LoadBalancer"] },
  { field: "loadBalancerSourceRanges", types: ["LoadBalancer"] },
  { field: "healthCheckNodePort", types: ["LoadBalancer"] },
  { field: "externalName", types: ["ExternalName"] },
];

/** The fields of a Service are those of its type. */
export const serviceFields: ObjectRule<Service> = ({ spec }, report) => {
  const type = spec.type as string;
  for (const { field, types } of FIELD_RULES) {
    const value: unknown = spec[field];
    if (value === undefined || value === "" || types.includes(type)) continue;
    const hint = `remove it, or write "type: ${types[0] ?? ""}"`;
    conflict(["spec", field], `must be absent when spec.type is ${type}`, { report, hint });
  }
  checkTraffic(spec, type, report);
  checkNodePorts(spec, type, report);
  checkAddress(spec, type, report);
};

function checkTraffic(spec: ServiceSpec, type: string, report: Report): void {
  const isOutside =
    type === "NodePort" || type === "LoadBalancer" || (spec.externalIPs ?? []).length > 0;
  if (spec.externalTrafficPolicy !== undefined && !isOutside) {
    const hint = "remove it: there is no traffic from outside";
    const path = ["spec", "externalTrafficPolicy"];
    conflict(path, `must be absent when spec.type is ${type}`, { report, hint });
  }
  const isLocal = (spec.externalTrafficPolicy as string | undefined) === "Local";
  if ((spec.healthCheckNodePort ?? 0) !== 0 && type === "LoadBalancer" && !isLocal) {
    const says = "needs externalTrafficPolicy: Local";
    conflict(["spec", "healthCheckNodePort"], says, { report, hint: "remove it" });
  }
}

function checkNodePorts(spec: ServiceSpec, type: string, report: Report): void {
  if (type === "NodePort" || type === "LoadBalancer") return;
  spec.ports.forEach((port, index) => {
    if (port.nodePort === undefined) return;
    const hint = 'remove it, or write "type: NodePort"';
    const path = ["spec", "ports", index, "nodePort"];
    conflict(path, `must be absent when spec.type is ${type}`, { report, hint });
  });
}

function checkAddress(spec: ServiceSpec, type: string, report: Report): void {
  const path = ["spec", "clusterIP"];
  if (type === "ExternalName") {
    if (spec.clusterIP !== undefined)
      conflict(path, "must be absent when spec.type is ExternalName", {
        report,
        hint: "remove it",
      });
    if ((spec.externalName ?? "") === "") {
      const message = "spec.externalName is required when spec.type is ExternalName";
      report({ code: "field/required", message, path: ["spec", "externalName"] });
    }
    return;
  }
  if (spec.clusterIP !== "None" || type === "ClusterIP") return;
  const message = `spec.clusterIP cannot be None when spec.type is ${type}`;
  report({ code: "field/conflict", message, path, hint: "remove it" });
}

function conflict(
  path: FieldPath,
  says: string,
  { report, hint }: { readonly report: Report; readonly hint: string },
): void {
  const message = `${formatPath(path)} ${says}`;
  report({ code: "field/conflict", message, path, on: "key", hint });
}
