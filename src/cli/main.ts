#!/usr/bin/env node
import { enableCompileCache } from "node:module"
import { fileURLToPath } from "node:url"

// Most of a start is stripping types and compiling: the next start finds what this one made, where this folder can be written. Threads and child
// processes look for it in the environment.
const COMPILED = fileURLToPath(new URL("../../node_modules/.cache/bandit-gateway", import.meta.url))
enableCompileCache(COMPILED)
process.env["NODE_COMPILE_CACHE"] ??= COMPILED

// Whoever reads may have seen enough: `| head` is no fault of anybody.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

// Imported now, so that it is found there too.
const { run } = await import("./run.ts")
process.exitCode = await run(process.argv.slice(2))
