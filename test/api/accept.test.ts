import { describe, expect, test } from "vitest";
import { negotiateDiscovery, negotiateForm } from "../../src/api/accept.ts";

const KUBECTL_TABLE =
  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
const KUBECTL_DISCOVERY =
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

describe("negotiateForm", () => {
  test.each([
    [undefined, "object"],
    ["", "object"],
    ["*/*", "object"],
    ["application/*", "object"],
    ["application/json", "object"],
    ["application/vnd.kubernetes.protobuf,application/json", "object"],
    [KUBECTL_TABLE, "table v1"],
    ["application/json; g=meta.k8s.io ;v=v1beta1; as=Table", "table v1beta1"],
    ['application/json;v="v1";g=meta.k8s.io;as=Table', "table v1"],
    ["application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "partial v1"],
    ["application/json;as=Table;v=v9;g=meta.k8s.io,application/json", "object"],
    ["application/json;q=0.1,application/json;as=Table;v=v1;g=meta.k8s.io", "table v1"],
    ["application/json;as=Table;v=v1;g=meta.k8s.io;q=0,application/json", "object"],
  ])("%s gives %s", (header, form) => {
    const found = negotiateForm(header);
    expect(found.kind === "object" ? found.kind : `${found.kind} ${found.version}`).toBe(form);
  });

  test.each(["text/html", "application/vnd.kubernetes.protobuf", "application/json;as=Chair"])(
    "%s is not acceptable",
    (header) => {
      expect(() => negotiateForm(header)).toThrow(/only the following media types are accepted/);
    },
  );
});

describe("negotiateDiscovery", () => {
  test.each([
    [undefined, undefined],
    ["application/json", undefined],
    [KUBECTL_DISCOVERY, "v2"],
    ["application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList", "v2"],
    ["application/json;as=APIGroupDiscoveryList;v=v2beta1;g=apidiscovery.k8s.io", "v2beta1"],
    ["application/json;as=APIGroupDiscoveryList;v=v3;g=apidiscovery.k8s.io,*/*", undefined],
  ])("%s gives %s", (header, version) => {
    expect(negotiateDiscovery(header)).toBe(version);
  });
});
