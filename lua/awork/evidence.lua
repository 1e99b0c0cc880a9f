--- What an owner's contact infos say about a create in doubt: its contact info is there, it is not, or that can't be
-- told. Nothing here sends; readback.lua gives it the pages.
--
-- A contact info is the one that a create made if it is
--   * equal in all fields that were sent,
--   * not the result of another create of this client, and
--   * created since the request began, by the server's clock (its Date header tells how its clock stands; TOLERANCE
--     for the clocks of awork's machines among each other).
-- One that is equal but of another time may be ours by a clock that is wrong; one that differs in no more than case,
-- spaces and punctuation may be ours as the server has tidied it up. Where such a one is, nothing is certain.
local core = require "awork.core"
local resource = require "awork.resource"
local time = require "awork.time"

local is_guid = core.is_guid
local PAGE_SIZE = resource.PAGE_SIZE
-- A third clock, beside the server's two; a host may have taken it away.
local wall_clock = os and os.time

local evidence = {}

-- awork's machines may differ in their clocks by so many seconds, and Date is in whole ones.
local TOLERANCE, DATE_STEP = 2, 1

-- An equal contact info is known not to be ours if every clock says that it is older than the request by more than
-- this: a day is more than a wrong time zone makes. One that is merely alike: a minute.
local OLD, OLD_ALIKE = 86400, 60

-- So many contact infos are judged before others may run.
local STRIDE = 16

-- What was created before the year 2000 was not: the server has no time for it.
local EARLIEST = 946684800

-- By ASCII alone, whatever the locale says.
local LOWER = {}
for byte = 65, 90 do
  LOWER[string.char(byte)] = string.char(byte + 32)
end

local IS_FIELD = {}
for _, field in ipairs(core.fields()) do
  IS_FIELD[field.name] = true
end

local function is_equal(form, info)
  for name, value in next, form do
    if info[name] ~= value then
      return false
    end
  end
  return true
end

-- What is left of a value when case, spaces and punctuation are no matter. An empty text, false and none are the same.
local function fold(value)
  if value == nil or value == false or value == core.null then
    return ""
  end
  return (tostring(value):gsub("[^0-9A-Za-z\128-\255]+", ""):gsub("[A-Z]", LOWER))
end

-- Equal in the fields that awork knows, up to what fold takes away.
local function is_alike(form, info)
  for name, value in next, form do
    if IS_FIELD[name] and info[name] ~= value and fold(info[name]) ~= fold(value) then
      return false
    end
  end
  return true
end

-- What one contact info means for a create: "made" by it, "unsure", or nil: nothing. And when it was created.
local function judge(case, info, window)
  local equal = is_equal(case.form, info)
  if not equal and not is_alike(case.form, info) then
    return nil
  elseif not is_guid(info.id) then
    return "unsure"
  elseif case.is_claimed(info.id) then
    return nil
  end
  local created = time.parse_iso(info.createdOn)
  if not created or created < EARLIEST or not window then
    return "unsure"
  elseif equal and created >= window.first and created <= window.last then
    return "made", created
  elseif created < window.oldest - (equal and OLD or OLD_ALIKE) then
    return nil
  end
  return "unsure"
end

-- Between which times, by the server's clock, the create can have taken effect; nil if that clock is not known.
local function window_of(case, headers, age, received)
  local date = time.parse_http(headers.date)
  if not date or age == math.huge then
    return nil
  end
  -- A clock that runs backwards must make nothing older.
  local elapsed, server_now = math.max(received - case.began, 0), date + age
  local first = server_now - elapsed - TOLERANCE
  local oldest = wall_clock and math.min(first, wall_clock() - elapsed) or -math.huge
  return { first = first, last = server_now + DATE_STEP + TOLERANCE, oldest = oldest, now = server_now }
end

-- Seconds that an answer has spent in a cache.
local function age_of(headers)
  local age = headers.age
  return not age and 0 or age:find "^%d%d?%d?%d?%d?$" and tonumber(age) or math.huge
end

-- True if the server's clock has moved as ours since the first answer. If it stood still the answers are a cache's.
local function clock_moves(case, window, received)
  local first = case.first
  if not first then
    case.first = { now = window.now, received = received }
    return true
  end
  return window.now - first.now >= received - first.received - TOLERANCE - DATE_STEP
end

--- A create in doubt, for read.
---@param body table what was sent
---@param began number when its first request began, by the client's clock
---@param is_claimed fun(id: string): boolean true for the result of another create
---@param breathe fun() called every few contact infos, to let others run
---@return table case
function evidence.case(body, began, is_claimed, breathe)
  return { form = body, began = began, is_claimed = is_claimed, breathe = breathe }
end

local function count_of(headers, name)
  return math.tointeger(tonumber(headers[name] or ""))
end

-- The state of one reading: what its pages have said so far.
local function take_page(case, reading, list, headers, window)
  local is_new = false
  for i, info in ipairs(list) do
    if i % STRIDE == 0 then
      case.breathe()
    end
    if type(info) ~= "table" then
      reading.whole = false
    else
      local id = info.id
      if id ~= nil and not reading.ids[id] then
        reading.ids[id], is_new = true, true
      else
        reading.whole = false
      end
      local verdict, created = judge(case, info, window)
      if verdict == "unsure" then
        reading.unsure = true
      elseif verdict and (not reading.made or created < reading.created) then
        reading.made, reading.created = info, created
      end
    end
  end
  reading.seen = reading.seen + #list
  local total = count_of(headers, "aw-totalitems")
  if reading.page > 1 and (total ~= reading.total or not total) then
    reading.whole = false -- it changed between two pages, or nothing would tell if it did
  end
  reading.total = total
  if #list == 0 or not is_new then
    return true
  elseif total then
    return reading.seen >= total
  end
  return #list < math.min(PAGE_SIZE, count_of(headers, "aw-pagesize") or PAGE_SIZE)
end

--- Reads the owner's contact infos, all of them, and says what they mean.
--
-- "absent": a whole list does not have it; with the time, by the client's clock, from which that list is. "unsure":
-- one is there that may be it. "partial": the list may lack something, or comes from a cache. "unread": there is none.
---@param case table
---@param fetch fun(page: integer): table?, table?, number?, number? a page, its headers, when it was asked for and when
-- it came; or nil, err
---@return "made"|"absent"|"unsure"|"partial"|"unread" verdict
---@return table|number|nil what the contact info; the time; err, if there is one
function evidence.read(case, fetch)
  local reading = { page = 1, seen = 0, ids = {}, whole = true, unsure = false }
  local as_of = math.huge
  repeat
    local list, headers, asked, received = fetch(reading.page)
    if not list then
      return "unread", headers
    end
    local age = age_of(headers)
    local window = window_of(case, headers, age, received)
    -- A cache was asked to keep out of it: what it gives all the same is not believed.
    if age > 0 or not window or not clock_moves(case, window, received) then
      reading.whole = false
    end
    as_of = math.min(as_of, asked)
    local is_last = take_page(case, reading, list, headers, window)
    reading.page = reading.page + 1
  until is_last
  if reading.made then
    return "made", reading.made
  elseif reading.unsure then
    return "unsure"
  elseif not reading.whole or (reading.total and reading.total ~= reading.seen) then
    return "partial"
  end
  return "absent", as_of
end

return evidence
