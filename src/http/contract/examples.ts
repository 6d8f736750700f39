/** Features of one ad request, as the example experiment's models know them. */
export const FEATURES_EXAMPLE = { hour: "14102100", banner_pos: "0", site_id: "1fbe01fe" }

/** The shape of a decision token; its mac is not one of ours. */
export const TOKEN_EXAMPLE =
  "v1.k1.banner-ctr.7.1.challenger.0_37.42l.3600.01JD5XKQ3V8E0N6T2B4C9GHMRW.Yk3v0dQ1sWn8ZB2xUo7aTg"

export const PREDICTION_EXAMPLE = {
  prediction: 0.3012638794627709,
  experiment: "banner-ctr",
  revision: 7,
  variant: "challenger",
  model: "ctr-prefixed",
  decisionId: "01JD5XKQ3V8E0N6T2B4C9GHMRW",
  decision: TOKEN_EXAMPLE,
  propensity: 0.37,
  policy: "thompson",
  reason: "policy",
  degraded: false,
}

export const RECEIPT_EXAMPLE = {
  status: "applied",
  experiment: "banner-ctr",
  variant: "challenger",
  decisionId: "01JD5XKQ3V8E0N6T2B4C9GHMRW",
  metric: "click",
  value: 1,
}

/** One item taken, one refused. */
export const BATCH_ANSWER = {
  results: [
    RECEIPT_EXAMPLE,
    {
      type: "/problems/token-invalid",
      title: "Decision token is not valid",
      status: 403,
      code: "token_invalid",
    },
  ],
}

/** A key that was just made; its secret is nobody's. */
export const MADE_KEY_EXAMPLE = {
  key: {
    id: "5f1d7a84b0c93e26",
    name: "ads",
    permissions: ["predict"],
    experiments: ["banner-ctr"],
    requestsPerSecond: 500,
    createdAt: "2026-11-21T12:00:00.000Z",
    createdBy: "first",
    expiresAt: null,
    lastUsedAt: null,
  },
  secret: "bgk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
}
