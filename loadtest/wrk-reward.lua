-- Posts rewards, each token once, and prints one JSON line with the figures of the run.
-- Arguments: a file with one body a line, the path to post to, and the media type: wrk … -s wrk-reward.lua <url> -- bodies.txt /reward application/json
-- A line feed within a body is written as ASCII's record separator.
-- The requests are formatted before the run, so that the client's cost per request is the same for every server.

dofile("loadtest/wrk-figures.lua")

local requests = {}
local nextRequest = 0

function init(args)
  wrk.method = "POST"
  wrk.path = args[2]
  wrk.headers["content-type"] = args[3]
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format(nil, nil, nil, (body:gsub("\30", "\n")))
  end
end

function request()
  nextRequest = nextRequest + 1
  -- Beyond the last one nothing is posted any more that would count: the run is too long for its tokens, and says so.
  if nextRequest > #requests then
    nextRequest = 1
    io.stderr:write("more requests than bodies: rewards are repeated\n")
  end
  return requests[nextRequest]
end
