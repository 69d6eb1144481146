import type { Secret } from "../../model/kinds.gen.ts";
import { listWords } from "../finding.ts";
import type { ObjectRule } from "./rule.ts";

/** Keys that a Secret of a type must have. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

/** A Secret has the keys that its type asks for. Its values are never part of a message. */
export const secretKeys: ObjectRule<Secret> = ({ type, data = {} }, report) => {
  const required = Object.hasOwn(REQUIRED_KEYS, type) ? (REQUIRED_KEYS[type] ?? []) : [];
  const missing = required.filter((key) => !Object.hasOwn(data, key));
  if (missing.length > 0) {
    const message = `A Secret of type "${type}" must have the key ${listWords(missing, "and")}`;
    report({ code: "secret/missing-key", message, path: ["type"] });
  }
  const basic = ["username", "password"];
  if (type === "kubernetes.io/basic-auth" && !basic.some((key) => Object.hasOwn(data, key))) {
    const message = `A Secret of type "${type}" must have the key ${listWords(basic)}`;
    report({ code: "secret/missing-key", message, path: ["type"] });
  }
  if (type === "kubernetes.io/service-account-token") {
    const message = `type "${type}" is not supported yet`;
    report({ code: "field/not-yet", message, path: ["type"] });
  }
};
