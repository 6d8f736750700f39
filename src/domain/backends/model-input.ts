import { GatewayError } from "../errors.ts"
import type { RequestForm } from "./backend.ts"

/** One instance: feature name to value. */
export type Instance = Readonly<Record<string, string | number | boolean>>
type Value = string | number | boolean
/** A named tensor that features are sent as. */
export type InputTensor = NonNullable<RequestForm["inputs"]>[number]

/** What instances become in a request: values that `JSON.stringify` writes as they are meant. */
export type InputWriter = (instances: readonly Instance[]) => unknown[]

/** Writes each instance as an object of its features, or as a list of them. @throws GatewayError `features_invalid` from the writer */
export function inputWriter({ form, features }: Pick<RequestForm, "form" | "features">): InputWriter {
  if (form === "row") return (instances) => instances.map((_, index) => rowOf(instances, index, features ?? []))
  if (features === undefined) return (instances) => [...instances]
  return (instances) =>
    instances.map((instance) =>
      Object.fromEntries(
        features.filter((name) => Object.hasOwn(instance, name)).map((name) => [name, instance[name]]),
      ),
    )
}

/** The values of the features in order. @throws GatewayError `features_invalid` where one is missing */
function rowOf(instances: readonly Instance[], index: number, features: readonly string[]): Value[] {
  return features.map((name) => {
    const value = valueOf(instances[index], name)
    if (value === undefined)
      throw invalid(
        name,
        index,
        instances.length,
        "is missing: the model takes a list of features, and this is one of them",
      )
    return value
  })
}

/** A line for each instance, values between commas; texts with commas, quotes or line ends in quotes (RFC 4180). */
export function csvOf(instances: readonly Instance[], features: readonly string[]): string {
  return instances.map((_, index) => rowOf(instances, index, features).map(csvField).join(",")).join("\n")
}

function csvField(value: Value): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Whole numbers by datatype, smallest and largest; those of 64 bits as far as JSON numbers are exact. */
const INTEGERS: Readonly<Record<string, readonly [number, number]>> = {
  UINT8: [0, 0xff],
  UINT16: [0, 0xffff],
  UINT32: [0, 0xffffffff],
  UINT64: [0, Number.MAX_SAFE_INTEGER],
  INT8: [-0x80, 0x7f],
  INT16: [-0x8000, 0x7fff],
  INT32: [-0x80000000, 0x7fffffff],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
}

/** Decimal notation, as JSON has it. */
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/

/** The data of a tensor, row after row: [instances, features] as one list. @throws GatewayError `features_invalid` */
export function tensorData(instances: readonly Instance[], { datatype, features }: InputTensor): Value[] {
  const data: Value[] = []
  for (const [index, instance] of instances.entries()) {
    for (const name of features) {
      const value = valueOf(instance, name)
      const element = value === undefined ? undefined : elementOf(value, datatype)
      if (element === undefined) {
        const what = `a ${datatype} tensor is made of it`
        throw invalid(
          name,
          index,
          instances.length,
          `${value === undefined ? "is missing" : `must be ${wanted(datatype)}`}: ${what}`,
        )
      }
      data.push(element)
    }
  }
  return data
}

/** A value as an element of a tensor; undefined where it can't be one. */
function elementOf(value: Value, datatype: string): Value | undefined {
  if (datatype === "BYTES") return String(value)
  if (datatype === "BOOL") {
    if (typeof value === "boolean") return value
    return value === "true" || value === 1 || value === "1"
      ? true
      : value === "false" || value === 0 || value === "0"
        ? false
        : undefined
  }
  const number = typeof value === "string" ? (NUMBER.test(value) ? Number(value) : Number.NaN) : Number(value)
  if (!Number.isFinite(number)) return undefined
  const [least, most] = INTEGERS[datatype] ?? []
  if (least === undefined || most === undefined) return number
  return Number.isInteger(number) && number >= least && number <= most ? number : undefined
}

function wanted(datatype: string): string {
  if (datatype === "BOOL") return "true or false"
  return datatype in INTEGERS ? `a whole number that ${datatype} holds` : "a number"
}

function valueOf(instance: Instance | undefined, name: string): Value | undefined {
  return instance !== undefined && Object.hasOwn(instance, name) ? instance[name] : undefined
}

function invalid(feature: string, index: number, count: number, detail: string): GatewayError {
  const segment = feature.replaceAll("~", "~0").replaceAll("/", "~1")
  const pointer = count === 1 ? `/features/${segment}` : `/instances/${index}/${segment}`
  return new GatewayError("features_invalid", { detail: `${pointer} ${detail}.`, errors: [{ pointer, detail }] })
}

/** Asks about one instance of several: pointers into it come out as pointers into the whole. @throws what `ask` throws */
export async function instancePointers<T>(index: number, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof GatewayError) || error.errors === undefined) throw error
    const errors = error.errors.map(({ pointer, detail }) => ({
      pointer: pointer.replace(/^\/features/, `/instances/${index}`),
      detail,
    }))
    const [first] = errors
    throw new GatewayError(error.code, { detail: `${first?.pointer} ${first?.detail}.`, errors })
  }
}

/** What stands in a template where the instances go. */
const ALL = "$instances"
const ONE = "$instance"

/** Whether a template makes one request for each instance. */
export function isPerInstance(template: unknown): boolean {
  if (template === ONE) return true
  return typeof template === "object" && template !== null && Object.values(template).some(isPerInstance)
}

/** Whether the instances stand anywhere in a template. */
export function holdsInstances(template: unknown): boolean {
  if (template === ONE || template === ALL) return true
  return typeof template === "object" && template !== null && Object.values(template).some(holdsInstances)
}

/** The template with the written instances in their place. */
export function fillTemplate(template: unknown, written: readonly unknown[]): unknown {
  if (template === ALL) return written
  if (template === ONE) return written[0]
  if (Array.isArray(template)) return template.map((item) => fillTemplate(item, written))
  if (typeof template !== "object" || template === null) return template
  return Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fillTemplate(value, written)]))
}
