import fc from "fast-check";
import { expect, test } from "vitest";
import { isSameJson } from "../../../src/base/same-json.ts";
import { applyConfig, claimChanges } from "../../../src/api/apply/apply-config.ts";
import { readClaims, writeClaims } from "../../../src/api/apply/claims.ts";
import type { Claim, Writer } from "../../../src/api/apply/claims.ts";
import { intersect, isEmptySet, membersOf, unite } from "../../../src/api/apply/field-set.ts";
import { WHOLE } from "../../../src/api/apply/field-type.ts";
import type { FieldType } from "../../../src/api/apply/field-type.ts";
import { compose, fieldsOf, partsOf } from "../../../src/api/apply/typed-value.ts";

/** Small domains, so that writers meet. */
const labels: FieldType = { kind: "map", isOpen: true, has: () => false, field: () => WHOLE };
const item: FieldType = struct({ name: WHOLE, image: WHOLE, env: labels });
const items: FieldType = { kind: "list", keys: ["name"], defaults: {}, item };
const TYPE = struct({ labels, items, tags: { kind: "set" }, whole: WHOLE, size: WHOLE });

function struct(fields: Readonly<Record<string, FieldType>>): FieldType {
  return {
    kind: "map",
    isOpen: false,
    has: (name) => Object.hasOwn(fields, name),
    field: (name) => fields[name] ?? WHOLE,
  };
}

const leaf = fc.constantFrom(1, 2);
const map = fc.dictionary(fc.constantFrom("a", "b"), leaf, { maxKeys: 2 });
const anItem = fc.record(
  { name: fc.constantFrom("x", "y"), image: leaf, env: map },
  { requiredKeys: ["name"] },
);
const config = fc.record(
  {
    labels: map,
    items: fc.uniqueArray(anItem, { maxLength: 2, selector: ({ name }) => name }),
    tags: fc.uniqueArray(fc.constantFrom("p", "q"), { maxLength: 2 }),
    whole: fc.array(leaf, { maxLength: 2 }),
    size: leaf,
  },
  { requiredKeys: [] },
);
const manager = fc.constantFrom("ann", "bob", "cid");
const step = fc.record({ who: manager, config, how: fc.constantFrom("apply", "force", "update") });

interface State {
  readonly live: unknown;
  readonly claims: readonly Claim[];
}

const EMPTY: State = { live: {}, claims: [] };
const by = (who: string, operation: Writer["operation"] = "Apply"): Writer => ({
  manager: who,
  operation,
  apiVersion: "v1",
  subresource: "",
});

function apply(state: State, who: string, value: unknown, force = false): State | undefined {
  const outcome = applyConfig({
    ...state,
    config: value,
    type: TYPE,
    by: by(who),
    force,
    now: "t",
  });
  return outcome.kind === "applied" ? { live: outcome.value, claims: outcome.claims } : undefined;
}

function run(steps: readonly { who: string; config: object; how: string }[]): State {
  let state = EMPTY;
  for (const { who, config: value, how } of steps) {
    if (how === "update") {
      const request = { live: state.live, type: TYPE, claims: state.claims, now: "t" };
      const claims = claimChanges({ ...request, next: value, by: by(who, "Update") });
      state = { live: value, claims };
    } else state = apply(state, who, value, how === "force") ?? state;
    const read = readClaims(writeClaims(state.claims));
    state = { ...state, claims: read ?? [] };
  }
  return state;
}

const history = fc.array(step, { maxLength: 6 });

/** The value at a path. */
function at(value: unknown, path: readonly string[], type: FieldType = TYPE): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  const found = partsOf(value, type);
  const child = found.kind === "whole" ? undefined : found.parts.get(first);
  return child === undefined ? undefined : at(child.value, rest, child.type);
}

test("applying the same again changes nothing", () => {
  fc.assert(
    fc.property(history, manager, config, (steps, who, value) => {
      const once = apply(run(steps), who, value, true);
      const twice = apply(once ?? EMPTY, who, value);
      expect(twice?.live).toEqual(once?.live);
      expect(writeClaims(twice?.claims ?? [])).toEqual(writeClaims(once?.claims ?? []));
    }),
  );
});

test("what is applied is there", () => {
  fc.assert(
    fc.property(history, manager, config, (steps, who, value) => {
      const state = apply(run(steps), who, value, true);
      for (const path of membersOf(fieldsOf(value, TYPE)))
        if (!hasParts(path)) expect(at(state?.live, path)).toEqual(at(value, path));
    }),
  );
});

