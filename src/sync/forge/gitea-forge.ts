import { MAX_STATUS_CHARACTERS, type Forge, type ForgeOptions, type PullRequest } from "./forge.ts";
import { numberOf, openRest, readPages, textOf } from "./forge-rest.ts";
import { keepComment, ownComment, type CommentApi } from "./keep-comment.ts";

/** The REST API of Gitea and Forgejo, version 1. */
export function giteaForge({ apiUrl, project, token }: ForgeOptions): Forge {
  const rest = openRest({ apiUrl, headers: { authorization: `token ${token}` } });
  const repo = `/repos/${project.split("/").map(encodeURIComponent).join("/")}`;
  const comments = (number: number): CommentApi => ({
    list: async (signal) => {
      const action = `read the comments of #${number} of "${project}"`;
      const path = `${repo}/issues/${number}/comments`;
      // The one list that has no pages.
      const { value } = await rest({ method: "GET", path, action }, signal);
      const items: readonly unknown[] = Array.isArray(value) ? value : [];
      return items.map((item) => ({
        id: numberOf(item, "id", action),
        body: textOf(item, "body", action),
      }));
    },
    create: async (body, signal) => {
      const action = `comment on #${number} of "${project}"`;
      const path = `${repo}/issues/${number}/comments`;
      await rest({ method: "POST", path, body: { body }, action }, signal);
    },
    update: async (id, body, signal) => {
      const action = `change a comment of #${number} of "${project}"`;
      const path = `${repo}/issues/comments/${id}`;
      await rest({ method: "PATCH", path, body: { body }, action }, signal);
    },
  });
  const forge: Forge = {
    kind: "gitea",
    async findPullRequest({ head, base }, signal) {
      const action = `look for a pull request of branch "${head}" in "${project}"`;
      const request = { method: "GET", path: `${repo}/pulls?state=open`, action } as const;
      const items = await readPages(rest, request, signal, "limit");
      return items
        .map((item) => toPullRequest(item, action))
        .filter((found) => found.head === head && (base === undefined || found.base === base))
        .toSorted((a, b) => b.number - a.number)[0];
    },
    async openPullRequest({ head, base, title, body }, signal) {
      const open = await forge.findPullRequest({ head, base }, signal);
      if (open !== undefined) return open;
      const action = `open a pull request of branch "${head}" in "${project}"`;
      const request = { method: "POST", path: `${repo}/pulls`, action } as const;
      const { value } = await rest({ ...request, body: { head, base, title, body } }, signal);
      return toPullRequest(value, action);
    },
    findComment: ({ number, marker }, signal) => ownComment(comments(number), marker, signal),
    upsertComment: (comment, signal) => keepComment(comments(comment.number), comment, signal),
    async setStatus({ commit, name, state, description, url }, signal) {
      const action = `set the status of commit ${commit.slice(0, 12)} of "${project}"`;
      const body = {
        state,
        context: name,
        description: description.slice(0, MAX_STATUS_CHARACTERS),
        ...(url === undefined ? {} : { target_url: url }),
      };
      await rest({ method: "POST", path: `${repo}/statuses/${commit}`, body, action }, signal);
    },
  };
  return forge;
}

function toPullRequest(value: unknown, action: string): PullRequest {
  return {
    number: numberOf(value, "number", action),
    url: textOf(value, "html_url", action),
    title: textOf(value, "title", action),
    head: textOf(value, "head.ref", action),
    base: textOf(value, "base.ref", action),
    headCommit: textOf(value, "head.sha", action),
  };
}
