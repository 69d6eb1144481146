import { asFields, asList, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** An EndpointSlice that people write: ports are TCP, endpoints are ready, unless they say otherwise. Pure, idempotent. */
export function defaultEndpointSlice(slice: Fields): Fields {
  return {
    ...slice,
    ports: asList(slice["ports"]).map((port) => ({
      name: "",
      protocol: "TCP",
      ...asFields(port),
    })),
    ...mapList(slice, "endpoints", (endpoint) => {
      const conditions = asFields(endpoint["conditions"]);
      const ready = conditions["ready"] ?? true;
      return {
        ...endpoint,
        conditions: { serving: ready, terminating: false, ...conditions, ready },
      };
    }),
  };
}

/** Endpoints that people write: ports are TCP unless they say otherwise. Pure, idempotent. */
export function defaultEndpoints(endpoints: Fields): Fields {
  return {
    ...endpoints,
    ...mapList(endpoints, "subsets", (subset) => ({
      ...subset,
      ...mapList(subset, "ports", (port) => ({ protocol: "TCP", ...port })),
    })),
  };
}
