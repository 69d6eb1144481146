/**
 * What the kernel would hold after some scripts: sets by name, their elements by key. A chain is held as a set named
 * `chain NAME`, with its rules as keys. Base chains are not modelled.
 */
export type NftModel = Map<string, Map<string, string>>;

/**
 * Applies a script as the kernel does: one that adds what is there with another value, or deletes what is not
 * there, is refused as a whole. Gives the new state.
 */
export function applyScript(before: NftModel, script: string): NftModel {
  const state: NftModel = new Map([...before].map(([set, elements]) => [set, new Map(elements)]));
  for (const line of script.split("\n")) {
    if (line.startsWith("delete table")) state.clear();
    applyToChains(state, line);
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

const SHARED = /^chain (?:cluster|node)-/;

/** Chains: defined with their rules in a table's block, or added, flushed and filled one by one. */
function applyToChains(state: NftModel, line: string): void {
  const block = /^ {2}chain (\S+) \{ (.*); \}$/.exec(line);
  if (block !== null) {
    const [, name = "", rules = ""] = block;
    state.set(`chain ${name}`, new Map(rules.split("; ").map((rule) => [rule, ""])));
  }
  const [, verb, kind, name = "", rule = ""] =
    /^(add|flush|delete) (chain|rule|set) ip \S+ (\S+) ?(.*)$/.exec(line) ?? [];
  if (kind === "set") {
    if (verb === "add" && !state.has(`clients ${name}`))
      state.set(`clients ${name}`, new Map([["", ""]]));
    else if (verb === "flush") state.get(`clients ${name}`)?.clear();
  } else if (kind === "chain") {
    const key = `chain ${name}`;
    if (verb === "add" && !state.has(key)) state.set(key, new Map());
    else if (verb === "flush") state.get(key)?.clear();
  } else if (kind === "rule") {
    const target = state.get(`chain ${name}`);
    if (target === undefined) throw new Error(`ENOENT: chain ${name}`);
    for (const [, to] of rule.matchAll(/goto ([^\s,}]+)/g))
      if (!state.has(`chain ${to}`)) throw new Error(`ENOENT: chain ${to}`);
    target.set(rule, "");
  }
}

/** `set key value`, sorted; without chains that Services share, which may stay when nobody needs them. */
export function renderModel(model: NftModel): string[] {
  return [...model]
    .filter(([name]) => !SHARED.test(name) && !name.startsWith("clients "))
    .flatMap(([set, elements]) => [...elements].map(([key, value]) => `${set} ${key} ${value}`))
    .toSorted();
}
