import fc from "fast-check";
import { expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { VolumeTable } from "../../src/scheduler/volumes-table.ts";
import { node, NOW } from "../support/builders.ts";
import { PlainCore } from "../support/plain-core.ts";
import { uidOf, waitingPod } from "../support/scheduler.ts";

interface Gang {
  readonly size: number;
  readonly least: number;
  readonly cpu: number;
}

const gangs = fc.array(
  fc.record({
    size: fc.integer({ min: 1, max: 4 }),
    least: fc.integer({ min: 1, max: 4 }),
    cpu: fc.integer({ min: 1, max: 2 }),
  }),
  { minLength: 1, maxLength: 3 },
);
const nodes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });
/** Gangs end in this order, and make room. */
const order = fc.array(fc.nat(2), { maxLength: 3 });

function membersOf(gang: Gang, index: number): Pod[] {
  return Array.from({ length: gang.size }, (_, n) =>
    waitingPod({
      name: `g${index}-${n}`,
      cpu: String(gang.cpu),
      created: n,
      annotations: {
        "berth.dev/pod-group": `g${index}`,
        "berth.dev/pod-group-min": String(gang.least),
      },
    }),
  );
}

test("pod groups get nodes for their least number at once, or none; and none waits for a half of another", () => {
  fc.assert(
    fc.property(gangs, nodes, order, (groups, sizes, ends) => {
      const scheduler = new Scheduler({ core: new PlainCore(), volumes: new VolumeTable() });
      let now = NOW;
      const placed = new Map<string, { readonly pod: Pod; readonly group: number }>();
      const countOf = (group: number): number =>
        [...placed.values()].filter((item) => item.group === group).length;
      const work = (): void => {
        for (let turn = scheduler.turn(now); turn !== undefined; turn = scheduler.turn(now)) {
          for (const decision of turn) {
            if (decision.kind !== "bind") continue;
            const group = Number(decision.bindings[0]?.pod.metadata.name.slice(1, 2));
            for (const { pod, node: to } of decision.bindings) {
              const bound = { ...pod, spec: { ...pod.spec, nodeName: to } };
              placed.set(uidOf(pod), { pod: bound, group });
              scheduler.observe({ kind: "modified", object: bound, previous: pod }, now);
              scheduler.bound(uidOf(pod), now);
            }
            expect(countOf(group)).toBeGreaterThanOrEqual(groups[group]?.least ?? 0);
          }
        }
      };
      for (const [index, cpu] of sizes.entries())
        scheduler.observe(
          { kind: "added", object: node({ name: `n${index}`, cpu: String(cpu) }) },
          now,
        );
      // Members of all groups come one by one, in turns.
      for (let n = 0; n < 4; n += 1)
        for (const [index, gang] of groups.entries()) {
          const object = membersOf(gang, index)[n];
          if (object !== undefined) scheduler.observe({ kind: "added", object }, now);
          if (n % 2 === 1) work();
        }
      work();
      for (const group of [...ends, ...groups.keys()]) {
        now += 20_000;
        for (const [uid, item] of placed) {
          if (item.group !== group) continue;
          placed.delete(uid);
          scheduler.observe({ kind: "deleted", object: item.pod, previous: item.pod }, now);
        }
        work();
        // With everything free, what is left and fits an empty cluster has come through.
        if (placed.size > 0) continue;
        for (const [index, gang] of groups.entries()) {
          const fits = sizes.reduce((sum, cpu) => sum + Math.floor(cpu / gang.cpu), 0);
          const waits = scheduler.waitingOf(`shop/g${index}`);
          if (waits >= gang.least) expect(fits, `g${index} waits`).toBeLessThan(gang.least);
        }
      }
    }),
    { numRuns: 200 },
  );
});
