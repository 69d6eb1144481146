import {
  MAX_STATUS_CHARACTERS,
  ForgeError,
  type CommitStatus,
  type Forge,
  type ForgeOptions,
  type PullRequest,
} from "./forge.ts";
import { fieldOf, numberOf, openRest, readPages, textOf } from "./forge-rest.ts";
import { keepComment, ownComment, type CommentApi } from "./keep-comment.ts";

const STATES: Readonly<Record<CommitStatus["state"], string>> = {
  pending: "pending",
  success: "success",
  failure: "failed",
};

/** GitLab's REST API, version 4. */
export function gitlabForge({ apiUrl, project, token }: ForgeOptions): Forge {
  const rest = openRest({ apiUrl, headers: { "private-token": token } });
  const root = `/projects/${encodeURIComponent(project)}`;
  const notes = (number: number): CommentApi => {
    const path = `${root}/merge_requests/${number}/notes`;
    return {
      list: async (signal) => {
        const action = `read the comments of !${number} of "${project}"`;
        const request = {
          method: "GET",
          path: `${path}?sort=asc&order_by=created_at`,
          action,
        } as const;
        const items = await readPages(rest, request, signal);
        return items
          .filter((item) => fieldOf(item, "system") !== true)
          .map((item) => ({
            id: numberOf(item, "id", action),
            body: textOf(item, "body", action),
          }));
      },
      create: async (body, signal) => {
        const action = `comment on !${number} of "${project}"`;
        await rest({ method: "POST", path, body: { body }, action }, signal);
      },
      update: async (id, body, signal) => {
        const action = `change a comment of !${number} of "${project}"`;
        await rest({ method: "PUT", path: `${path}/${id}`, body: { body }, action }, signal);
      },
    };
  };
  const forge: Forge = {
    kind: "gitlab",
    async findPullRequest({ head, base }, signal) {
      const action = `look for a merge request of branch "${head}" in "${project}"`;
      const query = new URLSearchParams({
        state: "opened",
        source_branch: head,
        ...(base === undefined ? {} : { target_branch: base }),
      });
      const path = `${root}/merge_requests?${query.toString()}`;
      const [newest] = await readPages(rest, { method: "GET", path, action }, signal);
      return newest === undefined ? undefined : toPullRequest(newest, action);
    },
    async openPullRequest({ head, base, title, body }, signal) {
      const open = await forge.findPullRequest({ head, base }, signal);
      if (open !== undefined) return open;
      const action = `open a merge request of branch "${head}" in "${project}"`;
      const request = { method: "POST", path: `${root}/merge_requests`, action } as const;
      const asked = { source_branch: head, target_branch: base, title, description: body };
      const { value } = await rest({ ...request, body: asked }, signal);
      return toPullRequest(value, action);
    },
    findComment: ({ number, marker }, signal) => ownComment(notes(number), marker, signal),
    upsertComment: (comment, signal) => keepComment(notes(comment.number), comment, signal),
    async setStatus({ commit, name, state, description, url }, signal) {
      const action = `set the status of commit ${commit.slice(0, 12)} of "${project}"`;
      const body = {
        state: STATES[state],
        name,
        description: description.slice(0, MAX_STATUS_CHARACTERS),
        ...(url === undefined ? {} : { target_url: url }),
      };
      try {
        await rest({ method: "POST", path: `${root}/statuses/${commit}`, body, action }, signal);
      } catch (error) {
        // GitLab's states are a machine that refuses to go where it is.
        if (!(error instanceof ForgeError) || !/Cannot transition status/i.test(error.message))
          throw error;
      }
    },
  };
  return forge;
}

function toPullRequest(value: unknown, action: string): PullRequest {
  return {
    number: numberOf(value, "iid", action),
    url: textOf(value, "web_url", action),
    title: textOf(value, "title", action),
    head: textOf(value, "source_branch", action),
    base: textOf(value, "target_branch", action),
    headCommit: textOf(value, "sha", action),
  };
}
