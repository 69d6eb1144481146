/** Marks an object that an App applied: its App's name. */
export const APP_LABEL = "berth.dev/app";
/** Where a declared object stands in Git: `path/file.yaml:12`. Not part of comparisons. */
export const SOURCE_ANNOTATION = "berth.dev/source";
/** JSON of an `AppliedManifest`: what the last apply stated, so that the next one knows what Git let go. */
export const APPLIED_ANNOTATION = "berth.dev/applied";

/** The first App, which `berth up` makes: what has no home of its own goes to its folder. */
export const ROOT_APP = "root";
/**
 * On a Namespace, with the value "true": what is in it is not Git's; people write it through the API. On an App that is
 * made through the API: it stays in the cluster alone.
 */
export const UNMANAGED_ANNOTATION = "berth.dev/unmanaged";

/** On an object that is created, or on a Namespace: the App whose folder writes through the API go to. */
export const WRITE_TO_ANNOTATION = "berth.dev/write-to";

/** The value of `APPLIED_ANNOTATION`. */
export interface AppliedManifest {
  /** Digest of the defaulted manifest: an equal one needs no write. */
  readonly hash: string;
  /** Keys of the labels and annotations that the manifest states. */
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
  /** Absent where it states none. */
  readonly finalizers?: readonly string[];
}

/** On a declared object: an integer; objects of a higher one are applied when those of the lower ones are healthy. */
export const WAVE_ANNOTATION = "berth.dev/wave";
/** On an App that is deleted: its objects go before it does. */
export const APP_FINALIZER = "berth.dev/app";
/** On a Release that is Held, with the value "true": somebody consents to what it is held for. */
export const APPROVED_ANNOTATION = "berth.dev/approved";
/** The namespace of Berth's own Secrets. */
export const SYSTEM_NAMESPACE = "berth-system";
