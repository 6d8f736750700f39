import { GatewayError } from "../errors.ts"
import type { ResponseForm } from "./backend.ts"

/** The value that a JSON pointer (RFC 6901) points at; undefined where there is none. */
export function valueAt(document: unknown, pointer: string): unknown {
  let value = document
  for (const step of pointer.split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~")
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  return value
}

/**
 * The predictions in a list of items, one for each instance. An item is a number, a list of which `column` is the one (the only one where it has
 * one), or has the number where `item` points.
 *
 * @param list what was found where the predictions should be; for a single instance also the one item itself
 * @throws GatewayError `wrong_shape`
 */
export function predictionsOf(list: unknown, { item = "", column }: ResponseForm, instances: number): number[] {
  const single = instances === 1 && !(Array.isArray(list) && list.length === 1)
  const items: unknown = single ? [list] : list
  if (!Array.isArray(items)) throw wrongShape("the answer has no list of predictions where it should be")
  if (items.length !== instances) {
    throw wrongShape(`the answer has ${items.length} predictions for ${instances} instances`)
  }
  return items.map((one) => numberOf(valueAt(one, item), column))
}

/** One number of each row of a tensor with [instances] or [instances, …] elements. @throws GatewayError `wrong_shape` */
export function columnOf(data: unknown, column: number | undefined, instances: number): number[] {
  if (!Array.isArray(data)) throw wrongShape("the tensor has no data")
  const flat: unknown[] = data.flat(4)
  const width = flat.length / instances
  if (!Number.isInteger(width) || width === 0) {
    throw wrongShape(`the tensor has ${flat.length} elements for ${instances} instances`)
  }
  if (width > 1 && column === undefined) {
    throw wrongShape(
      `the tensor has ${width} numbers for each instance: response.column has to say which one is the prediction`,
    )
  }
  if ((column ?? 0) >= width) throw wrongShape(`the tensor has ${width} columns, and column ${column} is asked for`)
  return Array.from({ length: instances }, (_, row) => numberOf(flat[row * width + (column ?? 0)], undefined))
}

/** Numbers of a text with commas or line ends between them: `column` of each line. @throws GatewayError `wrong_shape` */
export function csvPredictions(text: string, response: ResponseForm, instances: number): number[] {
  const lines = text.trim().split(/\r?\n/)
  const rows = lines.map((line) => line.split(",").map((field) => (field.trim() === "" ? Number.NaN : Number(field))))
  // "0.1,0.2" is what several models answer for two instances.
  const [first = []] = rows
  const list = rows.length === 1 && first.length === instances && response.column === undefined ? first : rows
  return predictionsOf(list, { column: response.column }, instances)
}

function numberOf(value: unknown, column: number | undefined): number {
  let found = value
  let asked = column
  while (Array.isArray(found)) {
    if (found.length > 1 && asked === undefined) {
      throw wrongShape(
        `an instance has ${found.length} numbers: response.column has to say which one is the prediction`,
      )
    }
    found = found[found.length === 1 ? 0 : (asked ?? 0)]
    asked = undefined
  }
  if (typeof found !== "number" || !Number.isFinite(found)) throw wrongShape("a prediction is not a finite number")
  return found
}

export function wrongShape(detail: string): GatewayError {
  return new GatewayError("wrong_shape", { detail })
}
