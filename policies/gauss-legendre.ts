/** A Gauss-Legendre rule on [0, 1], of even size, that also integrates from each node up to 1. */
export interface PanelRule {
  readonly size: number
  /** Ascending, in (0, 1). */
  readonly nodes: Float64Array
  /** Sum to 1. */
  readonly weights: Float64Array
  /**
   * For h = size / 2, row q and column r below h at `q * h + r`: the integral of f from node q to 1 is the sum over r of
   * `even` (f(node r) + f(its mirror image)) + `odd` (f(node r) - f(its mirror image)). Half the work of a full matrix.
   */
  readonly even: Float64Array
  readonly odd: Float64Array
}

/**
 * Builds the rule with `size` nodes: exact for polynomials of degree 2 `size` - 1 over the panel, and of degree `size` - 1 from any node
 * to the end.
 */
export function panelRule(size: number): PanelRule {
  const nodes = new Float64Array(size)
  const weights = new Float64Array(size)
  for (let i = 0; i < size; i++) {
    const { root, derivative } = legendreRoot(size, i)
    nodes[i] = (1 - root) / 2
    weights[i] = 1 / ((1 - root * root) * derivative * derivative)
  }
  return { size, nodes, weights, ...halves(integralsToEnd(nodes, weights), size) }
}

function legendreRoot(size: number, index: number): { root: number; derivative: number } {
  let root = Math.cos((Math.PI * (index + 0.75)) / (size + 0.5))
  let derivative = 1
  for (let step = 0; step < 8; step++) {
    const values = legendreValues(size + 1, root)
    const value = values[size] ?? 0
    derivative = (size * (root * value - (values[size - 1] ?? 0))) / (root * root - 1)
    root -= value / derivative
  }
  return { root, derivative }
}

/** P_0(x) to P_{count-1}(x). */
function legendreValues(count: number, x: number): number[] {
  const values = [1, x]
  for (let n = 2; n < count; n++) {
    values.push(((2 * n - 1) * x * (values[n - 1] ?? 0) - (n - 1) * (values[n - 2] ?? 0)) / n)
  }
  return values
}

function halves(toEnd: Float64Array, size: number): { even: Float64Array; odd: Float64Array } {
  const half = size / 2
  const even = new Float64Array(half * half)
  const odd = new Float64Array(half * half)
  for (let q = 0; q < half; q++) {
    for (let r = 0; r < half; r++) {
      const direct = toEnd[q * size + r] ?? 0
      const mirrored = toEnd[q * size + size - 1 - r] ?? 0
      even[q * half + r] = (direct + mirrored) / 2
      odd[q * half + r] = (direct - mirrored) / 2
    }
  }
  return { even, odd }
}

/** Row q, column r: the weight of f(node r) in the integral from node q to 1. Expands the interpolant in Legendre polynomials and integrates it term by term: ∫ P_n = (P_{n+1} - P_{n-1}) / (2n + 1). */
function integralsToEnd(nodes: Float64Array, weights: Float64Array): Float64Array {
  const size = nodes.length
  const table = Array.from(nodes, (node) => legendreValues(size + 1, 2 * node - 1))
  const toEnd = new Float64Array(size * size)
  table.forEach((fromValues, q) => {
    table.forEach((atValues, r) => {
      let sum = (1 - (2 * (nodes[q] ?? 0) - 1)) / 2
      for (let n = 1; n < size; n++) {
        const integral = ((fromValues[n - 1] ?? 0) - (fromValues[n + 1] ?? 0)) / 2
        sum += (atValues[n] ?? 0) * integral
      }
      toEnd[q * size + r] = (weights[r] ?? 0) * sum
    })
  })
  return toEnd
}
