import type { LabelSelector } from "../model/kinds.gen.ts";
import { formatLabels, formatSelector } from "../model/labels.ts";
import type { ApiObject, ObjectMeta, StringMap } from "../model/meta.ts";
import { isJsonObject } from "./body.ts";
import type { JsonObject } from "./body.ts";
import { badRequest, invalid } from "./failure.ts";

/** The kind of the `scale` subresource, of whatever kind it is. */
export const SCALE_KIND = { group: "autoscaling", version: "v1", kind: "Scale" } as const;
const API_VERSION = "autoscaling/v1";

/** `autoscaling/v1 Scale`: how many pods there are to be, and are. */
export interface Scale {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: "Scale";
  readonly metadata: ObjectMeta;
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

/** What a workload's kinds have in common. */
type Scalable = ApiObject & {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector | StringMap };
  readonly status?: { readonly replicas?: number };
};

/** The scale of a Deployment, ReplicaSet, StatefulSet or ReplicationController. Pure. */
export function toScale(object: ApiObject): Scale {
  const { metadata, spec, status } = object as Scalable;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = formatAny(object.kind, spec?.selector);
  return {
    apiVersion: API_VERSION,
    kind: "Scale",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: spec?.replicas ?? 1 },
    status: { replicas: status?.replicas ?? 0, ...(selector === "" ? {} : { selector }) },
  };
}

/** The object with as many replicas as the scale wants, and with the version that it names. Throws 400 or 422. Pure. */
export function applyScale(object: ApiObject, wanted: JsonObject): JsonObject {
  const { apiVersion, kind, metadata, spec } = wanted;
  if ((kind ?? "Scale") !== "Scale" || (apiVersion ?? API_VERSION) !== API_VERSION) {
    throw badRequest(
      `the kind of the object (${JSON.stringify(apiVersion)}, ${JSON.stringify(kind)}) ` +
        `does not match the expected kind (${API_VERSION}, Scale)`,
    );
  }
  const given = isJsonObject(metadata) ? metadata : {};
  const { name = object.metadata.name, namespace = object.metadata.namespace } = given;
  if (name !== object.metadata.name || namespace !== object.metadata.namespace) {
    throw badRequest("the name and namespace of the scale must be those of the URL");
  }
  const replicas = (isJsonObject(spec) ? spec["replicas"] : undefined) ?? 0;
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0) {
    const shown = JSON.stringify(replicas);
    const message = `Invalid value: ${shown}: must be a whole number greater than or equal to 0`;
    const field = "spec.replicas";
    const reason = "FieldValueInvalid";
    throw invalid(SCALE_KIND, object.metadata.name, [{ reason, field, message }]);
  }
  const { uid, resourceVersion } = given;
  return {
    ...object,
    spec: { ...(object as Scalable).spec, replicas },
    metadata: {
      ...object.metadata,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
  };
}

function formatAny(kind: string, selector: LabelSelector | StringMap | undefined): string {
  if (selector === undefined) return "";
  return kind === "ReplicationController"
    ? formatLabels(selector as StringMap)
    : formatSelector(selector as LabelSelector);
}
