import { constants } from "node:fs"
import { open, stat } from "node:fs/promises"

/** What a folder's entry is now: a mark that differs once the file was written or replaced, or why it can't be read. */
export type Entry = { readonly ok: true; readonly mark: string } | { readonly ok: false; readonly reason: string }

export type Contents = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string }

const NOT_REGULAR = { ok: false, reason: "is not a regular file" } as const

/** Looks at an entry through symbolic links, without opening it. */
export async function lookAt(path: string): Promise<Entry> {
  try {
    const found = await stat(path, { bigint: true })
    if (!found.isFile()) return NOT_REGULAR
    return { ok: true, mark: [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(":") }
  } catch (error) {
    return unreadable(error)
  }
}

/**
 * Reads a regular file of bounded size. Never waits for a writer: what has become a pipe since it was looked at is opened without blocking,
 * and refused.
 */
export async function readText(path: string, maxBytes: number): Promise<Contents> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!(await file.stat()).isFile()) return NOT_REGULAR
      const bytes = Buffer.alloc(maxBytes + 1)
      let length = 0
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = (await file.read(bytes, length, bytes.length - length, length)).bytesRead
      }
      if (length > maxBytes) return { ok: false, reason: `is larger than ${maxBytes / 1024} KiB` }
      return { ok: true, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length)) }
    } finally {
      await file.close()
    }
  } catch (error) {
    return unreadable(error)
  }
}

function unreadable(error: unknown): { readonly ok: false; readonly reason: string } {
  if (error instanceof TypeError) return { ok: false, reason: "is not text in UTF-8" }
  const { code } = error as NodeJS.ErrnoException
  return { ok: false, reason: `can't be read (${code ?? String(error)})` }
}
