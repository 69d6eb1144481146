import type { PodSpec } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { CliError } from "./cli-error.ts";

/** Where pods stand in the objects of a kind. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ["spec", "template"],
  StatefulSet: ["spec", "template"],
  DaemonSet: ["spec", "template"],
  ReplicaSet: ["spec", "template"],
  ReplicationController: ["spec", "template"],
  Job: ["spec", "template"],
  CronJob: ["spec", "jobTemplate", "spec", "template"],
};

/** A patch that changes something of the pods that an object of this kind makes. Throws `CliError`. */
export function patchTemplate(kind: string, change: object): object {
  return pathOf(kind).reduceRight<object>((inner, key) => ({ [key]: inner }), change);
}

/** The pods' spec of an object. Throws `CliError`. */
export function podSpecOf(object: ApiObject): PodSpec {
  let at: unknown = object;
  for (const key of pathOf(object.kind)) at = (at as Readonly<Record<string, unknown>>)[key];
  return (at as { readonly spec: PodSpec }).spec;
}

function pathOf(kind: string): readonly string[] {
  const path = TEMPLATES[kind];
  if (path !== undefined) return path;
  throw new CliError(`Cannot change the pods of a ${kind}: it makes none`);
}
