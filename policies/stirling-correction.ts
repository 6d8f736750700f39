/**
 * What Stirling's formula leaves out: ln Γ(x) - [(x - 1/2) ln x - x + ln(2π)/2], x > 0, absolute error below 1e-14.
 *
 * Densities are built from this and not from ln Γ: at counts of 10^7 ln Γ itself is about 10^8, and a difference of such
 * numbers is only good to 1e-8.
 */
export function stirlingCorrection(x: number): number {
  if (x >= 10) return series(x)
  // ln Γ(x) = ln Γ(x + m) - ln(x (x + 1) … (x + m - 1)), and from 10 on the series is exact to 1e-15.
  let product = 1
  let shifted = x
  while (shifted < 10) {
    product *= shifted
    shifted += 1
  }
  return series(shifted) + stirling(shifted) - Math.log(product) - stirling(x)
}

function stirling(x: number): number {
  return (x - 0.5) * Math.log(x) - x
}

function series(x: number): number {
  const square = 1 / (x * x)
  return (
    (1 / 12 -
      square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))))) /
    x
  )
}
