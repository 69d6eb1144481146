import { describe, expect, test } from "vitest";
import {
  digestOfImageId,
  digestReference,
  PINS_ANNOTATION,
  pinnedReference,
  readPins,
  repositoryOf,
} from "../../src/model/image-pins.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;

test.each([
  ["app", "app"],
  ["app:1", "app"],
  ["r:5000/app", "r:5000/app"],
  ["r:5000/app:1", "r:5000/app"],
  [`r:5000/team/app:1@${A}`, "r:5000/team/app"],
])("repositoryOf(%s) is %s", (image, repository) => {
  expect(repositoryOf(image)).toBe(repository);
});

test.each([
  ["r/app:1", { "r/app:1": A }, `r/app@${A}`],
  ["r/app:2", { "r/app:1": A }, "r/app:2"],
  [`r/app@${B}`, { [`r/app@${B}`]: A }, `r/app@${B}`],
  ["constructor", {}, "constructor"],
])("pinnedReference(%s, %o) is %s", (image, pins, reference) => {
  expect(pinnedReference(image, pins)).toBe(reference);
});

describe("readPins()", () => {
  test.each([
    [JSON.stringify({ "r/app:1": A }), { "r/app:1": A }],
    [JSON.stringify({ "r/app:1": A, "r/b:1": "sha256:short", c: 1 }), { "r/app:1": A }],
    ["[]", {}],
    ["no json", {}],
    ["null", {}],
  ])("of %s", (text, pins) => {
    expect(readPins({ annotations: { [PINS_ANNOTATION]: text } })).toEqual(pins);
  });
});

test.each([
  ["nginx:1", [`nginx@${A}`], `nginx@${A}`],
  ["docker.io/library/nginx:1", [`nginx@${A}`], `nginx@${A}`],
  ["r:5000/app:1", [`other/app@${A}`, `r:5000/app@${B}`], `r:5000/app@${B}`],
  ["r:5000/app:1", [`other/app@${A}`], undefined],
  [`r/app@${B}`, [`r/app@${A}`, `r/app@${B}`], `r/app@${B}`],
  ["built:1", [], undefined],
])("digestReference(%s, %o) is %s", (image, digests, found) => {
  expect(digestReference(image, digests)).toBe(found);
});

test.each([
  [`docker-pullable://r/app@${A}`, A],
  [`docker://${A}`, undefined],
  ["docker-pullable://r/app@sha256:short", undefined],
  ["", undefined],
])("digestOfImageId(%s) is %s", (imageId, digest) => {
  expect(digestOfImageId(imageId)).toBe(digest);
});
