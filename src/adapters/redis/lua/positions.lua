-- Where logs stand: a position is file, offset and hash, with colons between them.

-- Whether a log hasn't come as far as a position. @param stand what is kept of it, nil or false for nothing
local function stands_before(stand, position)
  if not stand then return true end
  local file, offset = string.match(stand, '^(%d+):(%d+):')
  local wanted_file, wanted_offset = string.match(position, '^(%d+):(%d+):')
  if not file then return true end
  if tonumber(file) ~= tonumber(wanted_file) then return tonumber(file) < tonumber(wanted_file) end
  return tonumber(offset) < tonumber(wanted_offset)
end
