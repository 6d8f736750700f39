-- Atomic: what is counted of an experiment is about to give way to a checkpoint: it gets a new mark, and nothing is folded until it is filled.
--
-- KEYS[1] meta
-- ARGV[1] mark that was read, '' for none   ARGV[2] new mark   ARGV[3] time of the checkpoint, milliseconds; '': whatever is there gives way
-- ARGV[4] milliseconds after which a restoring that has stopped half-way gives way

local kept = redis.call('HMGET', KEYS[1], 'generation', 'since', 'filling')
if (kept[1] or '') ~= ARGV[1] then return { 'elsewhere' } end
local now = now_ms()
if kept[3] then
  if now - kept[3] <= tonumber(ARGV[4]) then return { 'busy' } end
elseif ARGV[3] ~= '' and tonumber(ARGV[3]) <= tonumber(kept[2] or 0) then
  return { 'newer' }
end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'filling', string.format('%.0f', now), 'changes', 1, 'lost', 1)
return { 'begun' }
