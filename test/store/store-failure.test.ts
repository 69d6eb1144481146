import { expect, test } from "vitest";
import { toStoreError } from "../../src/store/store-failure.ts";
import { StoreError } from "../../src/store/store.ts";

const coded = (code: unknown): Error => Object.assign(new Error("as thrown"), { code });

test.each([
  ["a system call's code", coded("ENOSPC"), "full", "its disk is full; free some space"],
  ["an error number of LMDB's", coded(28), "full", "its disk is full; free some space"],
  ["another number", coded(30), "io", "its file system is read-only; mount it writable"],
  [
    "LMDB's own code",
    coded(-30796),
    "io",
    "its file is damaged; move the folder away or restore a copy",
  ],
  ["a version of LMDB", coded(-30794), "format", "its file was written by another version of LMDB"],
  ["an unknown code", coded("EWHAT"), "io", "as thrown"],
  ["no code", new Error("as thrown"), "io", "as thrown"],
  ["no error", "as thrown", "io", "as thrown"],
])("%s becomes a code and a cure", (_, thrown, code, says) => {
  const error = toStoreError("Cannot open it", thrown);
  expect(error).toBeInstanceOf(StoreError);
  expect(error.code).toBe(code);
  expect(error.message).toBe(`Cannot open it: ${says}`);
  expect(error.cause).toBe(thrown);
});

test("a StoreError stays what it is", () => {
  const error = new StoreError("locked", "Cannot open it");
  expect(toStoreError("Cannot write", error)).toBe(error);
});
