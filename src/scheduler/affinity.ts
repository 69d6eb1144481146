import type { StringMap } from "../model/meta.ts";
import type {
  ClusterView,
  Normalize,
  PreparedTopology,
  TopologyPlugin,
  TopologySlot,
} from "./plugin.ts";
import { choosesPod, type AffinityTerm } from "./pod-affinity-terms.ts";
import type { PodKind } from "./pod-kind.ts";

export interface InterPodAffinityOptions {
  /** Points for a node by whose pods a required affinity is met by the pod; 1 as Kubernetes has it. */
  readonly hardWeight?: number;
}

const MAX_SCORE = 100;

const AFFINITY = "node(s) didn't match pod affinity rules";
const ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules";
const OTHERS_ANTI_AFFINITY = "node(s) didn't satisfy existing pods anti-affinity rules";

/** The span between the lowest and the highest is spread over all points. */
const spanIsBest: Normalize = (raw, lowest, highest) =>
  highest > lowest ? Math.trunc(MAX_SCORE * ((raw - lowest) / (highest - lowest))) : 0;

/** Pod affinity and anti-affinity, required and preferred, and those of the pods that are there already. */
export function interPodAffinity({ hardWeight = 1 }: InterPodAffinityOptions = {}): TopologyPlugin {
  return {
    name: "InterPodAffinity",
    weight: 2,
    prepare: (_pod, cluster, kind) => new Prepared(kind, cluster, hardWeight).result(),
  };
}

/** What a term adds for a pod on a node, by the sort of the term. */
type Sort = "required" | "requiredAnti" | "preferred" | "preferredAnti";

class Prepared {
  readonly #kind: PodKind;
  readonly #cluster: ClusterView;
  readonly #hardWeight: number;
  readonly #labelsOf: (namespace: string) => StringMap;

  constructor(kind: PodKind, cluster: ClusterView, hardWeight: number) {
    this.#kind = kind;
    this.#cluster = cluster;
    this.#hardWeight = hardWeight;
    this.#labelsOf = (namespace) => cluster.namespaceLabels(namespace);
  }

  result(): PreparedTopology {
    const { terms } = this.#kind;
    const affinity = keysOf(terms.required);
    const anti = keysOf(terms.requiredAnti);
    const existing = [...this.#cluster.termKinds()];
    const others = keysOf(
      existing.flatMap((kind) => kind.terms.requiredAnti.filter((term) => this.#isChosenBy(term))),
    );
    const scored = keysOf([
      ...terms.preferred,
      ...terms.preferredAnti,
      ...existing.flatMap((kind) => this.#scoringTerms(kind)),
    ]);
    const slots = [
      ...affinity.map((key) => this.#slot("affinity", key, (kind) => this.#affinity(kind, key))),
      ...anti.map((key) =>
        this.#slot("anti", key, (kind) => this.#countChosen(terms.requiredAnti, kind, key)),
      ),
      ...others.map((key) =>
        this.#slot("others", key, (kind) => this.#countChoosing(kind, key, "requiredAnti")),
      ),
      ...scored.map((key) => this.#slot("score", key, (kind) => this.#points(kind, key))),
    ];
    const antiFrom = affinity.length;
    const othersFrom = antiFrom + anti.length;
    const scoredFrom = othersFrom + others.length;
    const isFirstAllowed = terms.required.every((term) => this.#isChosenBy(term));
    const covered = { others: new Set(others), scored: new Set(scored) };
    return {
      slots,
      covers: (kind) => this.#covers(kind, covered),
      ...(scoredFrom === 0
        ? {}
        : {
            refusal({ counts, present }, totals) {
              let isMet = true;
              for (let slot = 0; slot < antiFrom; slot += 1) {
                if (present[slot] !== true) return refused(AFFINITY, true);
                if ((counts[slot] ?? 0) <= 0) isMet = false;
              }
              if (!isMet) {
                const isFirst = totals.every(({ total }, slot) => slot >= antiFrom || total === 0);
                if (!isFirst || !isFirstAllowed) return refused(AFFINITY, true);
              }
              for (let slot = antiFrom; slot < scoredFrom; slot += 1) {
                if (present[slot] === true && (counts[slot] ?? 0) > 0)
                  return refused(slot < othersFrom ? ANTI_AFFINITY : OTHERS_ANTI_AFFINITY, false);
              }
              return undefined;
            },
          }),
      ...(scored.length === 0
        ? {}
        : {
            scoring: {
              raw({ counts, present }) {
                let sum = 0;
                for (let slot = scoredFrom; slot < slots.length; slot += 1)
                  if (present[slot] === true) sum += counts[slot] ?? 0;
                return sum;
              },
              isCounted: () => true,
              normalize: spanIsBest,
            },
          }),
    };
  }

  #slot(sort: string, topologyKey: string, weigh: TopologySlot["weigh"]): TopologySlot {
    const id = `affinity ${this.#hardWeight} ${sort} ${topologyKey} ${this.#kind.key}`;
    return { id, topologyKey, weigh };
  }

  #isChosenBy(term: AffinityTerm): boolean {
    return choosesPod(term, this.#kind, this.#labelsOf);
  }

  /** A pod meets the affinity only when all terms choose it. */
  #affinity(kind: PodKind, key: string): number {
    const { required } = this.#kind.terms;
    if (!required.every((term) => choosesPod(term, kind, this.#labelsOf))) return 0;
    return required.filter(({ topologyKey }) => topologyKey === key).length;
  }

  /** Sum of the weights of our terms that choose a kind. */
  #countChosen(terms: readonly AffinityTerm[], kind: PodKind, key: string): number {
    let sum = 0;
    for (const term of terms)
      if (term.topologyKey === key && choosesPod(term, kind, this.#labelsOf)) sum += term.weight;
    return sum;
  }

  /** Sum of the weights of a kind's terms that choose us. */
  #countChoosing(kind: PodKind, key: string, sort: Sort): number {
    let sum = 0;
    for (const term of kind.terms[sort])
      if (term.topologyKey === key && this.#isChosenBy(term)) sum += term.weight;
    return sum;
  }

  #points(kind: PodKind, key: string): number {
    const { terms } = this.#kind;
    return (
      this.#countChosen(terms.preferred, kind, key) -
      this.#countChosen(terms.preferredAnti, kind, key) +
      this.#hardWeight * this.#countChoosing(kind, key, "required") +
      this.#countChoosing(kind, key, "preferred") -
      this.#countChoosing(kind, key, "preferredAnti")
    );
  }

  #scoringTerms({ terms }: PodKind): readonly AffinityTerm[] {
    return [
      ...(this.#hardWeight > 0 ? terms.required : []),
      ...terms.preferred,
      ...terms.preferredAnti,
    ].filter((term) => this.#isChosenBy(term));
  }

  #covers(
    kind: PodKind,
    covered: { readonly others: ReadonlySet<string>; readonly scored: ReadonlySet<string> },
  ): boolean {
    return (
      kind.terms.requiredAnti.every(
        (term) => covered.others.has(term.topologyKey) || !this.#isChosenBy(term),
      ) && this.#scoringTerms(kind).every(({ topologyKey }) => covered.scored.has(topologyKey))
    );
  }
}

function keysOf(terms: readonly AffinityTerm[]): readonly string[] {
  return [...new Set(terms.map(({ topologyKey }) => topologyKey))];
}

function refused(
  reason: string,
  unresolvable: boolean,
): { readonly reasons: readonly string[]; readonly unresolvable: boolean } {
  return { reasons: [reason], unresolvable };
}
