--- From a header row to what is done with each column.
local addresses = require "awork.format.csv_addresses"
local columns = require "awork.format.columns"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"
local text = require "awork.format.text"

local M = {}

-- What opts.columns, opts.ignore_columns and opts.user say about columns of this file, by name as written, else folded.
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
local KINDS = { label = true, service = true, formatted = true }
local function says_kind(spec) return spec.google and KINDS[spec.field] end

-- A directory's short names, `l` and `st`, are those of an address beside its long ones.
local DIRECTORY = { streetAddress = true, postalCode = true, telephoneNumber = true, givenName = true }

local NUMBER = { nr = true, no = true, number = true, nummer = true, hausnr = true }

-- Which column is what: for each a specification (columns.lua), false or nil; and Google's columns that say the kind,
-- by type, number and field.
local function specify(header, special)
  local specs, google, directory, has_work_phone = {}, {}, false, false
  for _, name in ipairs(header) do
    directory = directory or DIRECTORY[name]
    has_work_phone = has_work_phone or text.fold(name) == "telefon geschaeftlich"
  end
  for i, name in ipairs(header) do
    local spec = special[i]
    if spec == nil and name ~= "" then
      spec = directory and columns.attribute(name) or columns.find(name)
      -- "Straße; Nr.; PLZ": the house number.
      local before = specs[i - 1]
      if not spec and before and before.field == "addressLine1" and NUMBER[text.fold(name)] then
        spec = { type = "address", subType = before.subType, field = "houseNumber", n = before.n, guessed = true }
      end
      -- Outlook's name for the number of the company's switchboard.
      if has_work_phone and text.fold(name) == "telefon firma" then spec = nil end
    end
    specs[i] = spec
    -- Google's columns come in sets; those that say the kind are looked up by their number.
    if spec and says_kind(spec) then google[spec.type .. spec.n .. spec.field] = i end
  end
  return specs, google
end

