import type { NetworkDriver } from "./driver.ts";

/** A plain route to the other node: nothing is wrapped, but a router between would not know pods. */
export const hostGw: NetworkDriver = {
  name: "host-gw",
  overhead: 0,
  device: () => undefined,
  pieces: (_local, { address, dev, isOnLink, podCidrs }) =>
    dev === undefined || !isOnLink
      ? undefined
      : podCidrs.map((to) => ({ kind: "route", to, via: address, dev, isOnLink: true })),
};
