import { posix } from "node:path"
import { EMPTY_NAMES, ENVIRONMENT_ROOMS, GUARDED, MAX_LINES, PURE_ROOMS, ROOMS, type Room } from "./rooms.ts"
import { COMPUTED, type ImportEdge, type SourceFacts, sourceFacts } from "./source-facts.ts"

/** Path from the repository's root, with forward slashes, to source text. */
export type Sources = ReadonlyMap<string, string>

/**
 * Everything in `policies/` and `src/` that breaks a fence: import table, packages, cycles, sizes, names, ambient time and randomness.
 *
 * @returns one sentence per offence that names the file or edge and the rule; empty when the house stands
 */
export function houseViolations(sources: Sources): string[] {
  const facts = factsOf(sources)
  return [
    ...[...facts].flatMap(([path, fact]) => [
      ...importViolations(path, fact.imports),
      ...shapeViolations(path, fact),
      ...useViolations(path, fact.uses),
    ]),
    ...cycleViolations(facts),
  ]
}

/** Tests that mock, skip or single out; sizes and names hold for tests too. */
export function testViolations(sources: Sources): string[] {
  return [...factsOf(sources)].flatMap(([path, fact]) => [
    ...shapeViolations(path, fact),
    ...fact.uses
      .filter((use) => /^(vi|it|test|describe)\./.test(use))
      .map((use) => `${path} uses ${use}: no mocks of our own modules, no test skipped or singled out`),
  ])
}

function factsOf(sources: Sources): ReadonlyMap<string, SourceFacts> {
  return new Map([...sources].map(([path, source]) => [path, sourceFacts(path, source)]))
}

function importViolations(path: string, edges: readonly ImportEdge[]): string[] {
  const room = ROOMS.find((one) => covers(one.path, path))
  if (room === undefined) return [`${path} is in no room of the import table (test/architecture/rooms.ts)`]
  return edges.flatMap((edge) => edgeViolations(room, path, edge))
}

function edgeViolations(room: Room, from: string, edge: ImportEdge): string[] {
  const offence = (reason: string) => [`${from} -> ${edge.specifier}: ${reason}`]
  if (edge.specifier === COMPUTED) return offence("imports have literal specifiers, so that this test can read them")
  const to = resolve(from, edge.specifier)
  if (to === undefined) return packageAllowed(room, edge.specifier) ? [] : offence(room.sentence)
  const guard = GUARDED.find((guarded) => covers(guarded.path, to))
  if (guard !== undefined && !guard.visitors.some((visitor) => covers(visitor, from))) return offence(guard.sentence)
  const allowed = edge.typeOnly ? [...room.imports, ...room.types] : room.imports
  if (allowed.some((target) => covers(target === "self" ? room.path : target, to))) return []
  return offence(room.sentence)
}

function shapeViolations(path: string, fact: SourceFacts): string[] {
  const name = posix.basename(path).replace(/(\.test|\.d)?\.ts$/, "")
  return [
    ...(fact.lines > MAX_LINES ? [`${path} has ${fact.lines} lines: at most ${MAX_LINES}, one thing per file`] : []),
    ...(name.split("-").some((word) => EMPTY_NAMES.includes(word))
      ? [`${path}: name the thing that the file does`]
      : []),
    ...(/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ? [] : [`${path}: file names are kebab-case`]),
  ]
}

function useViolations(path: string, uses: readonly string[]): string[] {
  const pure = PURE_ROOMS.some((room) => covers(room, path))
  const environment = ENVIRONMENT_ROOMS.some((room) => covers(room, path))
  return uses.flatMap((use) => {
    if (use === "process.env") return environment ? [] : [`${path} reads process.env: only entry and cli do`]
    return pure ? [`${path} uses ${use}: clock and randomness come as arguments`] : []
  })
}

/** Each cycle of value imports once, as a path that ends where it begins. */
function cycleViolations(facts: ReadonlyMap<string, SourceFacts>): string[] {
  const done = new Set<string>()
  const trail: string[] = []
  const found: string[] = []
  const walk = (path: string): void => {
    if (done.has(path)) return
    const start = trail.indexOf(path)
    if (start >= 0) {
      found.push(`${[...trail.slice(start), path].join(" -> ")}: no cycles of value imports`)
      return
    }
    trail.push(path)
    for (const edge of facts.get(path)?.imports ?? []) {
      const to = edge.typeOnly ? undefined : resolve(path, edge.specifier)
      if (to !== undefined && facts.has(to)) walk(to)
    }
    trail.pop()
    done.add(path)
  }
  for (const path of facts.keys()) walk(path)
  return found
}

function covers(room: string, path: string): boolean {
  return path === room || path.startsWith(`${room}/`)
}

/** Path from the root for our own files, undefined for packages and `node:` modules. */
function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier)
  return specifier.startsWith("#") ? specifier.slice(1) : undefined
}

function packageAllowed(room: Room, specifier: string): boolean {
  return room.packages.some(
    (allowed) =>
      allowed === "*" || covers(allowed, specifier) || (allowed === "node:*" && specifier.startsWith("node:")),
  )
}