test("two managers of different fields come to the same in either order", () => {
  fc.assert(
    fc.property(history, config, config, (steps, mine, theirs) => {
      const start = run(steps.filter(({ who }) => who === "cid"));
      const [a, b] = [fieldsOf(mine, TYPE), fieldsOf(theirs, TYPE)];
      fc.pre(isEmptySet(intersect(a, b)));
      const after = (first: string, second: string): State | undefined => {
        const values: Readonly<Record<string, unknown>> = { ann: mine, bob: theirs };
        const one = apply(start, first, values[first], true);
        return apply(one ?? EMPTY, second, values[second], true);
      };
      const [left, right] = [after("ann", "bob"), after("bob", "ann")];
      expect(isSameJson(sorted(left?.live), sorted(right?.live))).toBe(true);
      expect(writeClaims(left?.claims ?? [])).toEqual(writeClaims(right?.claims ?? []));
    }),
  );
});

test("what one manager owned alone and states no more is gone", () => {
  fc.assert(
    fc.property(history, manager, config, (steps, who, value) => {
      const before = run(steps);
      const after = apply(before, who, value, true);
      const own = before.claims.find(
        (claim) => claim.manager === who && claim.operation === "Apply",
      );
      const owned = (after?.claims ?? []).reduce(
        (set, claim) => unite(set, claim.fields),
        fieldsOf(value, TYPE),
      );
      for (const path of membersOf(own?.fields ?? fieldsOf({}, TYPE))) {
        // The keys of an item stay as long as it does.
        if (hasOwner(owned, path) || path.at(-1) === "f:name") continue;
        expect([path, at(after?.live, path)]).toEqual([path, undefined]);
      }
    }),
  );
});

test("without force no field of another manager changes or goes, however often somebody applies", () => {
  fc.assert(
    fc.property(history, manager, config, (steps, who, value) => {
      const before = run(steps);
      const after = apply(before, who, value);
      if (after === undefined) return;
      for (const claim of before.claims) {
        if (claim.manager === who && claim.operation === "Apply") continue;
        for (const path of membersOf(claim.fields)) {
          const [old, next] = [at(before.live, path), at(after.live, path)];
          if (old === undefined) continue;
          if (hasParts(path)) expect(next).toBeDefined();
          else expect([path, next]).toEqual([path, old]);
        }
      }
    }),
  );
});

test("by force a manager loses what is changed and keeps the rest", () => {
  fc.assert(
    fc.property(history, config, (steps, value) => {
      const before = run(steps);
      const after = apply(before, "ann", value, true);
      for (const claim of after?.claims ?? []) {
        if (claim.manager === "ann") continue;
        for (const path of membersOf(claim.fields)) {
          if (hasParts(path)) continue;
          expect([path, at(after?.live, path)]).toEqual([path, at(before.live, path)]);
        }
      }
    }),
  );
});

test("a conflict is where another manager has another value", () => {
  fc.assert(
    fc.property(history, config, (steps, value) => {
      const { live, claims } = run(steps);
      const request = { live, claims, config: value, type: TYPE, by: by("ann"), now: "t" };
      const outcome = applyConfig({ ...request, force: false });
      if (outcome.kind === "applied") return;
      for (const { owner, path } of outcome.conflicts) {
        expect(owner).not.toMatchObject({ manager: "ann", operation: "Apply" });
        expect(at(value, path)).not.toEqual(at(live, path));
      }
    }),
  );
});

function hasOwner(
  set: { isMember: boolean; children: ReadonlyMap<string, unknown> },
  path: readonly string[],
): boolean {
  let node: unknown = set;
  for (const part of path) node = (node as typeof set | undefined)?.children.get(part);
  return node !== undefined;
}

/** Whether the field is made of others: then each of those has owners. */
function hasParts(path: readonly string[], type: FieldType = TYPE): boolean {
  const [first, ...rest] = path;
  if (first === undefined) return type.kind !== "whole";
  if (type.kind === "map") return hasParts(rest, type.field(first.slice(2)));
  return type.kind === "list" && hasParts(rest, type.item);
}

/** Lists of items have an order that depends on who came first. */
function sorted(value: unknown, type: FieldType = TYPE): unknown {
  const found = partsOf(value, type);
  if (found.kind === "whole") return value;
  const parts = [...found.parts]
    .map(([part, child]) => [part, sorted(child.value, child.type)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return compose(found.kind, parts);
}
