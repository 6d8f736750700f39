-- Posts ad requests, a different user each time, and prints one JSON line with the figures of the run.
-- The requests are formatted before the run, so that the client's cost per request is the same for every server.

local USERS = 2000

-- The 22 columns of the Avazu click logs.
local FEATURES = table.concat({
  '"hour":"14102100"', '"C1":"1005"', '"banner_pos":"0"',
  '"site_id":"1fbe01fe"', '"site_domain":"f3845767"', '"site_category":"28905ebd"',
  '"app_id":"ecad2386"', '"app_domain":"7801e8d9"', '"app_category":"07d7df22"',
  '"device_id":"a99f214a"', '"device_ip":"ddd2926e"', '"device_model":"44956a24"', '"device_type":"1"', '"device_conn_type":"2"',
  '"C14":"15706"', '"C15":"320"', '"C16":"50"', '"C17":"1722"', '"C18":"0"', '"C19":"35"', '"C20":"-1"', '"C21":"79"',
}, ",")

local requests = {}
local nextRequest = 0

function init()
  wrk.method = "POST"
  wrk.path = "/predict"
  wrk.headers["content-type"] = "application/json"
  for user = 1, USERS do
    local body = string.format('{"experiment":"banner-ctr","unitId":"user-%06d","features":{%s}}', user, FEATURES)
    requests[user] = wrk.format(nil, nil, nil, body)
  end
end

function request()
  nextRequest = nextRequest % USERS + 1
  return requests[nextRequest]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.6f,"failed":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
