--- What is to be done about a change, given what is there. Each change finds out by itself whether it is done already.
local normalise = require "awork.desired.normalise"
local odd = require "awork.desired.odd"
local time = require "awork.time"

local FIELDS = normalise.FIELDS

local M = {}

-- Seconds by which the clocks of awork's machines may differ among each other; Date is in whole seconds beside.
local TOLERANCE, WHOLE_SECOND = 2, 1

-- "2026-08-01T09:30:00.1200000Z" and "…00.12+00:00" are one time.
local function time_key(text)
  if type(text) ~= "string" then
    return nil
  end
  return (text:gsub("%+00:00$", "Z"):gsub("(%.%d-)0+Z$", "%1Z"):gsub("%.Z$", "Z"))
end

-- Are all fields of the form the same, to the letter?
local function same_form(a, b)
  for _, field in ipairs(FIELDS) do
    if odd.key(a[field]) ~= odd.key(b[field]) then
      return false
    end
  end
  return true
end

local function as_seen(change, info)
  return same_form(change.before, info)
    and (change.updatedOn == nil or time_key(change.updatedOn) == time_key(info.updatedOn))
end

-- Was something done while the request was under way, by the server's clock? nil when that can't be told.
local function is_within(window, text)
  local at = time.parse_iso(text)
  if not window or not at then
    return nil
  end
  return at >= window.from - TOLERANCE, at > window.to + WHOLE_SECOND + TOLERANCE
end

-- Undo of a create whose answer was not seen: the one that was created while its request was under way, by whoever the
-- token belongs to, and is still as it was made.
local function created_meanwhile(change, state)
  local found, later = {}, false
  local equal = state:exact(change.before)
  for _, record in ipairs(equal) do
    local since, after = is_within(change.window, record.info.createdOn)
    if since == nil then
      return "stale", "an equal one is there: whether this made it is not known"
    elseif since and after then
      later = true
    elseif since then
      found[#found + 1] = record
    end
  end
  if #found == 0 then
    if later then
      return "stale", "an equal one was created later, by somebody else"
    elseif #equal > (change.twins or 0) then
      return "stale", "an equal one is there that was not, though it says it is older"
    end
    return "already"
  elseif #found > 1 then
    return "stale", "several contact infos are equal: which one was made is not known"
  end
  local info = found[1].info
  if change.unsent then
    return "stale", "an equal one was created meanwhile, but nothing says that its request was sent"
  elseif change.by and type(info.createdBy) == "string"
    and normalise.lower(info.createdBy) ~= normalise.lower(change.by) then
    return "stale", "an equal one was created meanwhile, by somebody else"
  elseif time_key(info.createdOn) ~= time_key(info.updatedOn) then
    return "stale", "it has been changed"
  end
  return "do", found[1]
end

local function decide_create(change, state)
  -- Undo of a delete whose answer was not seen.
  if change.was and state:find(change.was) then
    return "already", state:find(change.was)
  end
  local count, first, others = state:equal(change.form)
  if count > (change.twins or 0) then
    return "already", first
  elseif change.unsent then
    return "stale", "it is gone, but nothing says that its request was sent"
  elseif others and change.why ~= "undo" then
    return "stale", "a contact info with this value has been added"
  end
  return "do"
end

--- Decides.
-- @param change of a plan
-- @param state see state.lua
-- @return "do" and the record that is meant (none for a create); "already" and the record that is there, if any; or
--   "stale" and why
function M.decide(change, state)
  if change.op == "create" then
    return decide_create(change, state)
  elseif change.by_content then
    return created_meanwhile(change, state)
  end
  local record = state:find(change.id)
  if change.op == "delete" then
    if not record then
      return "already"
    end
  elseif not record then
    return "stale", "it is gone"
  elseif same_form(change.form, record.info) then
    return "already", record
  end
  if not as_seen(change, record.info) then
    return "stale", "it has been changed"
  elseif change.unsent then
    return "stale", "it is as this would have made it, but nothing says that its request was sent"
  elseif change.window then
    local since, after = is_within(change.window, record.info.updatedOn)
    if since == nil or not since or after then
      return "stale", "it was changed at another time than this would have been"
    end
  end
  return "do", record
end

--- How many equal ones there are beside it: undo must tell it from its twins.
-- @return integer
function M.twins(change, state, record)
  return state:twins(change.op == "delete" and change.before or change.form, record)
end

--- The state as it will be once the change is done: what the next change of the same person is decided on.
function M.assume(change, state, record)
  if change.op ~= "create" then
    state:remove(record)
  end
  if change.op ~= "delete" then
    local after = { id = record and record.info.id }
    for field, value in pairs(change.form) do
      after[field] = value
    end
    state:add(after)
  end
end

return M
