import { ApiError, type ApiClient } from "../client/client.ts";
import type { App } from "../model/kinds.gen.ts";
import { resourceOf } from "../model/resources.ts";
import { CliError } from "./cli-error.ts";

/** The App of that name; when there is none, one message that names those that are. */
export async function getApp(client: ApiClient, name: string, signal: AbortSignal): Promise<App> {
  try {
    return await client.get<App>({ apiVersion: "berth.dev/v1", kind: "App", name }, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "NotFound") throw error;
    const { items } = await client.list<App>(
      resourceOf({ apiVersion: "berth.dev/v1", kind: "App" }),
      undefined,
      signal,
    );
    const names = items.map((app) => `"${app.metadata.name}"`).join(", ");
    throw new CliError(`Cannot find an App "${name}"`, {
      cure: names === "" ? "make one: berth up --repo PATH" : `there is ${names}`,
      cause: error,
    });
  }
}
