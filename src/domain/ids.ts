/** What an experiment's id looks like, wherever one is read. */
export const EXPERIMENT_ID = /^[a-z0-9][a-z0-9-]{0,62}$/

/** What else callers may know an experiment by: the name of an endpoint, a model or a deployment in their own protocol. */
export const EXPERIMENT_NAME = /^[A-Za-z0-9._-]{1,128}$/

/** Fits `EXPERIMENT_ID`; made only by the experiment parser. */
export type ExperimentId = string & { readonly __brand: "ExperimentId" }
/** `[A-Za-z0-9][A-Za-z0-9_.-]{0,31}`, made only by the experiment parser. */
export type VariantId = string & { readonly __brand: "VariantId" }
/** A ULID: 26 characters of Crockford's base 32; its first 48 bits are the decision's time in epoch milliseconds. */
export type DecisionId = string & { readonly __brand: "DecisionId" }
