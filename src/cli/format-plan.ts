import { formatRef, refKey, type ObjectRef } from "../model/meta.ts";
import { formatProblem } from "../model/problem.ts";
import type { FieldChange } from "../planner/diff-objects.ts";
import type { SimulatedStep } from "../planner/forecast-record.ts";
import { findConcerns } from "./plan-concerns.ts";
import { countLine, type AppPlan, type PlanDocument } from "./plan-document.ts";

/** Part of a plan, under a heading. */
export interface PlanSection {
  readonly title: string;
  readonly lines: readonly string[];
}

/** How a line is coloured, by what it begins with. */
export interface PlanStyle {
  /** Lines of one section that are shown; the rest is counted. */
  readonly maxLines: number;
  readonly isColoured: boolean;
}

const MAX_VALUE = 100;
const COLOURS: Readonly<Record<string, string>> = { "+": "32", "-": "31", "~": "33", "!": "31" };

/** What `berth plan` shows in a terminal. Pure. */
export function formatPlan(plan: PlanDocument, { maxLines, isColoured }: PlanStyle): string {
  const { target, against, notes } = plan;
  if (plan.outcome === "unchanged")
    return [`${target.name}: no change`, ...notes.map((note) => `note: ${note}`)].join("\n");
  const lines = [
    `${target.name}: ${countLine(plan)}`,
    `against the ${against.kind} as of ${against.takenAt}`,
    ...notes.map((note) => `note: ${note}`),
    ...findConcerns(plan).map((concern) => `! ${concern}`),
  ];
  for (const { title, lines: all } of planSections(plan)) {
    lines.push("", title, ...limited(all, maxLines).map((line) => `  ${line}`.trimEnd()));
  }
  const ids = plan.apps.flatMap(({ id }) => (id === "" ? [] : [id]));
  lines.push("", ...ids.map((id) => `plan ${id}`));
  return (isColoured ? lines.map(coloured) : lines).join("\n");
}

/** What there is to say of a plan, part by part; without those that say nothing. Pure. */
export function planSections(plan: PlanDocument): readonly PlanSection[] {
  return [
    ...plan.apps
      .filter(({ outcome, moved }) => outcome !== "unchanged" || moved.length > 0)
      .map((app) => ({ title: `App ${app.app}`, lines: formatApp(app) })),
    { title: podsTitle(plan), lines: formatSteps(plan.steps) },
    { title: "Ready pods on the way", lines: formatWorkloads(plan) },
    { title: "Pods without a node", lines: formatUnplaced(plan) },
    { title: "Images", lines: formatImages(plan) },
  ].filter(({ lines }) => lines.length > 0);
}

function formatApp(app: AppPlan): readonly string[] {
  const { problems, added, changed, moved, removed, restarts } = app;
  if (app.outcome === "rejected") return problems.map((problem) => `! ${formatProblem(problem)}`);
  return [
    ...(app.warnings ?? []).map((warning) => `  warning: ${formatProblem(warning)}`),
    ...added.map(({ ref, at, runsAgain }) => {
      const again = runsAgain === true ? ", runs once more" : "";
      return `+ ${formatRef(ref)}${placed(at)}${again}`;
    }),
    ...changed.flatMap(({ ref, at, fields, adoptedFrom }) => [
      `~ ${formatRef(ref)}${placed(at)}${adoptedFrom === undefined ? "" : `, adopted from App ${adoptedFrom}`}`,
      ...fields.flatMap(formatField),
    ]),
    ...moved.map(
      ({ ref, from, to }) => `  ${formatRef(ref)} moved from ${from} to ${to}: nothing happens`,
    ),
    ...removed.map((ref) => `- ${formatRef(ref)}${releasedFirst(app, ref)}`),
    ...restarts.map(
      ({ workload, because }) =>
        `  ${formatRef(workload)} is rolled because of ${formatRef(because)}`,
    ),
  ];
}

