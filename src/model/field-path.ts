/** Names of fields and places in lists, from the root of an object. */
export type FieldPath = readonly (string | number)[];

/** `spec.containers[0].image`; names with dots stand in brackets: `metadata.labels["a.b/c"]`. Pure. */
export function formatPath(path: FieldPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(part)) text += `[${quoteName(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** Longest name that a path repeats. */
const MAX_NAME = 60;

function quoteName(name: string): string {
  return JSON.stringify(name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name);
}
