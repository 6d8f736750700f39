import { FEATURES_EXAMPLE, TOKEN_EXAMPLE } from "../examples.ts"
import { jsonAnswer, type Operation } from "../operation.ts"
import { deadline } from "../predict-operations.ts"
import { answersLike, asked, bodyLike, credits, post, predicts, unitHeader } from "./operation-parts.ts"

const invocation = {
  ...predicts,
  id: "sampleInvocation",
  dialect: "aws-sample",
  path: "/invocation",
  summary: "AWS A/B testing sample: invocation",
  description: "For clients of the sample that runs in front of SageMaker endpoints. Adds `decision` to the answer.",
  parameters: [unitHeader, deadline],
  request: bodyLike("SampleInvocation", {
    endpoint_name: "banner-ctr",
    user_id: "user-42",
    data: JSON.stringify(FEATURES_EXAMPLE),
  }),
  answers: answersLike("SampleInvocationAnswer"),
} as const satisfies Operation

const conversion = {
  ...credits,
  id: "sampleConversion",
  dialect: "aws-sample",
  path: "/conversion",
  summary: "AWS A/B testing sample: conversion",
  description: "The answer of the invocation, posted back with a reward. Its `decision` says what is credited.",
  request: bodyLike("SampleConversion", { endpoint_name: "banner-ctr", decision: TOKEN_EXAMPLE, reward: 1 }),
  answers: [jsonAnswer(200, "Credited, or credited before", "SampleConversionAnswer")],
} as const satisfies Operation

const stats = {
  ...post,
  partition: "admin",
  id: "sampleStats",
  dialect: "aws-sample",
  path: "/stats",
  summary: "AWS A/B testing sample: stats",
  description: "Counters by variant, under the sample's names.",
  permission: "view",
  request: bodyLike("SampleStats", { endpoint_name: "banner-ctr" }),
  answers: [jsonAnswer(200, "Counters by variant", "SampleStatsAnswer")],
  problems: [...asked, "validation_failed", "store_unavailable"],
} as const satisfies Operation

/** The sample takes either method for each of its calls. */
const put = { method: "put", summary: "The same by PUT" } as const satisfies Partial<Operation>

export const AWS_SAMPLE_OPERATIONS = [
  invocation,
  { ...invocation, ...put, id: "sampleInvocationPut" },
  conversion,
  { ...conversion, ...put, id: "sampleConversionPut" },
  stats,
  { ...stats, ...put, id: "sampleStatsPut" },
] as const satisfies readonly Operation[]
