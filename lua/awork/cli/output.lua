--- Results as JSON and as columns.
local core = require "awork.core"
local json = require "awork.json"
local show = require "awork.desired.show"

local M = {}

local codec = json.codec(64)

-- The same with what is no UTF-8 in its texts written out: a file's name may be any bytes.
local function textual(value)
  if type(value) == "string" then
    return core.utf8(value) and value or core.visible(value)
  elseif type(value) ~= "table" then
    return value
  end
  local copy = {}
  for key, item in pairs(value) do
    copy[textual(key)] = textual(item)
  end
  return copy
end

--- A value as JSON. An empty table is an object: lists that may be empty go through `array`.
-- @return string
function M.json(value)
  local text, message, path = codec.encode(value)
  text = text or codec.encode(textual(value))
  if not text then
    error(("can't be written as JSON: %s (%s)"):format(message, path))
  end
  return text
end

--- A list as JSON, also an empty one.
-- @param items list of values
-- @return string
function M.array(items)
  local parts = {}
  for i, item in ipairs(items) do
    parts[i] = M.json(item)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

--- An object as JSON, its fields in order.
-- @param fields list of { name, JSON text or nil }: those of nil are left out
-- @return string
function M.object(fields)
  local parts = {}
  for _, field in ipairs(fields) do
    if field[2] ~= nil then
      parts[#parts + 1] = M.json(field[1]) .. ":" .. field[2]
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- A JSON array that is written as it grows: `write(value)`, then `finish()`.
-- @param out function that takes text
function M.stream(out)
  local count = 0
  return {
    write = function(value)
      out((count == 0 and "[\n" or ",\n") .. (type(value) == "string" and value or M.json(value)))
      count = count + 1
    end,
    finish = function()
      out(count == 0 and "[]" or "\n]")
    end,
  }
end

--- An error as JSON: what a program can use of it.
function M.error(err)
  local out = {}
  for _, name in ipairs { "kind", "code", "description", "hint", "status", "retryable", "trace_id", "edge_ref",
    "method", "path", "file", "row", "line", "column", "property", "retry_at" } do
    local value = err[name]
    if type(value) ~= "table" then
      out[name] = value
    end
  end
  local violations = {}
  for i, violation in ipairs(type(err.violations) == "table" and err.violations or {}) do
    violations[i] = { property = violation.property, rule = violation.rule, message = violation.message,
      hint = violation.hint }
  end
  out.violations = violations[1] and violations or nil
  return M.json(out)
end

-- A word as a shell takes it.
local function shell_word(word)
  return word:find "^[0-9A-Za-z_./-]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

--- What the library says of its options, in the words of the command line.
function M.worded(text)
  return (text:gsub('ignore_columns = { "(.-)" }', function(name) return "--ignore-column " .. shell_word(name) end)
    :gsub("columns = { %['(.-)'%] = '(.-)' }", function(name, what)
      return "--column " .. shell_word(name .. "=" .. what)
    end)
    :gsub("with the option 'user'", "with --user")
    :gsub("set delete_limit = (%d+)", "give --delete-limit %1")
    :gsub("partial = true applies the rest", "--partial applies the rest")
    :gsub("unless that is asked for %(partial%)", "unless --partial asks for it")
    :gsub('encoding = "([0-9A-Za-z-]+)"', "--encoding %1"))
end

--- Text in a column of this width, safe for a terminal.
function M.cell(text, width)
  text = show.safe(text)
  local length = utf8.len(text) or #text
  return text .. (" "):rep(width - length)
end

return M
