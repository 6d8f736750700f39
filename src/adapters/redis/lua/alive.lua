-- Atomic: a log is alive, and registered if it is new; unless it was silent for so long that it has lapsed.
--
-- KEYS[1] logs (hash): log -> when it was last heard of and up to when it is folded (-1: never said), epoch milliseconds   KEYS[2] the time that
-- logs lapse by
-- ARGV[1] log   ARGV[2] the gateway's trusted time, epoch milliseconds   ARGV[3] up to when it is folded, '' for as it was   ARGV[4] milliseconds
-- of silence after which it has lapsed   ARGV[5] when the gateway last knew it to be alive, 0 for never

local now = math.max(tonumber(ARGV[2]), tonumber(redis.call('GET', KEYS[2]) or 0))
redis.call('SET', KEYS[2], string.format('%.0f', now))
local seen, folded = now, '-1'
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  seen, folded = string.match(known, '^(%d+) (%S+)$')
  seen = math.max(tonumber(seen), tonumber(ARGV[5]))
  if now - seen > tonumber(ARGV[4]) then return { 'lapsed', now } end
end
if ARGV[3] ~= '' then folded = ARGV[3] end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', math.max(now, seen)) .. ' ' .. folded)
return { 'alive', now }
