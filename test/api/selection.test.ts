import { describe, expect, test } from "vitest";
import { parseFieldSelector, pinnedValue } from "../../src/api/field-selector.ts";
import { isSelected, parseSelection } from "../../src/api/selection.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { pod } from "../support/builders.ts";

const pods = resourceOf({ apiVersion: "v1", kind: "Pod" });
const web = pod({ name: "web", labels: { app: "web", tier: "front" }, node: "a" });

describe("fields select", () => {
  test.each([
    ["metadata.name=web", true],
    ["metadata.name==web", true],
    ["metadata.name!=web", false],
    ["spec.nodeName=a,status.phase=Running", true],
    ["spec.nodeName=a,status.phase!=Running", false],
    ["spec.nodeName=", false],
    ["status.podIP=", true],
    ["spec.hostNetwork=false", true],
    ["metadata.namespace=shop", true],
    ["", true],
    [",", true],
  ])("%s: %s", (text, expected) => {
    const selector = parseFieldSelector(pods, text);
    expect(selector === undefined || selector.matches(web)).toBe(expected);
  });

  test("values may hold escaped commas", () => {
    const events = resourceOf({ apiVersion: "v1", kind: "Event" });
    const selector = parseFieldSelector(events, String.raw`reason=a\,b\=c,type=Normal`);
    expect(pinnedValue(selector, "reason")).toBe("a,b=c");
    expect(pinnedValue(selector, "type")).toBe("Normal");
  });

  test.each(["spec.chair=1", "metadata.labels=x", "__proto__=x"])("%s is not supported", (text) => {
    expect(() => parseFieldSelector(pods, text)).toThrow(/field label not supported/);
  });

  test("what is no requirement is refused", () => {
    expect(() => parseFieldSelector(pods, "metadata.name")).toThrow(/invalid selector/);
  });
});

describe("a selection", () => {
  const select = (search: string, path: { namespace?: string; name?: string } = {}): boolean =>
    isSelected(
      parseSelection({ verb: "list", resource: pods, ...path }, new URLSearchParams(search)),
      web,
    );

  test.each([
    ["", true],
    ["labelSelector=app%3Dweb", true],
    ["labelSelector=app%3Dweb,tier!%3Dfront", false],
    ["labelSelector=app+in+(web,db),!old", true],
    ["labelSelector=app&fieldSelector=spec.nodeName%3Db", false],
  ])("%s: %s", (search, expected) => {
    expect(select(search)).toBe(expected);
  });

  test("keeps to its namespace", () => {
    expect(select("", { namespace: "shop" })).toBe(true);
    expect(select("", { namespace: "other" })).toBe(false);
  });

  test("of a watch by path is of one name", () => {
    expect(select("", { namespace: "shop", name: "web" })).toBe(true);
    expect(select("fieldSelector=spec.nodeName%3Da", { namespace: "shop", name: "db" })).toBe(
      false,
    );
  });

  test("refuses what is no label selector", () => {
    expect(() => select("labelSelector=a%3Db%3Dc%3Dd")).toThrow(/unable to parse requirement/);
  });
});
