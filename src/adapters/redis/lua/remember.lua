-- Atomic: rewards that the counters have already are added to their credits alone, but for those that are forgotten everywhere.
--
-- KEYS[1] meta   KEYS[2] hours   KEYS[3] expiry   KEYS[4...] hashes of credits
-- ARGV[1] generation   ARGV[2] generation of new counters   ARGV[3] JSON: hours   ARGV[4] how long more credits are waited for,
-- milliseconds   ARGV[5...] rewards

local plan = cjson.decode(ARGV[3])
local gone, fresh = {}, {}
local refusal = refuse_generation(KEYS[1], ARGV[1], ARGV[2]) or refuse_hours(KEYS[1], KEYS[2], KEYS[3], plan.hours, gone)
if refusal then return refusal end
for i = 5, #ARGV do
  local key, is_new = fold_credit(ARGV[i], gone)
  if is_new then fresh[key] = (fresh[key] or 0) + 1 end
end
note_hours(KEYS[2], KEYS[3], plan.hours, fresh, gone)
-- Whoever brings credits back is waited for.
local awaited = redis.call('HMGET', KEYS[1], 'closed', 'awaited')
if awaited[1] and awaited[2] then
  local until_then = now_ms() + tonumber(ARGV[4])
  if until_then > tonumber(awaited[1]) then
    redis.call('HSET', KEYS[1], 'closed', string.format('%.0f', until_then), 'awaited', string.format('%.0f', until_then))
  end
end
return { 'remembered' }
