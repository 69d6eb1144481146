import type { ConfigMap, Secret } from "../../model/kinds.gen.ts";
import type { ObjectRule, Report } from "./rule.ts";

/** Kubernetes' limit for the content of a ConfigMap or Secret: 1 MiB. */
const MAX_CONTENT_BYTES = 1_048_576;

/** A key stands in one of the two halves of a ConfigMap, and the content is not too large. */
export const configMap: ObjectRule<ConfigMap> = ({ data = {}, binaryData = {} }, report) => {
  for (const key of Object.keys(binaryData)) {
    if (!Object.hasOwn(data, key)) continue;
    report({
      code: "field/conflict",
      message: `The key "${key}" stands in data and in binaryData`,
      path: ["binaryData", key],
      on: "key",
      hint: "keep one of the two",
    });
  }
  checkSize(textBytes(data) + base64Bytes(binaryData), report);
};

/** The content of a Secret is not too large. */
export const secretSize: ObjectRule<Secret> = ({ data = {} }, report) => {
  checkSize(base64Bytes(data), report);
};

function checkSize(bytes: number, report: Report): void {
  if (bytes <= MAX_CONTENT_BYTES) return;
  report({
    code: "object/too-large",
    message: `The content must be at most ${MAX_CONTENT_BYTES} bytes: it is ${bytes}`,
    path: ["data"],
    on: "key",
    hint: "put large files into an image or a volume",
  });
}

function textBytes(data: Readonly<Record<string, string>>): number {
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const text of Object.values(data)) bytes += encoder.encode(text).length;
  return bytes;
}

function base64Bytes(data: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const text of Object.values(data)) bytes += Math.floor((text.length * 3) / 4);
  return bytes;
}
