--- Values that awork's contract does not have where they stand: a number in `value`, say, or a list. Reading never
-- refuses them, so plans and journals have to hold them too, and to tell whether they are still the same.
--
-- In a file such a value is `{"odd": text}`, the text being its canonical JSON. It can be compared, and shown; it can't
-- be sent.
local normalise = require "awork.desired.normalise"

local M = {}

local TYPES = normalise.FIELD_TYPES

-- JSON as deep as that is read from nobody.
local MAX_DEPTH = 1000

local function quoted(text)
  return '"' .. text:gsub('[\0-\31\127"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function add(out, value, depth)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = quoted(value)
  elseif math.type(value) == "integer" then
    out[#out + 1] = ("%d"):format(value)
  elseif kind == "number" then
    out[#out + 1] = (("%.17g"):format(value):gsub(",", "."))
  elseif kind ~= "table" or depth > MAX_DEPTH then
    out[#out + 1] = kind == "boolean" and tostring(value) or "null"
  elseif value[1] ~= nil then
    for i, item in ipairs(value) do
      out[#out + 1] = i == 1 and "[" or ","
      add(out, item, depth + 1)
    end
    out[#out + 1] = "]"
  else
    local names = {}
    for name in pairs(value) do
      names[#names + 1] = tostring(name)
    end
    table.sort(names)
    out[#out + 1] = "{"
    for i, name in ipairs(names) do
      out[#out + 1] = (i > 1 and "," or "") .. quoted(name) .. ":"
      add(out, value[name], depth + 1)
    end
    out[#out + 1] = "}"
  end
end

--- The canonical text of any value: equal values have equal texts.
-- @return string
function M.text(value)
  local out = {}
  add(out, value, 1)
  return table.concat(out)
end

--- Is this value one that the field may have?
-- @return boolean
function M.is_plain(field, value)
  return type(value) == TYPES[field]
end

--- The type that a field's value has, for people.
-- @return string
function M.type_of(field)
  return TYPES[field]
end

--- What a form's value is compared by: empty, absent and (of isAddress) false are one.
-- @param value as awork gave it, or as `read` gave it
-- @return string, or nil
function M.key(value)
  if value == nil or value == "" or value == false then
    return nil
  elseif type(value) == "string" then
    return value
  elseif type(value) == "table" and type(value.odd) == "string" and next(value, next(value)) == nil then
    return "\0" .. value.odd
  end
  return "\0" .. M.text(value)
end

--- A form for a file: what is odd in it is `{ odd = text }`.
-- @param form a contact info's fields, or nil
-- @return the same table when nothing is odd, a copy else
function M.write(form)
  local copy
  for field, value in pairs(form or {}) do
    if not M.is_plain(field, value) and not (type(value) == "table" and type(value.odd) == "string") then
      if not copy then
        copy = {}
        for name, item in pairs(form) do
          copy[name] = item
        end
      end
      copy[field] = { odd = M.text(value) }
    end
  end
  return copy or form
end

--- Is this a value as `write` writes it, for that field?
-- @return boolean
function M.is_written(field, value)
  if TYPES[field] == nil then
    return false
  elseif type(value) == "table" then
    return type(value.odd) == "string" and next(value, next(value)) == nil
  end
  return type(value) == TYPES[field]
end

--- The first field of a form whose value is odd, or nil.
-- @return string or nil
function M.find(form)
  for _, field in ipairs(normalise.FIELDS) do
    if form[field] ~= nil and not M.is_plain(field, form[field]) then
      return field
    end
  end
  return nil
end

return M
