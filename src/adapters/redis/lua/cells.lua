-- Counters as integer fields of hashes.

-- A field that reaches this is put aside under a name of its own and goes on from nothing: additions are at most as large, so that none passes
-- 64 bits.
local LARGEST = 1e18

-- @param delta a decimal string, or a number that is whole and below 2^53
local function add_to_cell(key, field, delta)
  local sum = redis.call('HINCRBY', key, field, delta)
  if sum < LARGEST and sum > -LARGEST then return end
  local aside = 1
  local exact = redis.call('HGET', key, field)
  while redis.call('HSETNX', key, field .. '+' .. aside, exact) == 0 do aside = aside + 1 end
  redis.call('HDEL', key, field)
end

-- Ranks of registers rise to those given. @param pairs two bytes of register and one of rank for each, one after the other
local function raise_registers(key, pairs)
  local known = redis.call('GET', key)
  if not known then
    known = string.rep('\0', 1024)
    redis.call('SET', key, known)
  end
  for at = 1, #pairs, 3 do
    local high, low, rank = string.byte(pairs, at, at + 2)
    local register = high * 256 + low
    if rank > string.byte(known, register + 1) then redis.call('SETRANGE', key, register, string.char(rank)) end
  end
end

-- Adds what a batch tells of decisions. @param additions { cells = { key, field, delta, ... }, sketches = { key, hexadecimal pairs, ... } }, keys by
-- their index among `keys`
local function add_all(additions, keys)
  local cells, sketches = additions.cells, additions.sketches
  for i = 1, #cells, 3 do add_to_cell(keys[cells[i]], cells[i + 1], cells[i + 2]) end
  for i = 1, #sketches, 2 do
    local pairs = string.gsub(sketches[i + 1], '..', function(pair) return string.char(tonumber(pair, 16)) end)
    raise_registers(keys[sketches[i]], pairs)
  end
end

-- Notes that keys changed, by a number that rises with each change of the experiment. It is the time in microseconds, or one more than the last: a
-- server that came back with older data makes no number anew that a reader may have seen before. @param first, last their indexes in KEYS
local function note_changed(meta, changed, first, last)
  if last < first then return end
  local time = redis.call('TIME')
  local last_number = tonumber(redis.call('HGET', meta, 'changes') or 0)
  local number = string.format('%.0f', math.max(last_number + 1, time[1] * 1e6 + time[2]))
  redis.call('HSET', meta, 'changes', number)
  for i = first, last do redis.call('ZADD', changed, number, KEYS[i]) end
end
