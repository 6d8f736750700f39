/** A place in the outcome log: everything before it has been written. Files are numbered from 1 and rotate; offsets are in bytes. */
export interface LogPosition {
  readonly file: number
  readonly offset: number
}

/** Whether `position` lies behind `other`; any position lies behind none. */
export function isAfter(position: LogPosition, other: LogPosition | undefined): boolean {
  if (other === undefined) return true
  return position.file === other.file ? position.offset > other.offset : position.file > other.file
}
