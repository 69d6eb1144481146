import { describe, expect, test } from "vitest";
import type { Service } from "../../src/model/kinds.gen.ts";
import { ServiceFeed } from "../../src/proxy/service-feed.ts";
import type { ServiceChanges } from "../../src/proxy/service-feed.ts";
import { MemoryInformer } from "./memory-informer.ts";
import { endpoint, service, slice } from "./services.ts";

/** `7: shop/web slices=1`, a Service without object in brackets. */
function render({ states, revision }: ServiceChanges): string {
  const parts = [...states].map(([key, state]) => {
    const name = state.service === undefined ? `(${key})` : key;
    return `${name} slices=${state.slices.length}`;
  });
  return `${revision}: ${parts.toSorted().join(", ")}`;
}

describe("ServiceFeed", () => {
  test("gives everything first, then only what changed", () => {
    const services = new MemoryInformer([service(), service({}, "api")]);
    const slices = new MemoryInformer([slice([])], 7);
    const feed = new ServiceFeed(services, slices);
    expect(render(feed.take())).toBe("7: shop/api slices=0, shop/web slices=1");
    expect(render(feed.take())).toBe("7: ");
    slices.set(slice([endpoint("10.32.0.2")]));
    expect(render(feed.take())).toBe("8: shop/web slices=1");
    services.delete(service());
    expect(render(feed.take())).toBe("8: (shop/web) slices=1");
  });

  test("joins a slice that came before its Service", () => {
    const services = new MemoryInformer<Service>([]);
    const slices = new MemoryInformer([slice([])]);
    const feed = new ServiceFeed(services, slices);
    expect(render(feed.take())).toBe("1: (shop/web) slices=1");
    services.set(service());
    expect(render(feed.take())).toBe("1: shop/web slices=1");
  });

  test("looks at both Services when a slice goes from one to the other, and when it is deleted", () => {
    const slices = new MemoryInformer([slice([])]);
    const services = new MemoryInformer([service(), service({}, "api")]);
    const feed = new ServiceFeed(services, slices);
    feed.take();
    slices.set(slice([], { service: "api" }));
    expect(render(feed.take())).toBe("2: shop/api slices=1, shop/web slices=0");
    slices.delete(slice([], { service: "api" }));
    expect(render(feed.take())).toBe("3: shop/api slices=0");
  });

  test("wakes for a mark, which raises the revision alone", async () => {
    const slices = new MemoryInformer([slice([])], 7);
    const feed = new ServiceFeed(new MemoryInformer([service()]), slices);
    feed.take();
    const woken = feed.changed(AbortSignal.timeout(5000));
    slices.mark();
    await woken;
    expect(render(feed.take())).toBe("8: ");
  });

  test("hears nothing more once closed", () => {
    const slices = new MemoryInformer([slice([])]);
    const feed = new ServiceFeed(new MemoryInformer([service()]), slices);
    feed.take();
    feed.close();
    slices.set(slice([]));
    expect(feed.take().states.size).toBe(0);
  });
});
