import type { Service } from "../../model/kinds.gen.ts";
import { matchesLabels } from "../../model/labels.ts";
import type { StringMap } from "../../model/meta.ts";
import { formatPath, quote } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import { podSourceOf } from "../../model/pod-source.ts";
import type { PodSource } from "../../model/pod-source.ts";
import type { Declared, TreeFinding } from "./tree-finding.ts";

/** Services that choose no pods of the tree, or a port that those pods do not name. Pure. */
export function warnOfServices<D extends Declared>(declared: readonly D[]): TreeFinding<D>[] {
  const pods = new PodsByLabel(declared);
  return declared.flatMap((item) => {
    if (item.object.kind !== "Service") return [];
    const service = item.object as Service;
    const { selector = {} } = service.spec;
    if (Object.keys(selector).length === 0) return [];
    const findings = warnOfService(service, pods.choose(service.metadata.namespace, selector));
    return findings.map((finding) => ({ declared: item, finding }));
  });
}

/** Pods by namespace and single label: without it, each service would look at every pod. */
class PodsByLabel {
  readonly #pods = new Map<string, PodSource[]>();

  constructor(declared: readonly Declared[]) {
    for (const { object } of declared) {
      const pods = podSourceOf(object);
      for (const [key, value] of Object.entries(pods?.labels ?? {})) {
        if (pods !== undefined) this.#add(keyOf(object.metadata.namespace, key, value), pods);
      }
    }
  }

  choose(namespace: string | undefined, selector: StringMap): readonly PodSource[] {
    const candidates = Object.entries(selector).map(
      ([key, value]) => this.#pods.get(keyOf(namespace, key, value)) ?? [],
    );
    const fewest = candidates.reduce((a, b) => (b.length < a.length ? b : a));
    return fewest.filter((pods) => matchesLabels(selector, pods.labels));
  }

  #add(key: string, pods: PodSource): void {
    const known = this.#pods.get(key);
    if (known === undefined) this.#pods.set(key, [pods]);
    else known.push(pods);
  }
}

function keyOf(namespace: string | undefined, key: string, value: string): string {
  return `${namespace ?? ""} ${key}=${value}`;
}

function warnOfService({ spec }: Service, chosen: readonly PodSource[]): readonly Finding[] {
  if (chosen.length === 0) {
    return [
      {
        code: "selector/no-match",
        message: "spec.selector chooses no pods of this tree",
        path: ["spec", "selector"],
        on: "key",
        harmless: true,
        hint: "compare it with the labels of the pods",
      },
    ];
  }
  const names = chosen.flatMap(({ spec: pod }) =>
    pod.containers.flatMap((container) =>
      (container.ports ?? []).flatMap((port) => port.name ?? []),
    ),
  );
  return spec.ports.flatMap(({ targetPort }, index) => {
    if (typeof targetPort === "number" || names.includes(targetPort)) return [];
    const path = ["spec", "ports", index, "targetPort"];
    return [
      {
        code: "port/unknown-target" as const,
        message: `${formatPath(path)} ${quote(targetPort)} is no port of the pods that spec.selector chooses`,
        path,
        harmless: true,
        hint: didYouMean(targetPort, names) ?? "name the container's port, or write its number",
      },
    ];
  });
}
