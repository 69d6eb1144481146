import { parseCidr } from "../../model/cidr.ts";
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import { checkSelectorValues } from "./requirements.ts";
import type { ObjectRule, Report } from "./rule.ts";

/** Each rule of a policy names peers and ports that can be. */
export const networkPolicy: ObjectRule<NetworkPolicy> = ({ spec }, report) => {
  if (spec === undefined) return;
  checkSelectorValues(spec.podSelector, ["spec", "podSelector"], report);
  spec.ingress?.forEach(({ from, ports }, index) => {
    const path = ["spec", "ingress", index];
    checkPeers(from, [...path, "from"], report);
    checkPorts(ports, [...path, "ports"], report);
  });
  spec.egress?.forEach(({ to, ports }, index) => {
    const path = ["spec", "egress", index];
    checkPeers(to, [...path, "to"], report);
    checkPorts(ports, [...path, "ports"], report);
  });
};

function checkPeers(
  peers: readonly NetworkPolicyPeer[] | undefined,
  path: FieldPath,
  report: Report,
): void {
  peers?.forEach((peer, index) => {
    const at = [...path, index];
    const { ipBlock, podSelector, namespaceSelector } = peer;
    const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
    if ((ipBlock !== undefined) === hasSelector) {
      const says = hasSelector ? "an ipBlock cannot stand beside a selector" : "it names nobody";
      const message = `${formatPath(at)} must have an ipBlock or selectors: ${says}`;
      const hint = hasSelector
        ? "make two items of it"
        : "write a podSelector, namespaceSelector or ipBlock";
      report({ code: "network-policy/peer", message, path: at, hint });
    }
    checkSelectorValues(podSelector, [...at, "podSelector"], report);
    checkSelectorValues(namespaceSelector, [...at, "namespaceSelector"], report);
    if (ipBlock !== undefined) checkBlock(ipBlock, [...at, "ipBlock"], report);
  });
}

/** What is excepted lies inside, and is not the whole. Of IPv6 networks nothing is known. */
function checkBlock({ cidr, except = [] }: IPBlock, path: FieldPath, report: Report): void {
  const block = parseCidr(cidr);
  except.forEach((text, index) => {
    const at = [...path, "except", index];
    const inner = parseCidr(text);
    if (block === undefined || inner === undefined) return;
    const mask = block.bits === 0 ? 0 : (~0 << (32 - block.bits)) >>> 0;
    const isInside = inner.bits > block.bits && (inner.base & mask) >>> 0 === block.base;
    if (isInside) return;
    const message = `${formatPath(at)} must lie inside of ${cidr}: it is ${quote(text)}`;
    report({ code: "network-policy/cidr", message, path: at });
  });
}

function checkPorts(
  ports: readonly NetworkPolicyPort[] | undefined,
  path: FieldPath,
  report: Report,
): void {
  ports?.forEach(({ port, endPort }, index) => {
    if (endPort === undefined) return;
    const at = [...path, index, "endPort"];
    if (typeof port === "number" && endPort >= port) return;
    const says =
      typeof port === "number"
        ? `must be at least port (${port}): it is ${endPort}`
        : "needs a port that is a number";
    report({ code: "network-policy/port", message: `${formatPath(at)} ${says}`, path: at });
  });
}
