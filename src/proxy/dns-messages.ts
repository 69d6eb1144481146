import type { ServiceRecords } from "./dns-records.ts";
import type { ZoneOptions } from "./resolve-query.ts";

/** How the DNS thread is started. */
export interface DnsWorkerData extends ZoneOptions {
  readonly address: string;
  readonly port: number;
}

/** To the DNS thread: records of Services, by `namespace/name`; `undefined` takes them away. */
export type DnsUpdate = readonly (readonly [string, ServiceRecords | undefined])[];

/** From the DNS thread. */
export type DnsEvent =
  | { readonly type: "listening"; readonly port: number }
  /** It tries again by itself. */
  | { readonly type: "cannot-listen"; readonly message: string };
