import { DAY_FILES } from "./day-manifests.ts";
import { NODE_NAMES, type DayRig } from "./day-rig.ts";

const MINUTE = 60_000;
/** Nodes that are away at the same time, at most. */
const MAX_AWAY = 3;

const ROLLED = DAY_FILES.filter(({ rolls }) => rolls);
const SCALED = DAY_FILES.filter(({ scales }) => scales);

interface Happening {
  readonly weight: number;
  readonly name: string;
  readonly happen: (rig: DayRig) => void;
}

const HAPPENINGS: readonly Happening[] = [
  { weight: 5, name: "commit", happen: commitVersion },
  { weight: 2, name: "bad commit", happen: commitBad },
  { weight: 4, name: "scale", happen: commitScale },
  { weight: 2, name: "config", happen: commitConfig },
  { weight: 2, name: "outage of minutes", happen: (rig) => outage(rig, 2 * MINUTE, 15 * MINUTE) },
  { weight: 1, name: "outage of hours", happen: (rig) => outage(rig, 60 * MINUTE, 120 * MINUTE) },
  { weight: 2, name: "agent restarts", happen: (rig) => outage(rig, 5000, 30_000) },
  { weight: 1, name: "node lost", happen: loseNode },
  { weight: 2, name: "drain", happen: drainNode },
  { weight: 4, name: "pod deleted", happen: (rig) => onPod(rig, (pod) => rig.end(pod)) },
  { weight: 6, name: "crash", happen: (rig) => onPod(rig, (pod) => rig.crash(pod)) },
  { weight: 2, name: "pod fails", happen: (rig) => onPod(rig, (pod) => rig.fail(pod)) },
  { weight: 2, name: "lossy", happen: loseWrites },
  { weight: 2, name: "events again", happen: (rig) => rig.cluster.wakeAll() },
  { weight: 3, name: "load", happen: (rig) => void (rig.loadMilli = rig.random.below(500)) },
];

/** What happens next, to whom fate will have it. */
export function disturb(rig: DayRig): string {
  const total = HAPPENINGS.reduce((sum, { weight }) => sum + weight, 0);
  let draw = rig.random.below(total);
  const found = HAPPENINGS.find(({ weight }) => (draw -= weight) < 0);
  found?.happen(rig);
  return found?.name ?? "";
}

/** All that was done to the cluster is over; versions and sizes stay, but bad ones go. */
export function makePeace(rig: DayRig): void {
  rig.loss = 0;
  for (const name of NODE_NAMES) {
    rig.restore(name);
    rig.replace(name);
    rig.cordon(name, false);
  }
  for (const file of ROLLED) {
    const state = rig.stateOf(file);
    if (!isGood(state.version)) rig.commit(file, { ...state, version: "v1" });
  }
}

function isGood(version: string): boolean {
  return version !== "bad" && version !== "crash";
}

function commitVersion(rig: DayRig): void {
  const file = rig.random.pick(ROLLED);
  if (file === undefined) return;
  rig.commit(file, { ...rig.stateOf(file), version: `v${1 + rig.random.below(9)}` });
}

function commitBad(rig: DayRig): void {
  const file = rig.random.pick(ROLLED);
  if (file === undefined) return;
  const before = rig.stateOf(file).version;
  const version = rig.random.next() < 0.5 ? "bad" : "crash";
  rig.commit(file, { ...rig.stateOf(file), version });
  const good = isGood(before) ? before : "v1";
  rig.later(5 * MINUTE + rig.random.below(15) * MINUTE, () => {
    const state = rig.stateOf(file);
    if (state.version === version) rig.commit(file, { ...state, version: good });
  });
}

function commitScale(rig: DayRig): void {
  const file = rig.random.pick(SCALED);
  if (file === undefined) return;
  rig.commit(file, { ...rig.stateOf(file), replicas: 1 + rig.random.below(7) });
}

function commitConfig(rig: DayRig): void {
  const file = DAY_FILES.find(({ name }) => name === "theme-config");
  if (file === undefined) return;
  rig.commit(file, { ...rig.stateOf(file), version: `t${rig.random.below(5)}` });
}

function away(rig: DayRig): readonly string[] {
  return [...rig.silent(), ...NODE_NAMES.filter((name) => rig.nodeOf(name) === undefined)];
}

function someNode(rig: DayRig): string | undefined {
  const gone = away(rig);
  if (gone.length >= MAX_AWAY) return undefined;
  return rig.random.pick(NODE_NAMES.filter((name) => !gone.includes(name)));
}

function outage(rig: DayRig, leastMs: number, moreMs: number): void {
  const name = someNode(rig);
  if (name === undefined) return;
  rig.cut(name);
  rig.later(leastMs + rig.random.below(moreMs), () => rig.restore(name));
}

function loseNode(rig: DayRig): void {
  const name = someNode(rig);
  if (name === undefined) return;
  rig.destroy(name);
  rig.later(MINUTE + rig.random.below(30 * MINUTE), () => rig.replace(name));
}

function drainNode(rig: DayRig): void {
  for (let count = 1 + rig.random.below(3); count > 0; count -= 1) {
    const name = someNode(rig);
    if (name !== undefined) rig.drain(name, 60);
  }
}

function onPod(rig: DayRig, act: (pod: ReturnType<DayRig["pods"]>[number]) => void): void {
  const pod = rig.random.pick(rig.pods().filter(({ spec }) => spec.nodeName !== undefined));
  if (pod !== undefined) act(pod);
}

function loseWrites(rig: DayRig): void {
  rig.loss = 0.3;
  const end = rig.world.now + 2 * MINUTE;
  rig.lossyUntil = end;
  rig.later(2 * MINUTE, () => {
    if (rig.lossyUntil === end) rig.loss = 0;
  });
}
