import { type FileHandle, open } from "node:fs/promises"

const CHUNK_BYTES = 1 << 18
const LINE_FEED = 10

/** The whole lines of a file, last first, without their line feeds. @throws the file system's error */
export async function* readBackwards(path: string): AsyncGenerator<string> {
  const file = await open(path, "r")
  try {
    const { size } = await file.stat()
    /** The lines read so far begin here; what is kept of the one before them. */
    let begin = size
    let rest = Buffer.alloc(0)
    let whole = false
    while (begin > 0) {
      const from = Math.max(0, begin - CHUNK_BYTES)
      const bytes = Buffer.concat([await readExactly(file, from, begin - from), rest])
      begin = from
      let end = bytes.length
      for (let feed = bytes.lastIndexOf(LINE_FEED); feed >= 0; ) {
        // What is behind the last line feed is half a line.
        if (whole) yield bytes.toString("utf8", feed + 1, end)
        whole = true
        end = feed
        feed = feed === 0 ? -1 : bytes.lastIndexOf(LINE_FEED, feed - 1)
      }
      rest = bytes.subarray(0, end)
    }
    if (whole) yield rest.toString("utf8")
  } finally {
    await file.close()
  }
}

async function readExactly(file: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, from)
  return bytes.subarray(0, bytesRead)
}
