-- What awork.validate costs beside others, in one run: the floor (a C function that reads the eleven fields), a
-- validator written by hand in Lua, one in the way of tableshape (a tree of checker objects, built once).
-- Usage: lua5.4 bench/validate.lua [rounds]; ajv's compiled schema stands in bench/validate_ajv.mjs.
local awork = require "awork"
local floor = require "validate_floor"

local records = {
  phone = { type = "phone", subType = "work", value = "+49 30 23125 001" },
  email = { type = "email", subType = "work", value = "erika.mustermann@example.com" },
  address = {
    type = "address", subType = "work", addressLine1 = "Torstraße 140", addressLine2 = "Hof A", zipCode = "10119",
    city = "Berlin", country = "DE", isAddress = true,
  },
}

-- All Lua validators check what the schema says (types, lengths in code points, types and subtypes, required address
-- fields, countries, unknown fields): no hints, no warnings.
local limits = {}
for _, field in ipairs(awork.fields()) do
  limits[field.name] = field.max_length
end
local types = {}
for _, entry in ipairs(awork.types "user") do
  local set = {}
  for _, subtype in ipairs(entry.subtypes) do
    set[subtype] = true
  end
  types[entry.type] = set
end
local countries = {}
for _, country in ipairs(awork.countries()) do
  countries[country] = true
end
local required = { "addressLine1", "zipCode", "city", "country" }

