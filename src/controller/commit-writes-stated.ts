import {
  APPLIED_ANNOTATION,
  APP_LABEL,
  SOURCE_ANNOTATION,
  WRITE_TO_ANNOTATION,
} from "../model/app.ts";
import { isFields } from "../schema/fields.ts";
import type { ApiObject, ObjectMeta, StringMap } from "../model/meta.ts";

/** What kubectl keeps on objects for itself: it is made anew from Git. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const NOT_STATED: readonly string[] = [
  SOURCE_ANNOTATION,
  APPLIED_ANNOTATION,
  WRITE_TO_ANNOTATION,
  LAST_APPLIED,
];

/** The part of an object that a manifest may state: without status, and without what servers keep in it. Pure. */
export function statedPart(object: ApiObject): ApiObject {
  const { status: _, ...rest } = object as ApiObject & { readonly status?: unknown };
  const { name, namespace, labels, annotations, finalizers } = object.metadata;
  const metadata: ObjectMeta = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...mapOf("labels", without(labels, [APP_LABEL])),
    ...mapOf("annotations", without(annotations, NOT_STATED)),
    ...(finalizers === undefined || finalizers.length === 0 ? {} : { finalizers }),
  };
  return { ...(withoutNulls(rest) as ApiObject), metadata };
}

/** Typed clients send `creationTimestamp: null` along, which says nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isFields(value)) return value;
  const stated = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(stated.map(([key, field]) => [key, withoutNulls(field)]));
}

function without(map: StringMap | undefined, keys: readonly string[]): StringMap {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !keys.includes(key)));
}

function mapOf<Name extends string>(name: Name, map: StringMap): { [key in Name]?: StringMap } {
  return (Object.keys(map).length === 0 ? {} : { [name]: map }) as { [key in Name]?: StringMap };
}
