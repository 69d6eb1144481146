/** The rooms of src/, and which other rooms each may import. ARCHITECTURE.md says why. */
const ROOMS = {
  base: [],
  model: ["base"],
  schema: ["model", "base"],
  planner: ["model", "base"],
  scheduler: ["model", "base"],
  store: ["model", "base"],
  sync: ["schema", "model", "base"],
  controller: ["schema", "planner", "scheduler", "store", "sync", "model", "base"],
  api: ["store", "schema", "model", "base"],
  client: ["model", "base"],
  agent: ["client", "model", "base"],
  proxy: ["client", "model", "base"],
  cli: [
    "api",
    "agent",
    "proxy",
    "client",
    "controller",
    "sync",
    "store",
    "schema",
    "planner",
    "scheduler",
    "model",
    "base",
  ],
};
const PURE = "^src/(base|model|schema|planner|scheduler)/";

export default {
  forbidden: [
    ...Object.entries(ROOMS).map(([room, allowed]) => ({
      name: `${room}-looks-inward`,
      comment: `src/${room} may import only ${[room, ...allowed].join(", ")}. See ARCHITECTURE.md, "Rooms".`,
      severity: "error",
      from: { path: `^src/${room}/` },
      to: { path: "^src/", pathNot: `^src/(${[room, ...allowed].join("|")})/` },
    })),
    {
      name: "pure-core-does-no-io",
      comment:
        "The pure rooms take time, ids and files as arguments. Exceptions: hash.ts and system-clock.ts in base.",
      severity: "error",
      from: { path: PURE, pathNot: "^src/base/(hash|system-clock)\\.ts$" },
      to: { dependencyTypes: ["core"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "pure-core-has-no-clock",
      severity: "error",
      from: { path: "^src/(model|schema|planner|scheduler)/" },
      to: { path: "^src/base/system-clock\\.ts$" },
    },
    {
      name: "docker-in-one-place",
      comment: "What ships speaks to the Engine itself: dockerode is for tests and benchmarks.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "node_modules/dockerode", dependencyTypesNot: ["type-only"] },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "src-does-not-know-tests",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench)/" },
    },
    { name: "no-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".mjs", ".js", ".json"] },
  },
};
