--- The options of plan and apply: defaults, and what is refused. A misspelt option raises: it might be the seat belt.
local core = require "awork.core"
local normalise = require "awork.desired.normalise"
local owners = require "awork.desired.owners"

local M = {}

local function bad(name, message)
  error(("bad option '%s' (%s)"):format(tostring(name), message), 0)
end

local function check(opts, known)
  if opts == nil then
    return {}
  end
  if type(opts) ~= "table" then
    error("bad options (table expected, got " .. type(opts) .. ")", 0)
  end
  local copy = {}
  for name, value in pairs(opts) do
    local kind = known[name]
    if not kind then
      bad(name, "unknown option")
    end
    if type(kind) == "string" and type(value) ~= kind then
      bad(name, kind .. " expected, got " .. type(value))
    elseif type(kind) == "function" then
      local message
      value, message = kind(value)
      if message then
        bad(name, message)
      end
    end
    copy[name] = value
  end
  return copy
end
M.check = check

local function count(v)
  if v == false or v == math.huge then
    return false
  end
  local whole = type(v) == "number" and math.tointeger(v)
  if not whole or whole < 0 then
    return nil, "a whole number from 0 or false expected"
  end
  return whole
end
M.count = count

-- The types and subtypes that awork has, of users and companies together: { phone = { work = true, … }, … }.
local function known_types()
  local known = {}
  for _, owner in ipairs { "user", "company" } do
    for _, kind in ipairs(core.types(owner)) do
      known[kind.type] = known[kind.type] or {}
      for _, subtype in ipairs(kind.subtypes) do
        known[kind.type][subtype] = true
      end
    end
  end
  return known
end

-- `only`: "phone", { "phone", "email/private", { type = "urls", subType = "work" } } → list of { type=, subType= }.
local function only(value)
  if type(value) == "string" then
    value = { value }
  elseif type(value) == "table" and value.type ~= nil then
    value = { value }
  end
  if type(value) ~= "table" or #value == 0 then
    return nil, "a list of types expected"
  end
  local known, list = known_types(), {}
  for i, item in ipairs(value) do
    if type(item) == "string" then
      local kind, subtype = item:match "^([^/]*)/(.*)$"
      item = { type = kind or item, subType = subtype }
    end
    if type(item) ~= "table" or type(item.type) ~= "string" then
      return nil, "a list of types expected"
    end
    if not known[item.type] then
      return nil, ("no type %q"):format(item.type)
    elseif item.subType ~= nil and not (known[item.type][item.subType] or item.type == "custom") then
      return nil, ("no subtype %q of %s"):format(tostring(item.subType), item.type)
    end
    list[i] = { type = item.type, subType = item.subType }
  end
  return list
end

local function country(value)
  if not normalise.numbering(value) then
    return nil, "a two-letter country code or a calling code expected"
  end
  return value
end

local function touch(value)
  local known, set = {}, {}
  for _, name in ipairs(owners.TOUCHABLE) do
    known[name] = true
  end
  if type(value) == "string" then
    value = { value }
  elseif type(value) ~= "table" then
    return nil, "a list expected"
  end
  for key, item in pairs(value) do
    local name = item
    if type(key) == "string" then
      name = item and key
    end
    if name and not known[name] then
      return nil, "one of " .. table.concat(owners.TOUCHABLE, ", ") .. " expected"
    end
    if name then
      set[name] = true
    end
  end
  return set
end

local PLAN = { prune = "boolean", only = only, replace = "boolean", default_country = country, touch = touch,
  delete_limit = count, keeps = "boolean" }

--- Options of a plan.
--
-- | option | default | meaning |
-- | --- | --- | --- |
-- | `prune` | false | delete what the people named have and the desired state does not |
-- | `only` | all | the types (`"phone"`), or subtypes (`"email/private"`), that are ours; no other is looked at |
-- | `replace` | false | a missing info takes the place of the only other one of its type and subtype |
-- | `default_country` | none | whose numbers are written without a calling code: "DE" or "49" |
-- | `touch` | none | list of what may be touched: external, agent, api_user, deleted, archived, deactivated,
--   login |
-- | `delete_limit` | 10 % of what is in scope, at least 20 | with more deletions and replacements than this, nothing is
--   applied; `false` for no limit |
-- | `keeps` | false | list in `plan.keeps` what stays as it is (it is counted anyway) |
-- @return copy of the options, with `prune`, `replace` and `touch` set
function M.plan(opts)
  local copy = check(opts, PLAN)
  copy.prune, copy.replace = copy.prune or false, copy.replace or false
  copy.touch = copy.touch or {}
  return copy
end

--- The scope as a predicate.
-- @param list option `only`, checked, or nil
-- @return fn(type, subType) → boolean
function M.scope(list)
  if not list then
    return function() return true end
  end
  local types, subtypes = {}, {}
  for _, item in ipairs(list) do
    if item.subType then
      subtypes[item.type .. "\30" .. item.subType] = true
    else
      types[item.type] = true
    end
  end
  return function(kind, subtype)
    if type(kind) ~= "string" then
      return false
    end
    return types[kind] or subtypes[kind .. "\30" .. normalise.fold(subtype)] or false
  end
end

return M
