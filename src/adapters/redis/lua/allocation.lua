-- Atomic: reads the published allocation, or publishes one where nothing has changed since it was read.
--
-- KEYS[1] allocation (hash): generation of the counters, revision, number, at (milliseconds), JSON   KEYS[2] meta of the counters
-- KEYS[3] partial: there while the counters are folded again after they were lost
-- ARGV[1] the mark that was read, '' to read   ARGV[2] revision   ARGV[3] the allocation as JSON

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local generation = redis.call('HGET', KEYS[2], 'generation') or ''
local kept = redis.call('HMGET', KEYS[1], 'generation', 'revision', 'number', 'at', 'allocation')
-- The number goes on where counters begin anew.
local number = tonumber(kept[3] or 0)
local is_partial = redis.call('EXISTS', KEYS[3]) == 1
local mark = generation .. ' ' .. (kept[2] or 0) .. ' ' .. number
if ARGV[1] == '' then
  local current = not is_partial and kept[1] == generation and kept[5] or ''
  return { current, string.format('%.0f', math.max(0, now - tonumber(kept[4] or 0))), mark }
end
if is_partial or ARGV[1] ~= mark or tonumber(ARGV[2]) < tonumber(kept[2] or 0) then return { 0 } end
redis.call('HSET', KEYS[1], 'generation', generation, 'revision', ARGV[2], 'number', number + 1, 'at', string.format('%.0f', now),
  'allocation', ARGV[3])
return { 1 }
