import type { Container, Lifecycle, Probe } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import type { PodRule, Report } from "./rule.ts";
import { eachContainer } from "./rule.ts";

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"] as const;
const HOOKS = ["postStart", "preStop"] as const;

/** What probes and hooks call is a port of their container, when they call it by name. */
export const podProbes: PodRule = (spec, path, report) => {
  eachContainer(spec, (container, place) => {
    for (const field of PROBES)
      checkHandler(container[field], container, { at: [...path, ...place, field], report });
    for (const field of HOOKS) {
      const at = [...path, ...place, "lifecycle", field];
      checkHandler(container.lifecycle?.[field], container, { at, report });
    }
  });
};

type Handler = Pick<Probe, "httpGet" | "tcpSocket"> | Lifecycle["preStop"];

function checkHandler(
  handler: Handler,
  container: Container,
  { at, report }: { readonly at: FieldPath; readonly report: Report },
): void {
  for (const field of ["httpGet", "tcpSocket"] as const) {
    const port = handler?.[field]?.port;
    if (typeof port !== "string") continue;
    const names = (container.ports ?? []).flatMap(({ name }) => name ?? []);
    if (names.includes(port)) continue;
    const path = [...at, field, "port"];
    report({
      code: "port/unknown-name",
      message: `${formatPath(path)} ${quote(port)} is no port of the container ${quote(container.name)}`,
      path,
      hint: didYouMean(port, names) ?? "name the port in ports, or write its number",
    });
  }
}
