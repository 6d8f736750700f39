-- What the rewards of one decision and metric add up to: `creditStep` of src/domain/credits.ts in Lua. test/adapters/redis/credits.test.ts runs
-- both over the same table and over generated sequences.
--
-- A postback is a table: aggregation (FIRST, LAST, SUM or MAX), at (milliseconds after the decision's hour), value (millionths of the metric's
-- bound; false: it doesn't count), id, and prefix (what ids of its decision and metric begin with). A credit is a list of entries
-- { id, at, value or false }. Under FIRST it has one, without an id.

local FIRST, LAST, SUM, MAX = 0, 1, 2, 3
local SUM_UNITS = 1000000
local MAX_POSTBACKS = 1000
-- A value that doesn't count, where a number has to stand.
local UNCOUNTED = 2147483647

-- Redis compares strings by the machine's locale; ids are ordered by their bytes everywhere else.
local function bytes_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- Ids are kept without what all of one credit begin with: a zero byte stands for it.
local function shorten(id, prefix)
  if string.sub(id, 1, #prefix) == prefix then return '\0' .. string.sub(id, #prefix + 1) end
  return id
end

local function id_before(a, b, prefix)
  local short_a, short_b = string.byte(a, 1) == 0, string.byte(b, 1) == 0
  if short_a ~= short_b then
    if short_a then a = prefix .. string.sub(a, 2) else b = prefix .. string.sub(b, 2) end
  end
  return bytes_before(a, b)
end

-- By (counts, at, id, value): those that don't count come last.
local function entry_before(a, b, prefix)
  if (a[3] == false) ~= (b[3] == false) then return b[3] == false end
  if a[2] ~= b[2] then return a[2] < b[2] end
  if a[1] ~= b[1] then return id_before(a[1], b[1], prefix) end
  return (a[3] or 0) < (b[3] or 0)
end

-- Under FIRST: a reward, then a zero, then one that doesn't count; then the earliest, then the least.
local function rank(entry)
  if entry[3] == false then return 2 end
  if entry[3] == 0 then return 1 end
  return 0
end

local function decides(known, entry)
  if rank(known) ~= rank(entry) then return rank(known) < rank(entry) end
  if known[2] ~= entry[2] then return known[2] < entry[2] end
  return (known[3] or 0) <= (entry[3] or 0)
end

local function place_of(credit, id)
  for i = 1, #credit do
    if credit[i][1] == id then return i end
  end
  return nil
end

local function is_known(credit, entry, aggregation)
  if aggregation == FIRST then return credit[1] ~= nil and rank(credit[1]) <= rank(entry) end
  local same = place_of(credit, entry[1])
  if same then return credit[same][3] ~= false or entry[3] == false end
  return #credit >= MAX_POSTBACKS
end

-- Millionths; nil where nothing counts.
local function value_of(credit, aggregation)
  local worth = nil
  for i = 1, #credit do
    local value = credit[i][3]
    if value ~= false then
      if worth == nil or aggregation == LAST then worth = value
      elseif aggregation == SUM then worth = worth + value
      elseif aggregation == MAX then worth = math.max(worth, value) end
    end
  end
  if worth and aggregation == SUM then return math.max(-SUM_UNITS, math.min(SUM_UNITS, worth)) end
  return worth
end

-- When its earliest reward came that isn't zero; nil while it is worth nothing.
local function arrival_of(credit, worth)
  if worth == nil or worth == 0 then return nil end
  for i = 1, #credit do
    if credit[i][3] ~= false and credit[i][3] ~= 0 then return credit[i][2] end
  end
  return nil
end

-- Puts an entry where it belongs. Returns whether the credit changed.
local function insert(credit, entry, prefix)
  local same = place_of(credit, entry[1])
  if same then
    if not entry_before(entry, credit[same], prefix) then return false end
    table.remove(credit, same)
  end
  local place = #credit + 1
  while place > 1 and entry_before(entry, credit[place - 1], prefix) do place = place - 1 end
  if place > MAX_POSTBACKS then return false end
  table.insert(credit, place, entry)
  credit[MAX_POSTBACKS + 1] = nil
  return true
end

-- Adds a postback to a credit, which changes. Returns whether it was a duplicate, whether the credit changed, and its worth and its arrival
-- before and after.
local function credit_step(credit, postback)
  local aggregation = postback.aggregation
  local entry = { shorten(postback.id, postback.prefix), postback.at, postback.value }
  local duplicate = is_known(credit, entry, aggregation)
  local before = value_of(credit, aggregation)
  local arrived_before = arrival_of(credit, before)
  local changed
  if aggregation == FIRST then
    changed = credit[1] == nil or not decides(credit[1], entry)
    if changed then credit[1] = entry end
  else
    changed = insert(credit, entry, postback.prefix)
  end
  local after = value_of(credit, aggregation)
  return duplicate, changed, before, after, arrived_before, arrival_of(credit, after)
end

-- A credit under FIRST as a hash keeps it: `at` in 4 bytes, and nothing more for a reward of the whole bound, else its value in 4 bytes; where `at`
-- doesn't fit (a clock was behind, a window of months), 8 bytes for it and 4 for the value. @param value false where it doesn't count
local function encode_first(at, value)
  if value == false then value = UNCOUNTED end
  if at < 0 or at > 4294967295 then return struct.pack('>di4', at, value) end
  if value == SUM_UNITS then return struct.pack('>I4', at) end
  return struct.pack('>I4i4', at, value)
end

-- A credit as a hash keeps it. Under the others than FIRST: msgpack.
local function encode_credit(credit, aggregation)
  if aggregation == FIRST then return encode_first(credit[1][2], credit[1][3]) end
  local flat = {}
  for i = 1, #credit do
    flat[3 * i - 2], flat[3 * i - 1], flat[3 * i] = credit[i][1], credit[i][2], credit[i][3]
  end
  return cmsgpack.pack(flat)
end

-- false, which is what Redis answers for nothing, is a credit of nothing.
local function decode_credit(kept, aggregation)
  if not kept then return {} end
  if aggregation ~= FIRST then
    local flat, credit = cmsgpack.unpack(kept), {}
    for i = 1, #flat, 3 do credit[#credit + 1] = { flat[i], flat[i + 1], flat[i + 2] } end
    return credit
  end
  local at, value = 0, SUM_UNITS
  if #kept == 12 then at, value = struct.unpack('>di4', kept)
  elseif #kept == 8 then at, value = struct.unpack('>I4i4', kept)
  else at = struct.unpack('>I4', kept) end
  if value == UNCOUNTED then value = false end
  return { { '\0', at, value } }
end

-- A reward as the gateway packs it (src/adapters/redis/packed-reward.ts), and the place of its eventual additions. Indexes count from 1; 0: none.
local REWARD = '>c8I2BdI4I2I2I2BI4I2dBB'

-- @param packed_value as it is packed: struct reads unsigned numbers of four bytes exactly, and signed ones not on every version
local function unpack_value(packed_value)
  local value = packed_value - 2147483648
  if value == UNCOUNTED then return false end
  return value
end

local function unpack_reward(packed)
  local r = {}
  local value, next
  r.field, r.key, r.aggregation, r.at, value, r.counter, r.bucket, r.group_row, r.group, r.nanos, r.delay, r.decided, r.bins, r.prefix_length, next =
    struct.unpack(REWARD, packed)
  r.value = unpack_value(value)
  local tail = string.sub(packed, next)
  r.prefix = string.sub(tail, 1, r.prefix_length)
  r.id = string.sub(tail, r.prefix_length + 1)
  return r
end

-- Adds a reward to its credit, which is in one of the script's hashes. Returns the hash's index, whether the credit is new, whether the reward was a
-- duplicate, and the credit's worth and its arrival before and after.
-- @param gone keys of KEYS whose credits are forgotten: what would be added to them is dropped, as a duplicate that changes nothing
local function fold_credit(packed, gone)
  local field, index, aggregation, at, packed_value = struct.unpack(REWARD, packed)
  if gone[index] then return index, false, true end
  local key = KEYS[index]
  if aggregation == FIRST then
    -- Most are the first of their decision: one command, and nothing to compare.
    local value = unpack_value(packed_value)
    if redis.call('HSETNX', key, field, encode_first(at, value)) == 1 then
      if value == false then return index, true, false end
      return index, true, false, nil, value, nil, value ~= 0 and at or nil
    end
  end
  local r = unpack_reward(packed)
  local held = redis.call('HGET', key, field)
  local credit = decode_credit(held, aggregation)
  local duplicate, changed, before, after, arrived_before, arrived_after = credit_step(credit, r)
  if changed then redis.call('HSET', key, field, encode_credit(credit, aggregation)) end
  return index, not held, duplicate, before, after, arrived_before, arrived_after
end
