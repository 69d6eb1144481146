import fc from "fast-check";
import { expect, test } from "vitest";
import { UsedIndex } from "../../src/controller/used-index.ts";
import type { Service } from "../../src/model/kinds.gen.ts";
import { usedByServices } from "../../src/planner/allocate-service.ts";

const NAMESPACES = ["a", "a-b"] as const;
const NAMES = ["x", "y", "z"] as const;
const IPS = [undefined, "None", "10.96.0.1", "10.96.0.2"] as const;
const PORTS = [30_001, 30_002, 30_003] as const;

const service = fc
  .record({
    namespace: fc.constantFrom(...NAMESPACES),
    name: fc.constantFrom(...NAMES),
    clusterIP: fc.constantFrom(...IPS),
    nodePorts: fc.array(fc.constantFrom(...PORTS, undefined), { maxLength: 2 }),
    health: fc.constantFrom(undefined, 0, ...PORTS),
  })
  .map(
    ({ namespace, name, clusterIP, nodePorts, health }) =>
      ({
        apiVersion: "v1",
        kind: "Service",
        metadata: { namespace, name },
        spec: {
          ...(clusterIP === undefined ? {} : { clusterIP }),
          ...(health === undefined ? {} : { healthCheckNodePort: health }),
          ports: nodePorts.map((nodePort, index) => ({
            protocol: index === 0 ? "TCP" : "UDP",
            port: 80,
            ...(nodePort === undefined ? {} : { nodePort }),
          })),
        },
      }) as unknown as Service,
  );

test("what Services hold is, after any changes, what a walk over all of them finds", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(service, fc.boolean()), { maxLength: 20 }), (changes) => {
      const index = new UsedIndex();
      const stored = new Map<string, Service>();
      for (const [next, isGone] of changes) {
        const key = `${next.metadata.namespace} ${next.metadata.name}`;
        const before = stored.get(key);
        if (before !== undefined) index.drop(before);
        stored.delete(key);
        if (isGone) continue;
        index.add(next);
        stored.set(key, next);
      }
      // As a store lists them: by namespace, then name.
      const listed = NAMESPACES.flatMap((namespace) =>
        NAMES.flatMap((name) => stored.get(`${namespace} ${name}`) ?? []),
      );
      const walked = usedByServices(listed);
      for (const ip of IPS)
        if (ip !== undefined) expect(index.ips.get(ip)).toBe(walked.ips.get(ip));
      for (const protocol of ["TCP", "UDP"]) {
        for (const port of PORTS) {
          const key = `${protocol}/${port}`;
          expect(index.nodePorts.get(key)).toBe(walked.nodePorts.get(key));
        }
      }
    }),
    { numRuns: 300 },
  );
});
