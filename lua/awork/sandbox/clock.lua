--- The server's clock: real time, moved by an offset, to the tick of 100 ns.
local clock = {}
clock.__index = clock

local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

--- A clock that `set` has to be called for. Fields: `mono` (monotonic seconds), `sec` (since the epoch), `ticks`
-- (of 100 ns, within the second), `http_date`.
function clock.new()
  return setmetatable({ mono = 0.0, sec = 0, ticks = 0, offset_seconds = 0, offset_ticks = 0 }, clock)
end

--- Be so many seconds ahead of the real time, from the next `set` on.
function clock:offset(seconds)
  self.offset_seconds = math.floor(seconds)
  self.offset_ticks = math.floor((seconds - self.offset_seconds) * 1e7)
  self.iso_second = nil
end

--- Take the host clock's three numbers for the request at hand: monotonic seconds, seconds, ticks.
function clock:set(m, s, t)
  local sec, ticks = s + self.offset_seconds, t + self.offset_ticks
  if ticks >= 10000000 then
    sec, ticks = sec + 1, ticks - 10000000
  end
  self.mono, self.sec, self.ticks = m, sec, ticks
  if sec ~= self.iso_second then
    local d = os.date("!*t", sec)
    self.iso_second = sec
    self.iso_prefix = ("%04d-%02d-%02dT%02d:%02d:%02d."):format(d.year, d.month, d.day, d.hour, d.min, d.sec)
    self.http_date = ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[d.wday], d.day, MONTHS[d.month], d.year,
      d.hour, d.min, d.sec)
  end
end

--- The time as ISO 8601, with seven fractional digits.
function clock:iso()
  return self.iso_prefix .. ("%07dZ"):format(self.ticks)
end

--- Seconds since the epoch, with a fraction.
function clock:epoch()
  return self.sec + self.ticks * 1e-7
end

return clock
