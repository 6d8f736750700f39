-- Atomic: what counters that were lost still lack. Where that is nothing, they are whole from now on.
--
-- KEYS[1] meta   KEYS[2] logs   KEYS[3] missing   KEYS[4] owed (hash): log -> position up to which its credits are to be brought back

local function pairs_of(key)
  local flat, found = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do found[#found + 1] = { flat[i], flat[i + 1] } end
  return found
end

for _, entry in ipairs(pairs_of(KEYS[3])) do
  if not stands_before(redis.call('HGET', KEYS[2], entry[1]), entry[2]) then redis.call('HDEL', KEYS[3], entry[1]) end
end
local missing, owed = redis.call('HGETALL', KEYS[3]), redis.call('HGETALL', KEYS[4])
local kept = redis.call('HMGET', KEYS[1], 'filling', 'closed', 'awaited', 'since', 'generation', 'credited')
if not kept[1] then
  if #owed == 0 and #missing == 0 then redis.call('HDEL', KEYS[1], 'lost', 'closed', 'awaited')
  elseif #owed == 0 and kept[4] then redis.call('HDEL', KEYS[1], 'closed') end
end
local now = now_ms()
local function left(time) return time and string.format('%.0f', math.max(0, tonumber(time) - now)) or '0' end
return { kept[5] or '', kept[1] and string.format('%.0f', now - kept[1]) or '', left(kept[2]), left(kept[3]), kept[4] or '0', kept[6] or '0', missing, owed }
