/** What the kernel would hold after some scripts: sets by name, their elements by key. Only elements are modelled. */
export type NftModel = Map<string, Map<string, string>>;

/**
 * Applies a script as the kernel does: one that adds what is there with another value, or deletes what is not
 * there, is refused as a whole. Gives the new state.
 */
export function applyScript(before: NftModel, script: string): NftModel {
  const state: NftModel = new Map([...before].map(([set, elements]) => [set, new Map(elements)]));
  for (const line of script.split("\n")) {
    if (line.startsWith("delete table")) state.clear();
    const match = /^(add|delete) element ip \S+ (\S+) \{ (.*) \}$/.exec(line);
    if (match === null) continue;
    const [, verb, set = "", list = ""] = match;
    const elements = state.get(set) ?? new Map<string, string>();
    state.set(set, elements);
    for (const element of list.split(", ")) {
      const [key = "", value = ""] = element.split(" : ");
      if (verb === "delete") {
        if (!elements.delete(key)) throw new Error(`ENOENT: ${set} { ${key} }`);
      } else if ((elements.get(key) ?? value) !== value) {
        throw new Error(`EEXIST: ${set} { ${key} }`);
      } else elements.set(key, value);
    }
  }
  return state;
}

/** `set key value`, sorted. */
export function renderModel(model: NftModel): string[] {
  return [...model]
    .flatMap(([set, elements]) => [...elements].map(([key, value]) => `${set} ${key} ${value}`))
    .toSorted();
}
