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
    if type(value) == "string" then
      value = M.worded(value)
    end
    if type(value) ~= "table" then
      out[name] = value
    end
  end
  local violations = {}
  for i, violation in ipairs(type(err.violations) == "table" and err.violations or {}) do
    violations[i] = { property = violation.property, rule = violation.rule, message = M.worded(violation.message),
      hint = violation.hint and M.worded(violation.hint) }
  end
  out.violations = violations[1] and violations or nil
  return M.json(out)
end

-- A word as a shell takes it.
local function shell_word(word)
  return word:find "^[0-9A-Za-z_./-]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

-- What the library says of its options: a pattern, and what the command line says instead. A spec sees to it that no
-- sentence of the library is forgotten.
local WORDS = {
  { 'ignore_columns = { "([^"\n]*)" }', function(name) return "--ignore-column " .. shell_word(name) end },
  { "columns = { %['([^'\n]*)'%] = '([^'\n]*)' }", function(name, what)
    return "--column " .. shell_word(name .. "=" .. what)
  end },
  { "with the option 'user'", "with --user" },
  { "set delete_limit = (%d+)", "give --delete-limit %1" },
  { "partial = true applies the rest", "--partial applies the rest" },
  { "unless that is asked for %(partial%)", "unless --partial asks for it" },
  { 'encoding = "([0-9A-Za-z-]+)"', "--encoding %1" },
  { "'base_url' ", "the base URL (--base-url, AWORK_BASE_URL) " },
  { "check base_url", "check --base-url (or AWORK_BASE_URL)" },
  { "set ca_file to its PEM file %(or ca_path%)", "give --ca-file its PEM file" },
  { "check the option ca_file", "check --ca-file (or AWORK_CA_FILE)" },
  { " %(allow_http = true permits it%)", "" },
  { "allow_http = true permits it", "use https" },
  { " %(set allow_http to send elsewhere%)", "" },
  { "URLs below base_url alone", "URLs below the base URL (--base-url) alone" },
  { "ask for less at once %(pageSize%), or raise the option max_values",
    "ask for less at once (--only, or one person)" },
  { " %(in Lua, the option lock%) to a directory that can be written; lock = false goes without, if nothing else "
    .. "applies plans to this workspace", " to a directory that can be written" },
  { "than max_wait allows", "than two minutes" },
  { "deeper than max_depth = (%d+)", "deeper than %1" },
  { "more values than max_values = (%d+)", "more values than %1" },
  { " %(max_body%)", "" },
  { " %(max_header%)", "" },
}

--- What the library says of its options, in the words of the command line.
-- @param text string
-- @return string
function M.worded(text)
  for _, pair in ipairs(WORDS) do
    text = text:gsub(pair[1], pair[2])
  end
  return text
end

--- Text in a column of this width, safe for a terminal.
function M.cell(text, width)
  text = show.safe(text)
  local length = utf8.len(text) or #text
  return text .. (" "):rep(width - length)
end

return M
