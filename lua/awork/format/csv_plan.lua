--- From a header row to what is done with each column.
local columns = require "awork.format.columns"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"
local text = require "awork.format.text"

local M = {}

-- What opts.columns and opts.user say about columns of this file, by name as written, else folded.
local function overrides(opts, header, level)
  local by_index, missing = {}, nil
  local ignored = stream.ignored(opts)
  for i, name in ipairs(header) do
    if ignored(name) then by_index[i] = false end
  end
  local function index_of(name)
    local folded
    for i, column in ipairs(header) do
      if column == name then return i end
      if not folded and text.fold(column) == text.fold(name) then folded = i end
    end
    return folded
  end
  for name, wanted in pairs(opts.columns or {}) do
    local spec = wanted
    if type(wanted) == "string" then
      spec = columns.spec(wanted)
      if not spec then error(("columns['%s']: '%s' names nothing, unlike 'phone:work'"):format(name, wanted), level) end
    elseif wanted ~= false then
      error(("columns['%s'] must be a name such as 'phone:work', or false"):format(tostring(name)), level)
    end
    local i = index_of(name)
    if i then
      by_index[i] = spec
    elseif wanted then
      missing = missing or name
    end
  end
  local user = opts.user
  if user then
    local i = index_of(user)
    if i then return by_index, missing, i end
    local spec = columns.spec(user)
    if not spec or spec.field ~= "value" then missing = missing or user end
    return by_index, missing, nil, spec
  end
  return by_index, missing
end

--- How many of these names are understood.
function M.understood(header)
  local count = 0
  for _, name in ipairs(header) do
    if columns.find(text.trim(name)) then count = count + 1 end
  end
  return count
end

-- The subtype of a column that does not say one: a list of employees is meant.
local DEFAULTS = {
  phone = "work", email = "work", address = "work", urls = "work", messenger = "other", social = "other",
}

-- Google's columns that hold no value.
local KINDS = { label = true, service = true, ignore = true }
local function says_kind(spec) return spec.google and KINDS[spec.field] end

-- Which column is what: for each a specification (columns.lua), false or nil. Subtypes that are not said are filled in.
local function specify(header, special, defaults)
  local specs, google, has_first = {}, {}, false
  for i, name in ipairs(header) do
    local spec = special[i]
    if spec == nil and name ~= "" then spec = columns.find(name) end
    specs[i] = spec
    if spec and spec.person == "firstName" then has_first = true end
    -- Google's columns come in sets; those that say the kind are looked up by their number.
    if spec and says_kind(spec) then google[spec.type .. spec.n .. spec.field] = i end
  end
  for i = 1, #header do
    local spec = specs[i] or {}
    if spec.person == "name" and has_first then
      spec.person = "lastName" -- "Name; Vorname"
    elseif spec.google or spec.guessed then
      spec.subType = spec.subType or defaults[spec.type] or DEFAULTS[spec.type]
      if spec.google then
        spec.kind = google[spec.type .. spec.n .. "service"] or google[spec.type .. spec.n .. "label"]
      end
    end
  end
  return specs
end

local function key_of(spec)
  return ("%s\0%s\0%d\0%s"):format(spec.type, spec.subType, spec.n, spec.google and "google" or "")
end

--- What is done with each column of `header`: `person` (field → column), `infos` (producers of contact infos, in the
-- order of the columns: of one column, or of several with `fields`), `unmapped` (columns), `unknown` (see person.lua),
-- `user_column`, `user_spec`; and a list of warnings. nil and an error if the header can't be used.
function M.compile(header, opts, file, level)
  local plan, warnings = { person = {}, infos = {}, unmapped = {}, unknown = {} }, {}
  local function warn(name, message) warnings[#warnings + 1] = { column = name, message = message } end
  local special, missing, user_column, user_spec = overrides(opts, header, level + 1)
  if missing then
    return nil, stream.fail("columns", ("there is no column '%s'"):format(missing), { file = file }, true)
  end
  plan.user_column, plan.user_spec = user_column, user_spec

  local specs = specify(header, special, opts.defaults or {})
  local several = {} -- contact infos of more than one column
  for i = 1, #header do
    local spec = specs[i]
    if spec and not spec.person and not says_kind(spec) and (spec.field ~= "value" or spec.type == "address") then
      several[key_of(spec)] = true
    end
  end

  local groups = {}
  for i, name in ipairs(header) do
    local spec = specs[i]
    if not spec then
      if spec == nil and i ~= user_column then
        plan.unmapped[#plan.unmapped + 1] = i
        if name ~= "" then
          warn(name, "not understood as a contact info; it is left out")
          plan.unknown[#plan.unknown + 1] = { name = name, what = "column" }
        end
      end
    elseif spec.person then
      if plan.person[spec.person] then
        warn(name, ("also gives %s, which is taken from '%s'"):format(spec.person, header[plan.person[spec.person]]))
      else
        plan.person[spec.person] = i
      end
    elseif not says_kind(spec) then
      local key = key_of(spec)
      if not several[key] then
        plan.infos[#plan.infos + 1] = {
          index = i, column = name, type = spec.type, subType = spec.subType, kind = spec.kind,
        }
      else
        local group = groups[key]
        if not group then
          group = { type = spec.type, subType = spec.subType, kind = spec.kind, fields = {}, columns = {} }
          groups[key] = group
          plan.infos[#plan.infos + 1] = group
        end
        group.loose = group.loose or spec.guessed or spec.google
        if group.columns[spec.field] then
          warn(name, ("also gives %s, which is taken from '%s'"):format(spec.field, group.columns[spec.field]))
        else
          group.fields[#group.fields + 1] = { index = i, column = name, field = spec.field }
          group.columns[spec.field] = name
        end
      end
    end
  end
  -- "Land" alone, without a street's column, says where somebody is, and is no postal address.
  for k = #plan.infos, 1, -1 do
    local group = plan.infos[k]
    if group.loose and not group.columns.addressLine1 and not group.columns.poBox then
      for _, part in ipairs(group.fields) do
        warn(part.column, "part of an address without a column for its street; it is left out")
        plan.unmapped[#plan.unmapped + 1] = part.index
      end
      table.remove(plan.infos, k)
    end
  end
  -- Our own file of people without any contact info is one; any other has names that we don't know.
  local bare = #plan.infos == 0 and plan.person.user
  for _, name in ipairs(header) do bare = bare and columns.spec(name) end
  if #plan.infos == 0 and not bare then
    return nil, stream.fail("columns", "none of the columns is understood as a contact info: say which is which, as in "
      .. "columns = { ['Durchwahl'] = 'phone:work' } (found: " .. persons.excerpt(table.concat(header, ", ")) .. ")",
      { file = file }, true)
  end
  return plan, warnings
end

return M
