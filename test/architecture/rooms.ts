/** One room of the house: what its files may import. `self` in a list stands for the room itself. */
export interface Room {
  /** A folder, a folder with `*` for one name, or a file. */
  readonly path: string
  /** Rooms whose values and types it may import. */
  readonly imports: readonly string[]
  /** Rooms of which it may import types only. */
  readonly types: readonly string[]
  /** npm packages and `node:` modules. `node:*` is all of Node; a name covers its subpaths. */
  readonly packages: readonly string[]
  /** The rule as a sentence: what a failing edge is told. */
  readonly sentence: string
}

/** What an adapter may know beyond the ports: its own technology. */
const ADAPTER_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  duckdb: ["@duckdb/node-api", "node:*"],
  kinesis: ["@aws-sdk/client-kinesis", "undici", "node:*"],
  memory: [],
  "http-model": [],
  targets: ["yaml", "node:fs/promises"],
  "embedded-scorer": ["zod", "node:fs", "node:fs/promises", "node:path"],
  "experiment-folder": ["yaml", "node:*"],
  ndjson: ["node:*"],
  jose: ["jose"],
  "node-crypto": ["node:crypto"],
  "node-files": ["zod", "node:*"],
  pino: ["pino"],
  redis: ["ioredis", "node:*"],
  s3: ["@aws-sdk/client-s3", "node:*"],
  sagemaker: ["@aws-sdk/client-sagemaker-runtime", "node:crypto"],
  sqlite: ["node:*"],
  undici: ["undici", "node:dns"],
}

const ADAPTERS: readonly Room[] = Object.entries(ADAPTER_PACKAGES).map(([name, packages]) => ({
  path: `src/adapters/${name}`,
  imports: ["self", "src/ports", "src/domain"],
  types: [],
  packages,
  sentence:
    "an adapter imports ports, domain and itself, never another adapter, app or http; its packages are in rooms.ts",
}))

/** The import table. The first room whose path covers a file is that file's room. */
export const ROOMS: readonly Room[] = [
  {
    path: "policies",
    imports: ["self"],
    types: [],
    packages: ["zod", "seedrandom"],
    sentence: "policies import nothing but themselves: pure mathematics that runs anywhere",
  },
  {
    path: "src/domain",
    imports: ["self", "policies"],
    types: [],
    packages: ["zod"],
    sentence: "domain imports itself and policies",
  },
  {
    path: "src/ports",
    imports: [],
    types: ["self", "src/domain", "policies"],
    packages: [],
    sentence: "ports import types from domain and policies, and hold no runtime code",
  },
  {
    path: "src/app",
    imports: ["self", "src/ports", "src/domain", "policies"],
    types: [],
    packages: ["zod"],
    sentence: "app imports ports, domain and policies",
  },
  ...ADAPTERS,
  {
    path: "src/http",
    imports: ["self", "src/app", "src/domain"],
    types: ["src/ports"],
    packages: ["hono", "zod", "prom-client"],
    sentence: "http imports app, domain, types of ports and itself",
  },
  {
    path: "src/settings",
    imports: [],
    types: [],
    packages: ["zod"],
    sentence: "a setting of settings imports nothing, and only config.ts imports it",
  },
  {
    path: "src/config.ts",
    imports: ["src/settings"],
    types: [],
    packages: ["zod"],
    sentence: "config.ts imports nothing but settings, and only entry and cli import it",
  },
  {
    path: "src/entry",
    imports: ["self", "policies", "src", "examples"],
    types: [],
    packages: ["*"],
    sentence: "entry imports anything but cli; only cli imports entry",
  },
  {
    path: "src/cli",
    imports: ["self", "policies", "src", "examples"],
    types: [],
    packages: ["*"],
    sentence: "cli imports anything; nobody imports it",
  },
  {
    path: "src/dashboard",
    imports: ["self"],
    types: ["src/http/contract"],
    packages: [],
    sentence: "the dashboard imports types from http/contract only: it talks to the HTTP API",
  },
]

/** Rooms that only some may enter, whatever the visitor's own list says. */
export const GUARDED: readonly {
  readonly path: string
  readonly visitors: readonly string[]
  readonly sentence: string
}[] = [
  { path: "src/cli", visitors: ["src/cli"], sentence: "nobody imports cli" },
  { path: "src/entry", visitors: ["src/entry", "src/cli"], sentence: "only cli imports entry" },
  { path: "src/config.ts", visitors: ["src/entry", "src/cli"], sentence: "only entry and cli import config.ts" },
  { path: "src/settings", visitors: ["src/config.ts"], sentence: "only config.ts imports settings" },
]

/** Rooms without a clock, randomness or environment of their own: they come as arguments. */
export const PURE_ROOMS: readonly string[] = ["policies", "src/domain", "src/app"]

/** The only rooms that read the process environment. */
export const ENVIRONMENT_ROOMS: readonly string[] = ["src/entry", "src/cli"]

/** Names that say nothing: the thing that the file does has a name. */
export const EMPTY_NAMES: readonly string[] = [
  "utils",
  "util",
  "helpers",
  "helper",
  "common",
  "misc",
  "manager",
  "service",
  "index",
]

/** Longest file that a stranger accepts, in lines. */
export const MAX_LINES = 400
