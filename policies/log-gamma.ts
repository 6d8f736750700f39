const HALF_LOG_TWO_PI = 0.9189385332046728

/**
 * What Stirling's formula leaves out: ln Γ(x) - [(x - 1/2) ln x - x + ln(2π)/2], x > 0, absolute error below 1e-14.
 *
 * Densities are built from this and not from ln Γ: at counts of 10^7 ln Γ itself is about 10^8, and a difference of such
 * numbers is only good to 1e-8.
 */
export function stirlingCorrection(x: number): number {
  let shifted = x
  let correction = 0
  // Each step down costs (x + 1/2) ln(1 + 1/x) - 1; from 10 on the series below is exact to 1e-15.
  while (shifted < 10) {
    correction += (shifted + 0.5) * Math.log1p(1 / shifted) - 1
    shifted += 1
  }
  const inverse = 1 / shifted
  const square = inverse * inverse
  const series =
    1 / 12 -
    square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square * (1 / 1188 - square * (691 / 360360)))))
  return correction + inverse * series
}

/** Natural logarithm of the gamma function for x > 0, relative error about 1e-15 away from its zeros at 1 and 2. */
export function logGamma(x: number): number {
  return (x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI + stirlingCorrection(x)
}