-- "Home Address; Home Street; Home City" (Google's CSV for Outlook): the address as one text, beside its parts. Such
-- columns are taken out of `specs`; returns them, by the key of the address, which the street's column has then, too.
local function whole_addresses(specs, width)
  local streets, wholes = {}, {}
  for i = 1, width do
    local spec = specs[i]
    if spec and spec.guessed and spec.field == "addressLine1" and not spec.vague then
      streets[(spec.subType or "") .. spec.n] = spec
    end
  end
  for i = 1, width do
    local spec = specs[i]
    local key = spec and spec.vague and (spec.subType or "") .. spec.n
    if key and streets[key] then
      specs[i] = { person = "nothing", message = "the whole address, which is taken from its parts" }
      streets[key].whole, wholes["whole " .. key] = "whole " .. key, i
    end
  end
  return next(wholes) and wholes or nil
end

-- A column with a whole name: of "Name; Vorname" it is the last name; beside both parts it is not needed.
local function whole_name(specs)
  local has = {}
  for _, spec in pairs(specs) do
    if spec and spec.person then has[spec.person] = true end
  end
  return has.firstName and (has.lastName and "nothing" or "lastName") or "name"
end

local function key_of(spec)
  return ("%s\0%s\0%d\0%s"):format(spec.type, spec.subType, spec.n, spec.google and "google" or "")
end

local Plan = {}
Plan.__index = Plan

function Plan:warn(i, message) self.warnings[#self.warnings + 1] = { column = self.header[i], message = message } end

-- A column that gives nothing: kept for `extra`, warned of, and, unless it is known to be about something else, a
-- reason to delete nothing: of the type that it is of, if that is known.
function Plan:leave_out(i, message, type)
  local name = self.header[i]
  self.unmapped[#self.unmapped + 1] = i
  if name == "" or i == self.user_column then return end
  if columns.elsewhere(name) then
    self:warn(i, "no contact info of whose row it is; it is left out")
    return
  end
  self:warn(i, message or "not understood as a contact info; it is left out")
  self.unknown[#self.unknown + 1] = { name = name, what = "column", types = type and { type } }
end

-- A column that the caller leaves out, though it is understood: what it would give is not known, so it is not deleted.
function Plan:ignore(i)
  local spec = columns.find(self.header[i])
  if spec and spec.type then
    self.unknown[#self.unknown + 1] = { name = self.header[i], what = "column", types = { spec.type }, ignored = true }
  end
end

function Plan:add_person(i, spec, whole)
  local field = spec.person == "name" and whole or spec.person
  if field == "nothing" then
    self:warn(i, spec.message or "the whole name, which is taken from its parts")
  elseif self.person[field] then
    self:warn(i, ("also gives %s, which is taken from '%s'"):format(field, self.header[self.person[field]]))
  else
    self.person[field] = i
  end
end

-- A column of a contact info of several columns.
function Plan:add_part(i, spec)
  local key = key_of(spec)
  local group = self.groups[key]
  if not group then
    group = { type = spec.type, subType = spec.subType, kind = spec.kind, own = spec.own, fields = {}, columns = {} }
    self.groups[key] = group
    self.infos[#self.infos + 1] = group
  end
  group.loose = group.loose or spec.guessed or spec.google
  if spec.google then group.columns[spec.type .. spec.n] = self.header[i] end
  if spec.whole then group.columns[spec.whole] = self.header[i] end
  local taken = group.columns[spec.field]
  if taken and not (spec.guessed and spec.field == "addressLine2") then
    self:leave_out(i, ("also gives %s, which is taken from '%s'; it is left out"):format(spec.field, taken), spec.type)
  else
    group.fields[#group.fields + 1] = { index = i, column = self.header[i], field = spec.field, line = spec.line or 1 }
    group.columns[spec.field] = taken or self.header[i]
  end
end

-- Addresses that are none: "Land" alone, without a street's column, says where somebody is.
function Plan:drop_streetless()
  for k = #self.infos, 1, -1 do
    local group = self.infos[k]
    if group.loose and not group.columns.addressLine1 and not group.columns.poBox then
      for _, part in ipairs(group.fields) do
        self:leave_out(part.index, "part of an address without a column for its street; it is left out", group.type)
      end
      table.remove(self.infos, k)
    elseif group.loose then
      -- The lines of a street in their order, whatever that of the columns.
      for order, part in ipairs(group.fields) do part.order = order end
      table.sort(group.fields, function(a, b)
        if a.line ~= b.line then return a.line < b.line end
        return a.order < b.order
      end)
    end
  end
end

-- Fills in the subtypes that are not said. Returns the keys of contact infos that have more than one column.
local function fill_in(specs, google, doubtful, defaults, width)
  local several = {}
  for i = 1, width do
    local spec = specs[i]
    if spec and (spec.google or spec.guessed) then
      spec.subType = spec.subType or defaults[spec.type] or DEFAULTS[spec.type]
      if spec.google then
        spec.kind = google[spec.type .. spec.n .. "service"] or google[spec.type .. spec.n .. "label"]
      end
    end
    local is_info = spec and not spec.person and not says_kind(spec) and not doubtful[i]
    if is_info and (spec.field ~= "value" or spec.type == "address") then several[key_of(spec)] = true end
  end
  return several
end

-- One column of the header. `found`: what is known of the others.
function Plan:add_column(i, spec, found)
  if spec == nil then
    self:leave_out(i)
  elseif spec == false then
    self:ignore(i)
  elseif spec.person then
    self:add_person(i, spec, found.whole)
  elseif found.doubtful[i] then
    self:leave_out(i, "it is not clear which address it belongs to; it is left out", spec.type)
  elseif says_kind(spec) then
    self.formatted = self.formatted or {}
    if spec.field == "formatted" then self.formatted[spec.type .. spec.n] = i end
  elseif found.several[key_of(spec)] then
    self:add_part(i, spec)
  else
    self.infos[#self.infos + 1] = { index = i, column = self.header[i], type = spec.type, subType = spec.subType,
      kind = spec.kind, own = spec.own }
  end
end

--- What is done with each column of `header`: `person` (field → column), `infos` (producers of contact infos, in the
-- order of the columns: of one column, or of several with `fields`), `unmapped` (columns), `unknown` (see person.lua),
-- `user_column`, `user_spec`; and a list of warnings. nil and an error if the header can't be used.
function M.compile(header, opts, file, level)
  local special, missing, user_column, user_spec = overrides(opts, header, level + 1)
  if missing then
    return nil, stream.fail("columns", ("there is no column '%s'"):format(missing), { file = file }, true)
  end
  local plan = setmetatable({ header = header, person = {}, infos = {}, unmapped = {}, unknown = {}, warnings = {},
    groups = {}, user_column = user_column, user_spec = user_spec }, Plan)
  local specs, google = specify(header, special)
  plan.formatted = whole_addresses(specs, #header)
  local doubtful = addresses.arrange(specs, opts.defaults and opts.defaults.address or DEFAULTS.address)
  local several = fill_in(specs, google, doubtful, opts.defaults or {}, #header)
  local whole = whole_name(specs)
  for i = 1, #header do plan:add_column(i, specs[i], { whole = whole, doubtful = doubtful, several = several }) end
  plan:drop_streetless()
  -- Our own file of people without any contact info is one; any other has names that we don't know.
  local bare = #plan.infos == 0 and plan.person.user
  for _, name in ipairs(header) do bare = bare and columns.spec(name) end
  if #plan.infos == 0 and not bare then
    return nil, stream.fail("columns", "none of the columns is understood as a contact info: say which is which, as in "
      .. "columns = { ['Durchwahl'] = 'phone:work' } (found: " .. persons.excerpt(table.concat(header, ", ")) .. ")",
      { file = file }, true)
  end
  return plan, plan.warnings
end

return M
