-- Atomic: reads the published allocation, or publishes one where nothing has changed since it was read.
--
-- KEYS[1] allocation (hash): generation of the counters, revision, number, at (milliseconds), JSON   KEYS[2] meta of the counters
-- ARGV[1] the mark that was read, '' to read   ARGV[2] revision   ARGV[3] the allocation as JSON

local now = now_ms()
local counters = redis.call('HMGET', KEYS[2], 'generation', 'awaited', 'filling')
local generation = counters[1] or ''
local kept = redis.call('HMGET', KEYS[1], 'generation', 'revision', 'number', 'at', 'allocation')
-- The number goes on where counters begin anew.
local number = tonumber(kept[3] or 0)
local is_lost = counters[3] or (counters[2] and tonumber(counters[2]) > now)
local mark = generation .. ' ' .. (kept[2] or 0) .. ' ' .. number
if ARGV[1] == '' then
  local current = not is_lost and kept[1] == generation and kept[5] or ''
  return { current, string.format('%.0f', math.max(0, now - tonumber(kept[4] or 0))), mark, generation }
end
if is_lost or ARGV[1] ~= mark or tonumber(ARGV[2]) < tonumber(kept[2] or 0) then return { 0 } end
redis.call('HSET', KEYS[1], 'generation', generation, 'revision', ARGV[2], 'number', number + 1, 'at', string.format('%.0f', now),
  'allocation', ARGV[3])
return { 1 }
