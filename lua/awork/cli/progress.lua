--- The line that tells how far something is: pure.
local M = {}

-- 75 → "1:15", 3700 → "1:01:40"
local function clock(seconds)
  local whole = math.ceil(seconds)
  if whole >= 3600 then
    return ("%d:%02d:%02d"):format(whole // 3600, whole % 3600 // 60, whole % 60)
  end
  return ("%d:%02d"):format(whole // 60, whole % 60)
end

--- `Applying [=======>     ] 120/600  48/s  0:10 left`
-- @param verb string
-- @param done, total integers
-- @param elapsed seconds
-- @param width columns; the bar takes what the rest leaves, and goes when that is too little
-- @return string
function M.line(verb, done, total, elapsed, width)
  local rate = elapsed > 0 and done / elapsed or 0
  local tail = (" %d/%d"):format(done, total)
  if done > 0 and elapsed >= 0.5 then
    local tenths = math.floor(rate * 10 + 0.5) -- by hand: %.1f writes the locale's point
    tail = tail .. (rate >= 10 and "  %d/s" or "  %d.%d/s"):format(tenths // 10, tenths % 10)
    if done < total and (total - done) / rate < 1e9 then
      tail = tail .. ("  %s left"):format(clock((total - done) / rate))
    end
  end
  local room = math.min(40, width - #verb - #tail - 3)
  if room < 5 then
    return (verb .. tail):sub(1, math.max(width, 0))
  end
  local full = total > 0 and math.min(done * room // total, room) or room
  local bar = ("="):rep(full) .. (full < room and ">" .. (" "):rep(room - full - 1) or "")
  return ("%s [%s]%s"):format(verb, bar, tail)
end

return M
