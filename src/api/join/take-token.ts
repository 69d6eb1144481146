import { createHash, timingSafeEqual } from "node:crypto";
import type { Millis } from "../../base/clock.ts";
import { SYSTEM_NAMESPACE } from "../../model/app.ts";
import {
  JOIN_TOKEN_PREFIX,
  JOIN_TOKEN_TYPE,
  type JoinRequest,
  type JoinTokenData,
} from "../../model/join-token.ts";
import type { Secret } from "../../model/kinds.gen.ts";
import type { StringMap } from "../../model/meta.ts";
import { refOf } from "../../model/meta.ts";
import { ObjectStoreError, type ObjectStore } from "../../store/object-store.ts";
import { ApiFailure, forbidden } from "../failure.ts";

/** Tries when several machines use a token at the same time. */
const MAX_TRIES = 16;

/** What a token gives to whom it lets in. */
export interface Admission {
  readonly labels: StringMap;
  /** The token was made for this very name. */
  readonly isForName: boolean;
}

/**
 * Uses a token once. Of one that may be used once, exactly one of many who come at the same time gets in. Throws 401 for a
 * token that is none, is over or was used, all alike, and 403 for another name than its own; what `check` throws leaves the
 * token as it is.
 */
export async function takeToken(
  objects: ObjectStore,
  { id, secret, node }: JoinRequest,
  now: Millis,
  check: (admission: Admission) => void,
): Promise<Admission> {
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    const found = findToken(objects, id);
    const data = found === undefined ? undefined : readData(found);
    if (found === undefined || data === undefined) throw notGood();
    if (!isSecret(data.hash, secret) || Date.parse(data.expiresAt) <= now) throw notGood();
    const uses = Number(data.uses);
    if (!Number.isSafeInteger(uses) || uses < 1) throw notGood();
    if (data.node !== "" && data.node !== node) {
      throw forbidden(`this token lets in the node "${data.node}", not "${node}"`);
    }
    const labels = JSON.parse(data.labels) as StringMap;
    const admission: Admission = { labels, isForName: data.node === node };
    check(admission);
    try {
      await spend(objects, found, uses);
      return admission;
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      if (error.code !== "conflict" && error.code !== "not-found") throw error;
    }
  }
  throw notGood();
}

/** The last use removes it: whoever comes later meets nothing. */
async function spend(objects: ObjectStore, token: Secret, uses: number): Promise<void> {
  const { resourceVersion } = token.metadata;
  if (uses === 1) {
    const precondition = resourceVersion === undefined ? {} : { resourceVersion };
    await objects.remove(refOf(token), precondition);
    return;
  }
  const left = Buffer.from(String(uses - 1)).toString("base64");
  await objects.update({ ...token, data: { ...token.data, uses: left } } as Secret);
}

function findToken(objects: ObjectStore, id: string): Secret | undefined {
  const name = `${JOIN_TOKEN_PREFIX}${id}`;
  const ref = { apiVersion: "v1", kind: "Secret", namespace: SYSTEM_NAMESPACE, name };
  const found = objects.get(ref)?.object as Secret | undefined;
  return found?.type === JOIN_TOKEN_TYPE ? found : undefined;
}

function readData({ data = {} }: Secret): JoinTokenData | undefined {
  const text = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString("utf8");
  const hash = text("hash");
  if (!/^[0-9a-f]{64}$/.test(hash)) return undefined;
  const labels = text("labels");
  return {
    hash,
    expiresAt: text("expiresAt"),
    uses: text("uses"),
    node: text("node"),
    labels: labels === "" ? "{}" : labels,
  };
}

/** Without telling by its time how much of it was right. */
function isSecret(hash: string, secret: string): boolean {
  const given = createHash("sha256").update(secret).digest();
  return timingSafeEqual(given, Buffer.from(hash, "hex"));
}

/** Nobody learns whether a token was ever there. */
function notGood(): ApiFailure {
  return new ApiFailure(
    401,
    "Unauthorized",
    "the token is not good: it is unknown, over, or used up; make another with `berth token create`",
  );
}
