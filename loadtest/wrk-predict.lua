-- Posts ad requests, a different user each time, and prints one JSON line with the figures of the run.
-- The features are the script's argument, a JSON object: wrk … -s wrk-predict.lua <url> -- '{"hour":"14102100", …}'
-- The requests are formatted before the run, so that the client's cost per request is the same for every server.

dofile("loadtest/wrk-figures.lua")

local USERS = 2000

local requests = {}
local nextRequest = 0

function init(args)
  wrk.method = "POST"
  wrk.path = "/predict"
  wrk.headers["content-type"] = "application/json"
  for user = 1, USERS do
    local body = string.format('{"experiment":"banner-ctr","unitId":"user-%06d","features":%s}', user, args[1])
    requests[user] = wrk.format(nil, nil, nil, body)
  end
end

function request()
  nextRequest = nextRequest % USERS + 1
  return requests[nextRequest]
end
