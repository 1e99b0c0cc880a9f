--- Times as awork and HTTP write them, to and from epoch seconds.
local time = {}

local MONTHS = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}
local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- No date-time is longer than so many bytes.
local MOST = 64

-- Seconds from 1970 to a time in UTC, or nil if there is no such time. os.time is no help: it thinks in local time.
local function epoch(year, month, day, hour, minute, second)
  if month < 1 or month > 12 or hour > 23 or minute > 59 or second >= 61 then
    return nil
  end
  local leap = (year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0) and 1 or 0
  if day < 1 or day > DAYS[month] + (month == 2 and leap or 0) then
    return nil
  end
  -- Days from the first of March of year 0: February, the odd one, comes last.
  local y = month > 2 and year or year - 1
  local m = month > 2 and month - 3 or month + 9
  local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 1 - 719468
  return ((days * 24 + hour) * 60 + minute) * 60 + second
end

--- Reads an ISO 8601 date-time as awork sends it: up to nine fractional digits, `Z`, an offset, or nothing (UTC).
---@param s any
---@return number? seconds since 1970, with the fraction; nil if it is no date-time
function time.parse_iso(s)
  if type(s) ~= "string" or #s > MOST then
    return nil
  end
  local year, month, day, hour, minute, second, rest =
    s:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(.*)$"
  if not year then
    return nil
  end
  local fraction, zone = rest:match "^(%.%d+)(.*)$"
  if not fraction then
    fraction, zone = "0", rest
  end
  local offset = 0
  if zone ~= "" and zone ~= "Z" and zone ~= "z" then
    local sign, hours, minutes = zone:match "^([+-])(%d%d):?(%d%d)$"
    if not sign then
      return nil
    end
    offset = (tonumber(hours) * 60 + tonumber(minutes)) * 60 * (sign == "-" and -1 or 1)
  end
  local at = epoch(
    math.tointeger(year), math.tointeger(month), math.tointeger(day),
    math.tointeger(hour), math.tointeger(minute), math.tointeger(second)
  )
  return at and at + tonumber("0" .. fraction) - offset
end

--- The same time as RFC 3339 has it, which is what awork's description asks for: date, `T`, seconds, and `Z` or an
-- offset with its colon.
---@param s any
---@return string? text `s` itself if it is so already; with `Z` added, or otherwise put right; nil if it is no time
function time.rfc3339(s)
  if type(s) ~= "string" then
    return nil
  end
  local date, clock, rest = s:match "^(%d%d%d%d%-%d%d%-%d%d)[Tt ](%d%d:%d%d)(.*)$"
  if not date then
    date, clock, rest = s:match "^(%d%d%d%d%-%d%d%-%d%d)$", "00:00", ""
  end
  if not date then
    return nil
  end
  local seconds, fraction, zone = rest:match "^(:%d%d)(%.?%d*)(.*)$"
  if not seconds then
    seconds, fraction, zone = ":00", "", rest
  end
  if zone == "" or zone == "z" then
    zone = "Z"
  elseif zone ~= "Z" then
    local sign, hours, minutes = zone:match "^([+-])(%d%d):?(%d%d)$"
    if not sign then
      return nil
    end
    zone = sign .. hours .. ":" .. minutes
  end
  local text = date .. "T" .. clock .. seconds .. fraction .. zone
  return time.parse_iso(text) and text or nil
end

--- Writes epoch seconds as a time in UTC that says nothing of its offset, as a `datetime'…'` of awork's filters has it;
-- a fraction is kept to the millisecond.
---@param seconds number
---@return string
function time.format_plain(seconds)
  return (time.format_iso(seconds):gsub("Z$", ""))
end

--- Reads a `Date` header (RFC 9110, IMF-fixdate; the two obsolete forms are not read).
---@param s any
---@return integer? seconds since 1970
function time.parse_http(s)
  if type(s) ~= "string" then
    return nil
  end
  local day, month, year, hour, minute, second =
    s:match "^[A-Za-z]+, (%d%d) ([A-Za-z][A-Za-z][A-Za-z]) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$"
  if not day or not MONTHS[month] then
    return nil
  end
  return epoch(
    math.tointeger(year), MONTHS[month], math.tointeger(day),
    math.tointeger(hour), math.tointeger(minute), math.tointeger(second)
  )
end

--- Writes epoch seconds as ISO 8601 in UTC; a fraction is kept to the millisecond.
---@param seconds number
---@return string
function time.format_iso(seconds)
  local whole = math.floor(seconds)
  local milliseconds = math.floor((seconds - whole) * 1000 + 0.5)
  if milliseconds == 1000 then
    whole, milliseconds = whole + 1, 0
  end
  local text = os.date("!%Y-%m-%dT%H:%M:%S", whole)
  return text .. (milliseconds > 0 and (".%03dZ"):format(milliseconds) or "Z")
end

return time
