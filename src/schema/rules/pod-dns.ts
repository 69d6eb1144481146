import { formatPath } from "../finding.ts";
import type { PodRule } from "./rule.ts";

/** What a resolver takes in one line. */
const MAX_SEARCH_CHARS = 2048;

/** A pod that wants no DNS of the cluster's says which it wants; no more than a resolver takes. */
export const podDns: PodRule = (spec, path, report) => {
  const { nameservers = [], searches = [] } = spec.dnsConfig ?? {};
  const at = [...path, "dnsConfig"];
  if ((spec.dnsPolicy as string) === "None" && nameservers.length === 0) {
    report({
      code: "dns/config",
      message: `${formatPath([...at, "nameservers"])} must have at least one address when dnsPolicy is None`,
      path: [...at, "nameservers"],
    });
  }
  if (searches.join(" ").length > MAX_SEARCH_CHARS) {
    const where = [...at, "searches"];
    const message = `${formatPath(where)} must have at most ${MAX_SEARCH_CHARS} characters in all`;
    report({ code: "dns/config", message, path: where, on: "key" });
  }
};
