import type { Backend } from "../domain/backends/backend.ts"
import type { DocumentIssue, DocumentProblem } from "../domain/document-issues.ts"
import type { Experiment } from "../domain/experiment.ts"

/** A document as it was last read: an experiment, or everything that is wrong with it. */
export type ReadDocument =
  | { readonly ok: true; readonly file: string; readonly experiment: Experiment }
  | {
      readonly ok: false
      readonly file: string
      /** The experiment that the document says it is; undefined where that can't be read. */
      readonly id: string | undefined
      /** Whether it may be any experiment's: there is a text, and no id to be read in it. */
      readonly anonymous: boolean
      readonly problems: readonly DocumentProblem[]
    }

/** `version` differs from that of an earlier look where the file was written again, or what was said of it has changed. */
export type SourceDocument = ReadDocument & { readonly version: string }

/** Says why a backend can't be served now, as an object of "backend …"; undefined where it can. Asked again while it can't. */
export type BackendCheck = (backend: Backend) => Promise<string | undefined>

/** What a YAML text says: a document, or what is wrong with it. */
export type YamlRead =
  | { readonly ok: true; readonly document: unknown }
  | { readonly ok: false; readonly issues: readonly (DocumentIssue & { readonly line: number })[] }

/** Reads a YAML text, in a time that is bounded whatever the text. Never rejects. */
export type ReadYaml = (text: string) => Promise<YamlRead>

/** Where experiment documents come from: a place that others write to. */
export interface DocumentSource {
  /** How the place is called in problems that belong to no document. */
  readonly name: string
  /**
   * All documents as they are now, in a fixed order. A document that can't be read is one with a problem; it keeps no other from being read.
   *
   * @throws what the place says where it can't be read at all
   */
  look(): Promise<readonly SourceDocument[]>
}
