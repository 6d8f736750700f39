-- The mark of the counters that a gateway believes to be folding into, and the hours that credits are kept by.

-- Undefined where all is well; else what the script is to answer: { 'generation', the mark that there is, or nothing }.
-- @param expected '' from a gateway that has never met this experiment. @param fresh the mark that counters get which have none, or ''
local function refuse_generation(meta, expected, fresh)
  local known = redis.call('HGET', meta, 'generation')
  if not known then
    if expected ~= '' or fresh == '' then return { 'generation', '' } end
    redis.call('HSET', meta, 'generation', fresh)
    return nil
  end
  if expected ~= known then return { 'generation', known } end
  return nil
end

-- Milliseconds by the server's clock.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The same where something is about to be counted: { 'closed' } while counters that were lost are being restored.
local function refuse_counting(meta, expected, fresh)
  local refusal = refuse_generation(meta, expected, fresh)
  if refusal then return refusal end
  local kept = redis.call('HMGET', meta, 'filling', 'closed')
  if kept[1] or (kept[2] and tonumber(kept[2]) > now_ms()) then return { 'closed' } end
  return nil
end

-- Nil where the credits of these hours can be changed; else { 'buckets' }: somebody else has divided an hour otherwise.
-- @param hours lists of name, number of buckets, when its last token dies (epoch seconds), first and last of its keys in KEYS
-- @param gone gets the keys of hours whose credits are forgotten, or about to be: nobody could tell a repeated reward of theirs
local function refuse_hours(meta, key, expiry, hours, gone)
  local purged = tonumber(redis.call('HGET', meta, 'purged') or 0)
  for _, hour in ipairs(hours) do
    local buckets = redis.call('HGET', key, hour[1])
    if buckets and tonumber(buckets) ~= hour[2] then return { 'buckets' } end
    if hour[3] < purged and tonumber(redis.call('ZSCORE', expiry, hour[1]) or 0) < purged then
      for index = hour[4], hour[5] do gone[index] = true end
    end
  end
  return nil
end

-- @param fresh how many credits each of KEYS has gained
local function note_hours(key, expiry, hours, fresh, gone)
  for _, hour in ipairs(hours) do
    if not gone[hour[4]] then
      redis.call('HSETNX', key, hour[1], hour[2])
      redis.call('ZADD', expiry, 'GT', hour[3], hour[1])
      local gained = 0
      for index = hour[4], hour[5] do gained = gained + (fresh[index] or 0) end
      if gained > 0 then redis.call('HINCRBY', key, 'n:' .. hour[1], gained) end
    end
  end
end