function releasedFirst({ releasedFirst: all = [] }: AppPlan, ref: ObjectRef): string {
  const found = all.find((item) => refKey(item.ref) === refKey(ref));
  if (found === undefined) return "";
  return `, released first: ${formatRef(found.neededBy)} needs its ${found.resource}`;
}

function placed(at: string): string {
  return at === "" ? "" : ` (${at})`;
}

function formatField({ path, before, after, lines }: FieldChange): readonly string[] {
  if (lines !== undefined) return [`    ${path}:`, ...lines.map((line) => `      ${cut(line)}`)];
  return [`    ${path}: ${cut(before)} → ${cut(after)}`];
}

/** One value of a field in a line. */
function cut(text: string | undefined): string {
  if (text === undefined) return "(none)";
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}

function podsTitle({ steps }: PlanDocument): string {
  const count = (what: SimulatedStep["what"]): number =>
    steps.filter((step) => step.what === what).length;
  return `Pods: ${count("create")} to create, ${count("stop")} to stop`;
}

/** The marks of what happens; a pod's creation is told with its place. */
const MARKS: Readonly<Partial<Record<SimulatedStep["what"], string>>> = {
  place: "+",
  ready: " ",
  done: " ",
  stop: "-",
};
const WORDS: Readonly<Partial<Record<SimulatedStep["what"], string>>> = {
  place: "starts",
  ready: "is ready",
  done: "is done",
  stop: "stops",
};

function formatSteps(steps: readonly SimulatedStep[]): readonly string[] {
  const told = steps.filter(({ what }) => MARKS[what] !== undefined);
  return told.map(({ what, pod, owner, node }, index) => {
    const number = String(index + 1).padStart(String(told.length).length);
    const where = node === undefined ? "" : ` on node ${node}`;
    const whose = owner === undefined ? "" : `  (${formatRef(owner)})`;
    const name = `${pod.namespace ?? ""}/${pod.name}`;
    return `${MARKS[what] ?? " "} ${number}. ${name} ${WORDS[what] ?? ""}${where}${whose}`;
  });
}

function formatWorkloads({ workloads }: PlanDocument): readonly string[] {
  return workloads.map(
    ({ workload, readyBefore, lowestReady, readyAfter, mostPods }) =>
      `  ${formatRef(workload)}: ${readyBefore} before, never below ${lowestReady} on the way, ${readyAfter} at the end; at most ${mostPods} pods at a time`,
  );
}

function formatUnplaced({ unplaced, steps }: PlanDocument): readonly string[] {
  const owners = new Map(steps.map(({ pod, owner }) => [refKey(pod), owner]));
  return unplaced.flatMap(({ pod, message, refused, cures, isNew }) => {
    const owner = owners.get(refKey(pod));
    const whose = owner === undefined ? "" : `  (${formatRef(owner)})`;
    const since = isNew ? "" : ", as before";
    return [
      `! ${pod.namespace ?? ""}/${pod.name}${since}${whose}: ${message}`,
      ...refused.map(
        ({ filter, reason, nodes }) =>
          `    ${nodes} ${nodes === 1 ? "node" : "nodes"}: ${reason} [${filter}]`,
      ),
      ...cures.map((cure) => `    would help: ${cure}`),
    ];
  });
}

function formatImages({ images }: PlanDocument): readonly string[] {
  const missing = images.filter(({ isThere }) => !isThere);
  const there = images.length - missing.length;
  return [
    ...missing.map(({ node, image }) => `  node ${node} pulls ${image}`),
    ...(there === 0 ? [] : [`  ${there === 1 ? "1 is" : `${there} are`} there already`]),
  ];
}

/** At most so many lines, and how many more there are. Pure. */
export function limited(lines: readonly string[], most: number): readonly string[] {
  const more = lines.length - most;
  return more > 0 ? [...lines.slice(0, most), `… and ${more} more lines`] : lines;
}

function coloured(line: string): string {
  const code = COLOURS[line.trimStart()[0] ?? ""];
  return code === undefined ? line : `\u001B[${code}m${line}\u001B[0m`;
}
