import { describe, expect, it } from "vitest"
import { panelRule } from "#policies/gauss-legendre.ts"

describe("panelRule", () => {
  it("has the nodes and weights of the two-point rule", () => {
    const { nodes, weights } = panelRule(2)
    expect(nodes[0]).toBeCloseTo((1 - 1 / Math.sqrt(3)) / 2, 15)
    expect(nodes[1]).toBeCloseTo((1 + 1 / Math.sqrt(3)) / 2, 15)
    expect([...weights]).toEqual([expect.closeTo(0.5, 15), expect.closeTo(0.5, 15)])
  })

  it("integrates polynomials of degree 2 size - 1 over the panel", () => {
    const { nodes, weights } = panelRule(12)
    for (let degree = 0; degree < 24; degree++) {
      const sum = [...nodes].reduce((total, node, q) => total + (weights[q] ?? 0) * node ** degree, 0)
      expect(sum).toBeCloseTo(1 / (degree + 1), 14)
    }
  })

  it("integrates polynomials of degree size - 1 from every node to the end", () => {
    const { size, nodes, weights, even, odd } = panelRule(12)
    const half = size / 2
    for (let degree = 0; degree < size; degree++) {
      const f = [...nodes].map((node) => node ** degree)
      const mass = f.reduce((total, value, r) => total + (weights[r] ?? 0) * value, 0)
      for (let q = 0; q < half; q++) {
        let evenPart = 0
        let oddPart = 0
        for (let r = 0; r < half; r++) {
          evenPart += (even[q * half + r] ?? 0) * ((f[r] ?? 0) + (f[size - 1 - r] ?? 0))
          oddPart += (odd[q * half + r] ?? 0) * ((f[r] ?? 0) - (f[size - 1 - r] ?? 0))
        }
        const exact = (node: number): number => (1 - node ** (degree + 1)) / (degree + 1)
        expect(evenPart + oddPart).toBeCloseTo(exact(nodes[q] ?? 0), 13)
        expect(mass - evenPart + oddPart).toBeCloseTo(exact(nodes[size - 1 - q] ?? 0), 13)
      }
    }
  })
})
