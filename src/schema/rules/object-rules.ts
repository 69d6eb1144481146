import { APP_LABEL, APPLIED_ANNOTATION, SOURCE_ANNOTATION } from "../../model/app.ts";
import type {
  ConfigMap,
  Deployment,
  Job,
  Pod,
  ReplicaSet,
  Secret,
  Service,
} from "../../model/kinds.gen.ts";
import type { ApiObject } from "../../model/meta.ts";
import { findResource } from "../../model/resources.ts";
import { formatPath } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { checkConfigMap, checkSecret } from "./config-rules.ts";
import { checkService } from "./service-rules.ts";
import { checkDeployment, checkJob, checkPod, checkReplicaSet } from "./workload-rules.ts";

/** What must hold between the fields of one valid, defaulted object. Pure. */
export function checkRules(object: ApiObject): readonly Finding[] {
  return [...checkMetadata(object), ...checkKind(object)];
}

/** The schema has told the kinds apart: `kind` is what the casts rely on. */
function checkKind(object: ApiObject): readonly Finding[] {
  switch (object.kind) {
    case "ConfigMap":
      return checkConfigMap(object as ConfigMap);
    case "Secret":
      return checkSecret(object as Secret);
    case "Service":
      return checkService(object as Service);
    case "Pod":
      return checkPod(object as Pod);
    case "Deployment":
      return checkDeployment(object as Deployment);
    case "ReplicaSet":
      return checkReplicaSet(object as ReplicaSet);
    case "Job":
      return checkJob(object as Job);
    default:
      return [];
  }
}

/** Berth's own marks: a manifest that carried them would be taken for something else. */
const RESERVED: readonly string[] = [APP_LABEL, SOURCE_ANNOTATION, APPLIED_ANNOTATION];

function checkMetadata({ apiVersion, kind, metadata }: ApiObject): readonly Finding[] {
  const findings: Finding[] = [];
  for (const field of ["labels", "annotations"] as const) {
    for (const key of RESERVED) {
      if (!Object.hasOwn(metadata[field] ?? {}, key)) continue;
      const path = ["metadata", field, key];
      const message = `${formatPath(path)} is written by Berth`;
      findings.push({ code: "label/reserved", message, path, on: "key", hint: "remove it" });
    }
  }
  if (findResource(apiVersion, kind)?.namespaced === false && metadata.namespace !== undefined) {
    const path = ["metadata", "namespace"];
    const message = `metadata.namespace must be absent: a ${kind} is in no namespace`;
    findings.push({ code: "object/cluster-scoped", message, path, on: "key", hint: "remove it" });
  }
  return findings;
}
