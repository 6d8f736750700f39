/** Into how many groups units are divided: rows of one unit depend on each other, so that variances are taken over groups of units. */
export const UNIT_GROUPS = 64

/** What may be written down of a unit. Both follow from the unit's id and the unit key alone, so that they are the same for all experiments. */
export interface UnitPseudonym {
  /** Keyed hash of the unit id, never the id. */
  readonly unit: string
  /** 0 to `UNIT_GROUPS` - 1, evenly and independently of which variant the unit is assigned. */
  readonly group: number
}
