import { EVENT_BEGIN } from "../../domain/outcome-line.ts"

/** One record of the stream: events of one partition key, each with its line feed, so that files made of records are JSON lines. */
export interface StreamRecord {
  readonly partitionKey: string
  /** Where the lines are: from `begin` to before `end` of these bytes. */
  readonly source: Buffer
  readonly begin: number
  readonly end: number
  /** As the service counts: of the lines and the key. */
  readonly bytes: number
  readonly events: number
}

/** Lines as records, and what can't be one. */
export interface PackedLines {
  readonly records: readonly StreamRecord[]
  /** Beginnings of events that are larger than a record may be. */
  readonly oversized: readonly string[]
  readonly damaged: number
}

/** What the service takes: a record with its key, and one call with all of its records. Bytes. */
const MAX_RECORD_BYTES = 1 << 20
const MAX_CALL_BYTES = 5 << 20
const MAX_CALL_RECORDS = 500

const LINE_FEED = 10
const CLOSING_BRACE = 125
/** An event says soon which decision it is about. */
const HEAD_BYTES = 512
const DECISION_HEAD_BYTES = 128
const KEY = /^[\w-]{1,128}$/
const DECISION_ID = /"decisionId":"([\w-]{1,128})"/
/** A decision's line begins with its event id, which is made from the decision's. */
const DECISION = '{"v":1,"type":"decision","eventId":"d-'
/** Where no decision is named: revisions, which are few. */
const NO_DECISION = "experiment"

/**
 * Makes records from lines of the log. The key is the decision's id, so that a decision and its rewards go to one shard; lines that follow each
 * other and have the same key share a record.
 *
 * A line is not parsed: one that begins and ends as an event does is taken for one. Readers of the stream skip what isn't.
 */
export function packLines(lines: Uint8Array): PackedLines {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength)
  const records: StreamRecord[] = []
  const oversized: string[] = []
  let damaged = 0
  /** The record that grows: from where to where, and what it holds. */
  let open = { begin: 0, end: 0, key: "", events: 0 }
  const seal = (): void => {
    if (open.events === 0) return
    const { begin, end, key, events } = open
    records.push({ partitionKey: key, source: bytes, begin, end, bytes: end - begin + key.length, events })
  }
  for (let begin = 0; begin < bytes.length; ) {
    const feed = bytes.indexOf(LINE_FEED, begin)
    const end = feed + 1
    const head = headOf(bytes, begin, feed)
    const key = partitionKey(head)
    if (!head.startsWith(EVENT_BEGIN) || bytes[feed - 1] !== CLOSING_BRACE) damaged += 1
    else if (end - begin + key.length > MAX_RECORD_BYTES) oversized.push(head)
    else if (key === open.key && begin === open.end && end - open.begin + key.length <= MAX_RECORD_BYTES) {
      open.end = end
      open.events += 1
    } else {
      seal()
      open = { begin, end, key, events: 1 }
    }
    begin = end
  }
  seal()
  return { records, oversized, damaged }
}

/** Records in order, as many in each call as the service takes. */
export function callsOf(records: readonly StreamRecord[]): StreamRecord[][] {
  const calls: StreamRecord[][] = []
  let call: StreamRecord[] = []
  let bytes = 0
  for (const record of records) {
    if (call.length === MAX_CALL_RECORDS || bytes + record.bytes > MAX_CALL_BYTES) {
      calls.push(call)
      call = []
      bytes = 0
    }
    call.push(record)
    bytes += record.bytes
  }
  if (call.length > 0) calls.push(call)
  return calls
}

/** The beginning of a line, long enough for its key: that of a decision stands far in front. */
function headOf(bytes: Buffer, begin: number, feed: number): string {
  const head = bytes.toString("latin1", begin, Math.min(feed, begin + DECISION_HEAD_BYTES))
  return head.startsWith(DECISION) ? head : bytes.toString("latin1", begin, Math.min(feed, begin + HEAD_BYTES))
}

function partitionKey(head: string): string {
  if (head.startsWith(DECISION)) {
    const end = head.indexOf('"', DECISION.length)
    const key = head.slice(DECISION.length, end)
    // A damaged line may have anything there, and a key is put into JSON as it is.
    if (KEY.test(key)) return key
  }
  return DECISION_ID.exec(head)?.[1] ?? NO_DECISION
}
