/** One ad request of the sample with what happened: was the ad clicked? */
export interface AdRow {
  readonly features: Readonly<Record<string, string>>
  readonly clicked: boolean
}

/** The columns of the sample that are not features: the label, and the reference models' own answers. */
const LABEL = "click"
const REFERENCE = /^[pz]_/

/** Reads the rows that have a label from a CSV without quoted fields. */
export function parseAdRows(csv: string): AdRow[] {
  const [header = "", ...lines] = csv.trim().split("\n")
  const names = header.trim().split(",")
  return lines.flatMap((line) => {
    const values = line.trim().split(",")
    const label = values[names.indexOf(LABEL)] ?? ""
    if (label === "") return []
    const features: Record<string, string> = {}
    for (const [column, name] of names.entries()) {
      if (name !== LABEL && !REFERENCE.test(name)) features[name] = values[column] ?? ""
    }
    return [{ features, clicked: label === "1" }]
  })
}
