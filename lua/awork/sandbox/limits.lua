--- The rate limits of a workspace: so many requests a second, so many a minute, shared by every token.
-- A refused request is not counted. Windows are "fixed" (counted from the start of the sandbox) or "sliding" (the
-- time right before each request). Time is a parameter: monotonic seconds.
local limits = {}
limits.__index = limits

local NAMES = { "second", "minute" }
local DEFAULTS = { second = 50, minute = 1000, second_seconds = 1, minute_seconds = 60 }
local KNOWN = { second = true, minute = true, window = true, second_seconds = true, minute_seconds = true,
  retry_after = true }

local function window(limit, seconds, origin)
  return {
    limit = limit, seconds = seconds, origin = origin,
    number = 0, count = 0, -- fixed
    times = {}, first = 1, last = 0, -- sliding: the admitted requests still inside
    remaining = limit, reset = 0,
  }
end

--- @param options table|false|nil `second`, `minute` (requests, or false for none), `window` ("fixed"|"sliding"),
--   `second_seconds`, `minute_seconds` (how long the windows last: 1 and 60), `retry_after` (send the header: false)
-- @param now monotonic seconds
-- @return the limits, or nil and a message; false when there are none
function limits.new(options, now)
  if options == false then return false end
  options = options or {}
  if type(options) ~= "table" then return nil, "rate_limit must be a table or false" end
  for key in pairs(options) do
    if not KNOWN[key] then return nil, "rate_limit has no option '" .. tostring(key) .. "'" end
  end
  local kind = options.window or "fixed"
  if kind ~= "fixed" and kind ~= "sliding" then return nil, "rate_limit.window must be 'fixed' or 'sliding'" end
  local self = setmetatable({ sliding = kind == "sliding", retry_after = options.retry_after, refused = 0 }, limits)
  for _, name in ipairs(NAMES) do
    local limit, seconds = options[name], options[name .. "_seconds"] or DEFAULTS[name .. "_seconds"]
    if limit == nil then limit = DEFAULTS[name] end
    if type(seconds) ~= "number" or seconds ~= seconds or seconds <= 0 then
      return nil, "rate_limit." .. name .. "_seconds must be a number above 0"
    end
    if limit then
      limit = math.tointeger(limit)
      if not limit or limit < 0 then return nil, "rate_limit." .. name .. " must be a whole number or false" end
      self[name] = window(limit, seconds, now)
    end
  end
  return self
end

local function look_fixed(w, now)
  local elapsed = now - w.origin
  local number = elapsed // w.seconds
  if number ~= w.number then
    w.number, w.count = number, 0
  end
  w.remaining = w.limit - w.count
  w.reset = (number + 1) * w.seconds - elapsed
end

local function look_sliding(w, now)
  local times, first, last = w.times, w.first, w.last
  local edge = now - w.seconds
  while first <= last and times[first] <= edge do
    times[first] = nil
    first = first + 1
  end
  w.first = first
  w.count = last - first + 1
  w.remaining = w.limit - w.count
  w.reset = w.count > 0 and times[first] - edge or 0
end

--- Count a request, unless it is beyond a limit.
-- @return true, or false and the seconds until it would be let in
function limits:take(now)
  local look = self.sliding and look_sliding or look_fixed
  local second, minute = self.second, self.minute
  local wait
  if second then
    look(second, now)
    if second.remaining <= 0 then wait = second.reset end
  end
  if minute then
    look(minute, now)
    if minute.remaining <= 0 and (not wait or minute.reset > wait) then wait = minute.reset end
  end
  if wait then
    self.refused = self.refused + 1
    return false, wait
  end
  for _, name in ipairs(NAMES) do
    local w = self[name]
    if w then
      w.count = w.count + 1
      w.remaining = w.remaining - 1
      if self.sliding then
        w.last = w.last + 1
        w.times[w.last] = now
        if w.count == 1 then w.reset = w.seconds end
      end
    end
  end
  return true
end

--- Take the last `take` back: its request never reached the server.
function limits:untake()
  for _, name in ipairs(NAMES) do
    local w = self[name]
    if w then
      w.count = w.count - 1
      w.remaining = w.remaining + 1
      if self.sliding then
        w.times[w.last] = nil
        w.last = w.last - 1
      end
    end
  end
end

--- Bring `remaining` and `reset` up to date without counting.
function limits:look(now)
  local look = self.sliding and look_sliding or look_fixed
  if self.second then look(self.second, now) end
  if self.minute then look(self.minute, now) end
end

--- Write the documented headers into `out` from index `n` + 1 on.
-- The plain trio speaks of the window that has less left.
-- @return the new n
function limits:headers(out, n)
  local second, minute = self.second, self.minute
  local plain = second or minute
  if not plain then return n end
  if second and minute and minute.remaining < second.remaining then plain = minute end
  out[n + 1], out[n + 2] = "ratelimit-limit", plain.limit
  out[n + 3], out[n + 4] = "ratelimit-remaining", plain.remaining
  out[n + 5], out[n + 6] = "ratelimit-reset", math.ceil(plain.reset)
  n = n + 6
  if second then
    out[n + 1], out[n + 2] = "x-ratelimit-limit-second", second.limit
    out[n + 3], out[n + 4] = "x-ratelimit-remaining-second", second.remaining
    n = n + 4
  end
  if minute then
    out[n + 1], out[n + 2] = "x-ratelimit-limit-minute", minute.limit
    out[n + 3], out[n + 4] = "x-ratelimit-remaining-minute", minute.remaining
    n = n + 4
  end
  return n
end

return limits
