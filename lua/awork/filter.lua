--- Expressions for `filterby`, with values quoted as awork wants them.
--
-- awork API: operators eq ne gt ge lt le and or not; an apostrophe inside a string is doubled; GUIDs are
-- guid'…', times datetime'…'. URL encoding is the client's job, not done here.
local core = require "awork.core"
local time = require "awork.time"

local filter = {}

-- What is written into an expression as it stands. Made by guid() and datetime() alone.
local Literal = { __name = "awork.filter.literal" }
Literal.__tostring = function(literal)
  return literal.text
end

local function literal(text)
  return setmetatable({ text = text }, Literal)
end

--- A string, quoted: `O'Neil` becomes `'O''Neil'`.
---@param value string valid UTF-8 without control characters
---@return string
function filter.quote(value)
  if type(value) ~= "string" then
    error(("bad argument #1 to 'quote' (string expected, got %s)"):format(type(value)), 2)
  elseif not core.utf8(value) or value:find "[\0-\31\127]" then
    error("bad argument #1 to 'quote' (valid UTF-8 without control characters expected)", 2)
  end
  return "'" .. value:gsub("'", "''") .. "'"
end

--- A GUID for a placeholder of `filter(template, …)`: `guid'…'`.
---@param id string 8-4-4-4-12 hexadecimal digits
---@return table literal its `tostring` is the text
function filter.guid(id)
  if type(id) ~= "string" or not core.is_guid(id) then
    error("bad argument #1 to 'guid' (a GUID expected: 8-4-4-4-12 hexadecimal digits)", 2)
  end
  return literal("guid'" .. id .. "'")
end

--- A time for a placeholder of `filter(template, …)`: `datetime'…'`.
--
-- awork API: the literal has no offset, and its seconds are optional: `datetime'2018-04-03T00:00'`. A time with an
-- offset, or `Z`, is written in UTC; one without stays as it is.
---@param at number|string epoch seconds; an ISO 8601 date-time, with or without seconds and offset; or a date alone
---@return table literal its `tostring` is the text
function filter.datetime(at)
  if math.type(at) == "integer" or (type(at) == "number" and at == at and math.abs(at) < 2 ^ 40) then
    return literal("datetime'" .. time.format_plain(at) .. "'")
  end
  local complete = time.rfc3339(at)
  if complete then
    if at:find "[Zz]$" or at:find "[+-]%d%d:?%d%d$" and at:find "[Tt ]" then
      at = time.format_plain(time.parse_iso(complete))
    end
    return literal("datetime'" .. at:gsub("[t ]", "T") .. "'")
  end
  error("bad argument #1 to 'datetime' (epoch seconds or an ISO 8601 date-time expected)", 2)
end

-- The text of a value; `position` is the argument to blame in the caller of the caller.
local function write(value, position)
  local kind = type(value)
  if kind == "string" then
    if not core.utf8(value) or value:find "[\0-\31\127]" then
      error(("bad argument #%d to 'filter' (valid UTF-8 without control characters expected)"):format(position), 3)
    end
    return "'" .. value:gsub("'", "''") .. "'"
  elseif kind == "boolean" then
    return tostring(value)
  elseif kind == "nil" or value == core.null then
    return "null"
  elseif math.type(value) == "integer" then
    return ("%d"):format(value)
  elseif kind == "number" and value == value and value ~= math.huge and value ~= -math.huge then
    return core.encode(value) -- all its digits, and a point whatever the locale
  elseif getmetatable(value) == Literal then
    return value.text
  end
  error(("bad argument #%d to 'filter' (string, finite number, boolean, nil, filter.guid or filter.datetime "
    .. "expected, got %s)"):format(position, kind), 3)
end

--- Fills the `?` of a template with quoted values.
--
--     awork.filter("lastName eq ? and createdOn gt ?", "O'Neil", awork.filter.datetime(os.time() - 86400))
--
-- A `?` between apostrophes is text. As many values as placeholders are needed; nil is written `null`.
---@param template string
---@param ... string|number|boolean|nil|table
---@return string expression for `filterby`
local function build(_, template, ...)
  if type(template) ~= "string" then
    error(("bad argument #1 to 'filter' (string expected, got %s)"):format(type(template)), 2)
  end
  local texts, count = { ... }, select("#", ...)
  for i = 1, count do
    texts[i] = write(texts[i], i + 1)
  end
  local used, quoted = 0, false
  local text = template:gsub("[?']", function(char)
    if char == "'" then
      quoted = not quoted
    elseif not quoted then
      used = used + 1
      return texts[used]
    end
  end)
  if quoted then
    error("bad argument #1 to 'filter' (an apostrophe is not closed)", 2)
  elseif used ~= count then
    error(("bad argument #1 to 'filter' (%d placeholders, %d values)"):format(used, count), 2)
  end
  return text
end

return setmetatable(filter, { __call = build })
