import type { Container, PodSpec } from "../../model/kinds.gen.ts";
import type { FieldPath, Finding } from "../finding.ts";

/** Takes what a rule finds. */
export type Report = (finding: Finding) => void;

/** One thing that must hold in a valid, defaulted object. Pure but for `report`. */
export type ObjectRule<T> = (object: T, report: Report) => void;

/** One thing that must hold in the spec of a pod that stands at `path`. Pure but for `report`. */
export type PodRule = (spec: PodSpec, path: FieldPath, report: Report) => void;

/** Where a container stands in its pod. */
export type ContainerPlace = readonly ["containers" | "initContainers", number];

/** Every container of a pod, in the order of its start. */
export function eachContainer(
  spec: PodSpec,
  visit: (container: Container, place: ContainerPlace) => void,
): void {
  spec.initContainers?.forEach((container, index) => {
    visit(container, ["initContainers", index]);
  });
  spec.containers.forEach((container, index) => {
    visit(container, ["containers", index]);
  });
}