local function by_hand(info)
  local violations
  local function violate(property, rule)
    violations = violations or {}
    violations[#violations + 1] = { property = property, rule = rule }
  end
  for name, value in pairs(info) do
    if name == "isAddress" then
      if type(value) ~= "boolean" then
        violate(name, "type")
      end
    else
      local max = limits[name]
      if not max then
        violate(name, "unknown-field")
      elseif type(value) ~= "string" then
        violate(name, "type")
      else
        local length = utf8.len(value)
        if not length then
          violate(name, "utf8")
        elseif length > max then
          violate(name, "length")
        end
      end
    end
  end
  local subtypes = types[info.type]
  if info.type and not subtypes then
    violate("type", "possible-values")
  elseif info.subType and not (subtypes and subtypes[info.subType]) then
    violate("subType", "possible-values")
  end
  if info.country and not countries[info.country] then
    violate("country", "country")
  end
  if (info.type == "address") ~= (info.isAddress == true) then
    violate("isAddress", "inconsistent")
  end
  if info.isAddress then
    for _, name in ipairs(required) do
      if not info[name] then
        violate(name, "required")
      end
    end
  end
  return violations == nil, violations
end

-- The same with what awork.validate looks at besides: white space at the ends, control characters, UTF-16 length, what
-- an email address, a phone number, a URL and a missing value look like.
local function by_hand_with_warnings(info)
  local ok, violations = by_hand(info)
  local warnings
  local function warn(property, rule)
    warnings = warnings or {}
    warnings[#warnings + 1] = { property = property, rule = rule }
  end
  for name, value in pairs(info) do
    if type(value) == "string" then
      if value:find "^%s" or value:find "%s$" or value:find "^\u{a0}" or value:find "\u{a0}$" then
        warn(name, "white-space")
      end
      if value:find "[%c\u{7f}]" then
        warn(name, "control-character")
      end
      local _, pairs_of_units = value:gsub("[\xf0-\xf4]", "")
      if (utf8.len(value) or 0) + pairs_of_units > limits[name] then
        warn(name, "utf16-length")
      end
    end
  end
  local value, kind = info.value, info.type
  if kind ~= "address" and (not value or not value:find "%S") then
    warn("value", "no-value")
  elseif kind == "email" and not value:find "^[^%s@]+@[^%s@]+%.[^%s@]+$" then
    warn("value", "email-format")
  elseif kind == "phone" then
    local _, digits = value:gsub("%d", "")
    if digits < 3 or value:find "%a" then
      warn("value", "phone-format")
    end
  elseif kind == "urls" and not value:find "^%a[%w+.-]*://[^/%s]+" then
    warn("value", "url-format")
  end
  if kind ~= "address" then
    for _, name in ipairs(required) do
      if info[name] then
        warn(name, "not-an-address")
      end
    end
  end
  return ok, violations, warnings
end

-- The way of tableshape: every check is an object with a method that returns true or nil and a message; a shape walks
-- its fields, then the table for unknown ones.
local Type = {}
Type.__index = Type
local function checker(check)
  return setmetatable({ check = check }, Type)
end
function Type:optional()
  local inner = self
  return checker(function(_, value)
    if value == nil then
      return true
    end
    return inner:check(value)
  end)
end
function Type:also(other)
  local inner = self
  return checker(function(_, value)
    local ok, message = inner:check(value)
    if not ok then
      return nil, message
    end
    return other:check(value)
  end)
end
local function of_type(name)
  return checker(function(_, value)
    if type(value) == name then
      return true
    end
    return nil, ("got type `%s`, expected `%s`"):format(type(value), name)
  end)
end
local function longest(max)
  return checker(function(_, value)
    local length = utf8.len(value)
    if length and length <= max then
      return true
    end
    return nil, ("expected at most %d characters"):format(max)
  end)
end
local function one_of(set)
  return checker(function(_, value)
    if set[value] then
      return true
    end
    return nil, "not one of the possible values"
  end)
end
local function shape(fields)
  return checker(function(_, value)
    if type(value) ~= "table" then
      return nil, "expected a table"
    end
    local remaining = {}
    for key in pairs(value) do
      remaining[key] = true
    end
    local errors
    for key, inner in pairs(fields) do
      local ok, message = inner:check(value[key])
      if not ok then
        errors = errors or {}
        errors[#errors + 1] = ("field `%s`: %s"):format(key, message)
      end
      remaining[key] = nil
    end
    local extra = next(remaining)
    if extra then
      errors = errors or {}
      errors[#errors + 1] = "extra field " .. tostring(extra)
    end
    if errors then
      return nil, table.concat(errors, "; ")
    end
    return true
  end)
end
local shapes = {}
for name, subtypes in pairs(types) do
  local fields = {}
  for _, field in ipairs(awork.fields()) do
    if field.name == "isAddress" then
      fields[field.name] = of_type("boolean"):optional()
    else
      fields[field.name] = of_type("string"):also(longest(field.max_length)):optional()
    end
  end
  fields.type = of_type("string"):also(one_of { [name] = true })
  fields.subType = of_type("string"):also(one_of(subtypes)):optional()
  fields.country = of_type("string"):also(one_of(countries)):optional()
  if name == "address" then
    for _, key in ipairs(required) do
      fields[key] = of_type("string"):also(longest(limits[key]))
    end
    fields.country = fields.country:also(one_of(countries))
    fields.isAddress = one_of { [true] = true }
  end
  shapes[name] = shape(fields)
end
local function tableshape_way(info)
  local found = shapes[info.type]
  if not found then
    return nil, "unknown type"
  end
  return found:check(info)
end

local contenders = {
  { name = "floor: C reads the eleven fields", fn = floor, per = 400000 },
  { name = "awork.validate", fn = awork.validate, per = 400000 },
  { name = "by hand in Lua, the same checks", fn = by_hand_with_warnings, per = 50000 },
  { name = "by hand in Lua, schema only", fn = by_hand, per = 100000 },
  { name = "the way of tableshape, schema only", fn = tableshape_way, per = 50000 },
}

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local rounds = tonumber(arg and arg[1]) or 7
print(("%-36s %-8s %10s %10s"):format("validator", "record", "ns each", "× floor"))
for _, kind in ipairs { "phone", "email", "address" } do
  local record, times = records[kind], {}
  for i, contender in ipairs(contenders) do
    assert(contender.fn(record), contender.name)
    times[i] = {}
  end
  for _ = 1, rounds do
    for i, contender in ipairs(contenders) do
      local fn, start = contender.fn, os.clock()
      for _ = 1, contender.per do
        fn(record)
      end
      times[i][#times[i] + 1] = (os.clock() - start) / contender.per * 1e9
    end
  end
  local base
  for i, contender in ipairs(contenders) do
    local ns = median(times[i])
    base = base or ns
    print(("%-36s %-8s %10.0f %10.2f"):format(contender.name, kind, ns, ns / base))
  end
end

-- Memory: a valid record costs nothing beyond the call's own.
collectgarbage()
collectgarbage "stop"
local before = collectgarbage "count"
for _ = 1, 10000 do
  awork.validate(records.phone)
end
local grown = (collectgarbage "count" - before) * 1024
collectgarbage "restart"
print(("bytes allocated in Lua by 10,000 validations of a valid record: %d"):format(grown))
