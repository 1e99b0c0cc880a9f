--- Which columns are parts of one address, when only some of them say of which: "Straße; PLZ; Wohnort; Land".
local M = {}

-- The addresses that there are: kind (nil: not said) and number → { kind =, n =, fields = { field → column } }.
local function group_of(groups, kind, n)
  local key = (kind or "") .. "\0" .. n
  local group = groups[key]
  if not group then
    group = { kind = kind, n = n, fields = {}, members = {} }
    groups[key] = group
    groups[#groups + 1] = group
  end
  return group
end

local function join(group, i, spec)
  if not group.fields[spec.field] then group.fields[spec.field] = i end
  group.members[#group.members + 1] = i
end

local function has_street(group) return group.fields.addressLine1 or group.fields.poBox end

-- Do two groups have no field in common but for further lines of a street?
local function disjoint(a, b)
  for field in pairs(a.fields) do
    if b.fields[field] and field ~= "addressLine2" then return false end
  end
  return true
end

-- "Straße; PLZ; Ort; Straße 2; PLZ 2; Ort 2": there, "Straße 2" is no second line but another street.
local function number_streets(specs)
  local numbered = {}
  for _, spec in pairs(specs) do
    if spec and spec.guessed and spec.type == "address" and spec.n > 1 and spec.field ~= "addressLine1" then
      numbered[(spec.subType or "") .. spec.n] = true
    end
  end
  for _, spec in pairs(specs) do
    if spec and spec.guessed and spec.line and numbered[(spec.subType or "") .. spec.line] then
      spec.field, spec.n, spec.line = "addressLine1", spec.line, nil
    end
  end
end

-- Which named columns stand apart from those without a kind: what they say, the others say too, and they name no
-- street.
-- "Büro Ort; Straße; PLZ; Ort" is the place of an office and an address.
local function set_apart(specs, width)
  local unsaid, named = {}, {}
  for i = 1, width do
    local spec = specs[i]
    if spec and spec.guessed and spec.type == "address" then
      if spec.subType then
        local key = spec.subType .. spec.n
        named[key] = named[key] or { fields = {}, n = spec.n }
        named[key].fields[spec.field] = true
      else
        unsaid[spec.field .. spec.n] = true
      end
    end
  end
  local apart = {}
  for key, group in pairs(named) do
    apart[key] = not (group.fields.addressLine1 or group.fields.poBox)
    for field in pairs(group.fields) do apart[key] = apart[key] and unsaid[field .. group.n] or false end
  end
  return apart
end

-- Columns without a kind: they belong to the address whose columns stand before them, if it lacks them; else together.
local function place(specs, width, groups, apart)
  local current
  for i = 1, width do
    local spec = specs[i]
    if spec and spec.guessed and spec.type == "address" then
      if spec.subType then
        local group = group_of(groups, spec.subType, spec.n)
        join(group, i, spec)
        if not apart[spec.subType .. spec.n] then current = group end
      elseif current and current.n == spec.n and not current.fields[spec.field] then
        join(current, i, spec)
      elseif current and current.n == spec.n and spec.line then
        join(current, i, spec)
      else
        join(group_of(groups, nil, spec.n), i, spec)
      end
    end
  end
end

-- How many columns of this field say no kind.
local function count_unsaid(specs, width, field, n)
  local count = 0
  for i = 1, width do
    local spec = specs[i]
    local is_address = spec and spec.guessed and spec.type == "address"
    if is_address and not spec.subType and spec.field == field and spec.n == n then count = count + 1 end
  end
  return count
end

-- One column for what several addresses lack may be any's: notes those in `doubtful`.
local function note_ambiguous(specs, width, groups, doubtful)
  for _, group in ipairs(groups) do
    for _, i in ipairs(group.members) do
      local spec = specs[i]
      if group.kind and not spec.subType and count_unsaid(specs, width, spec.field, spec.n) == 1 then
        for _, other in ipairs(groups) do
          local lacks = other ~= group and other.n == group.n and has_street(other) and not other.fields[spec.field]
          if lacks and has_street(group) then doubtful[i] = true end
        end
      end
    end
  end
end

-- The only address with a street that has this number; nil for none, or several.
local function only_whole(groups, group)
  local whole
  for _, other in ipairs(groups) do
    if other ~= group and other.n == group.n and has_street(other) then
      if whole then return nil end
      whole = other
    end
  end
  return whole
end

-- An address without a street is a part of the only one that has one, if they don't contradict each other.
local function merge(groups)
  for _, group in ipairs(groups) do
    local whole = not has_street(group) and only_whole(groups, group)
    if whole and disjoint(group, whole) and not (whole.kind and group.kind) then
      whole.kind = whole.kind or group.kind
      group.merged = whole
      for field, i in pairs(group.fields) do whole.fields[field] = whole.fields[field] or i end
    end
  end
end

--- Gives each column of an address that does not say its kind the one of the address that it belongs to.
-- @param specs column → specification (see columns.lua), changed in place
-- @param default the kind of an address none of whose columns says one
-- @return set of columns (by number) that may belong to more than one, or to none
function M.arrange(specs, default)
  local width = 0
  for i in pairs(specs) do width = math.max(width, i) end
  number_streets(specs)
  local groups, doubtful = {}, {}
  place(specs, width, groups, set_apart(specs, width))
  note_ambiguous(specs, width, groups, doubtful)
  merge(groups)
  local whole = {} -- the kinds and numbers of addresses with a street
  for _, group in ipairs(groups) do
    if has_street(group) then whole[(group.kind or default) .. group.n] = true end
  end
  for _, group in ipairs(groups) do
    local kind = (group.merged or group).kind or default
    local remains = not group.merged and not has_street(group) and whole[kind .. group.n]
    for _, i in ipairs(group.members) do
      specs[i].subType = kind
      doubtful[i] = doubtful[i] or remains
    end
  end
  return doubtful
end

return M
