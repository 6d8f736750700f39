import type { ErrorCode } from "../../domain/errors.ts"
import { PROBLEMS } from "../problem.ts"

/** Every problem code, in the table's order. */
export const PROBLEM_CODES: readonly ErrorCode[] = Object.keys(PROBLEMS).filter(isProblemCode)

function isProblemCode(code: string): code is ErrorCode {
  return Object.hasOwn(PROBLEMS, code)
}
