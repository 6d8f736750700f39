/** Counters older than `afterSeconds`, the whole bucket, are kept in buckets this wide. Narrow ones first. */
export const ROLL_UPS = [
  { afterSeconds: 600, fromWidth: 1, toWidth: 60 },
  { afterSeconds: 172_800, fromWidth: 60, toWidth: 3_600 },
]

/** The wide bucket that a second belongs to at its age, or the second itself. */
export function bucketAt(second: number, nowSeconds: number): { readonly bucket: number; readonly width: number } {
  let at = { bucket: second, width: 1 }
  for (const { afterSeconds, toWidth } of ROLL_UPS) {
    const bucket = second - (second % toWidth)
    if (bucket + toWidth + afterSeconds <= nowSeconds) at = { bucket, width: toWidth }
  }
  return at
}
