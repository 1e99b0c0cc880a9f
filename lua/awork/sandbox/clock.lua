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

-- A second as the beginning of an ISO 8601 time, and as a Date header.
local function written(second)
  local d = os.date("!*t", second)
  return ("%04d-%02d-%02dT%02d:%02d:%02d."):format(d.year, d.month, d.day, d.hour, d.min, d.sec),
    ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[d.wday], d.day, MONTHS[d.month], d.year, d.hour, d.min, d.sec)
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
    self.iso_second = sec
    self.iso_prefix, self.http_date = written(sec)
  end
end

--- The time as ISO 8601, with seven fractional digits.
function clock:iso()
  return self.iso_prefix .. ("%07dZ"):format(self.ticks)
end

--- The time in .NET's ticks: 100 ns since the year 1.
function clock:dotnet_ticks()
  return (self.sec + 62135596800) * 10000000 + self.ticks
end

--- A time that a fault wants as createdOn: so many seconds away from now; a text stays as it is.
function clock:shifted_iso(v)
  if type(v) == "string" then return v end
  local ticks = self.ticks + math.floor(v * 1e7)
  return (written(self.sec + ticks // 10000000)) .. ("%07dZ"):format(ticks % 10000000)
end

--- The same as a Date header; nil for false.
function clock:shifted_date(v)
  if v == false then return nil end
  if type(v) == "string" then return v end
  return (select(2, written(self.sec + math.floor(v))))
end

--- Move on by so many seconds, from the next `set` on.
function clock:advance(seconds)
  self:offset(self.offset_seconds + self.offset_ticks * 1e-7 + seconds)
end

--- Seconds since the epoch, with a fraction.
function clock:epoch()
  return self.sec + self.ticks * 1e-7
end

return clock
