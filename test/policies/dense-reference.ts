/**
 * P(best) for Beta posteriors the slow way, to hold the quadrature against: trapezoids with end corrections over some 10^4 points of the log
 * odds, densities normalised by their own sum. Shares no code and no special function with what it checks. Good to 1e-10.
 */
export function denseBest(
  posteriors: readonly (readonly [alpha: number, beta: number])[],
  pointsPerArm = 4000,
): number[] {
  const grid = mergedGrid(posteriors, pointsPerArm)
  const arms = posteriors.map(([alpha, beta]) => normalise(grid, logDensities(grid, alpha, beta)))
  return arms.map((own, i) => {
    const others = arms.filter((_, j) => j !== i)
    const values = grid.map(
      (_, k) => (own.f[k] ?? 0) * others.reduce((product, other) => product * (other.F[k] ?? 0), 1),
    )
    const slopes = grid.map((_, k) => {
      const product = others.reduce((sum, other) => sum * (other.F[k] ?? 0), 1)
      const growth = others.reduce(
        (sum, other) => ((other.F[k] ?? 0) > 1e-250 ? sum + (other.f[k] ?? 0) / (other.F[k] ?? 1) : sum),
        0,
      )
      return product * ((own.slope[k] ?? 0) + (own.f[k] ?? 0) * growth)
    })
    return integrals(grid, values, slopes).at(-1) ?? 0
  })
}

interface Dense {
  readonly f: readonly number[]
  readonly slope: readonly number[]
  readonly F: readonly number[]
}

/** Even points over every arm's own range, put together. */
function mergedGrid(posteriors: readonly (readonly [number, number])[], pointsPerArm: number): number[] {
  const points = posteriors.flatMap(([alpha, beta]) => {
    const mode = Math.log(alpha / beta)
    const below = Math.max(9 * Math.sqrt(1 / alpha + 1 / beta), 30 / alpha)
    const above = Math.max(9 * Math.sqrt(1 / alpha + 1 / beta), 30 / beta)
    return Array.from({ length: pointsPerArm }, (_, i) => mode - below + ((below + above) * i) / (pointsPerArm - 1))
  })
  return [...new Set(points)].sort((a, b) => a - b)
}

function logDensities(grid: readonly number[], alpha: number, beta: number): { log: number[]; slope: number[] } {
  const n = alpha + beta
  const mode = Math.log(alpha / beta)
  const log = grid.map((y) => {
    const delta = y - mode
    if (delta > 0) return -beta * delta - n * Math.log1p((beta / n) * Math.expm1(-delta))
    return alpha * delta - n * Math.log1p((alpha / n) * Math.expm1(delta))
  })
  return { log, slope: grid.map((y) => alpha - n / (1 + Math.exp(-y))) }
}

function normalise(grid: readonly number[], { log, slope }: { log: number[]; slope: number[] }): Dense {
  const raw = log.map(Math.exp)
  const rawSlope = raw.map((value, k) => value * (slope[k] ?? 0))
  const F = integrals(grid, raw, rawSlope)
  const total = F.at(-1) ?? 1
  return { f: raw.map((v) => v / total), slope: rawSlope.map((v) => v / total), F: F.map((v) => v / total) }
}

/** Running integral by the trapezoid rule with its first end correction: fourth order on any grid. */
function integrals(grid: readonly number[], values: readonly number[], slopes: readonly number[]): number[] {
  let sum = 0
  return grid.map((y, k) => {
    if (k === 0) return 0
    const h = y - (grid[k - 1] ?? y)
    sum +=
      (h * ((values[k] ?? 0) + (values[k - 1] ?? 0))) / 2 + (h * h * ((slopes[k - 1] ?? 0) - (slopes[k] ?? 0))) / 12
    return sum
  })
}
