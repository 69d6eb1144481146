import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { PodRule } from "./rule.ts";
import { eachContainer } from "./rule.ts";

/** No two containers of a pod take the same port of their node; on the node's network a port is the node's. */
export const podHostPorts: PodRule = (spec, path, report) => {
  const taken = new Map<string, FieldPath>();
  eachContainer(spec, ({ ports }, place) => {
    // Init containers run one after another, and are gone before the others begin.
    const isShared = place[0] === "containers";
    ports?.forEach(({ hostPort, hostIP = "0.0.0.0", protocol, containerPort }, index) => {
      if (hostPort === undefined) return;
      const at = [...path, ...place, "ports", index, "hostPort"];
      if (spec.hostNetwork === true && hostPort !== containerPort) {
        report({
          code: "host-port/mismatch",
          message: `${formatPath(at)} must be the containerPort ${containerPort} on the host's network: it is ${hostPort}`,
          path: at,
          hint: "remove it",
        });
      }
      const key = `${hostIP} ${hostPort}/${protocol}`;
      const before = taken.get(key);
      if (before !== undefined) {
        report({
          code: "host-port/duplicate",
          message: `${formatPath(at)} ${hostPort}/${protocol} is taken already, by ${formatPath(before)}`,
          path: at,
          hint: "choose another port, or remove it",
        });
      } else if (isShared) taken.set(key, at);
    });
  });
};
