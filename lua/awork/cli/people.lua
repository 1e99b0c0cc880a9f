--- People from files, as the commands take them.
local posix = require "awork.posix"
local errors = require "awork.error"
local format = require "awork.format"
local options = require "awork.desired.options"
local output = require "awork.cli.output"
local stream = require "awork.format.stream"

local M = {}

local function failure(code, description)
  return nil, errors.new { kind = "cli", code = code, description = description, retryable = false }
end

--- Looks at `--output`: what a command reads is not what it writes.
-- @param opts the command's
-- @return true, or nil, err
function M.check_output(opts)
  local path = opts.output
  for _, name in ipairs { "file", "token_file", "ca_file" } do
    if path and path ~= "-" and opts[name] and posix.same_file(path, opts[name]) then
      return failure("usage", ("--output: %s is what is read; name another file"):format(path))
    end
  end
  return true
end

--- Opens a file of people; `-` is standard input.
-- @param ctx the command's context: `opts.file`, `opts.from`, `opts.encoding`; `input`, a function that gives what is
--   in `opts.file`, when somebody has had to look at it
-- @param path its name, or nil for `opts.file`
-- @return reader (see awork.format), or nil, err
function M.open(ctx, path)
  local opts = ctx.opts
  path = path or opts.file
  local source, name = path, path
  if path == "-" then
    source, name = ctx.input or ctx.system.stdin, "standard input"
  elseif ctx.input and path == opts.file then
    source = ctx.input
  else
    local file, message = io.open(path, "rb")
    if not file then
      return failure("not-read", message)
    elseif file:seek "set" then
      file:close()
    else -- a pipe: opened again, it would have lost what is in it
      source = file
    end
  end
  local columns
  for _, column in ipairs(opts.column or {}) do
    columns = columns or {}
    columns[column[1]] = column[2]
  end
  local ok, reader = pcall(format.read, source, { format = opts.from, encoding = opts.encoding, name = name,
    user = opts.user, columns = columns, ignore_columns = opts.ignore_column })
  if not ok then
    return failure("usage", (tostring(reader):gsub("^columns%['(.-)'%]:", "--column '%1':")))
  end
  return reader
end

--- Says what was not understood of a file, once a reader is at its end.
function M.warn(ctx, reader)
  for _, warning in ipairs(reader.warnings or {}) do
    local place = stream.place { file = reader.file or "file", row = warning.row, unit = warning.unit,
      line = warning.line, column = warning.column, property = warning.property }
    ctx.ui:warn(place .. ": " .. output.worded(warning.message))
  end
end

--- All of a file, for `client:plan`: an iterator over people, and `false, err` for each who can't be read.
-- @return iterator; or nil, err when the file itself can't be read to its end: half a file is no desired state
function M.desired(ctx, path)
  local reader, failed = M.open(ctx, path)
  if not reader then
    return nil, failed
  end
  local items = {}
  for person, err in reader do
    if not person and err.fatal then
      return nil, err
    end
    items[#items + 1] = { person, err }
    ctx:check()
  end
  M.warn(ctx, reader)
  local at = 0
  return function()
    at = at + 1
    local item = items[at]
    items[at] = nil
    if item then
      return item[1], item[2]
    end
  end
end

--- The options of a plan, from those of the command line.
-- @return table; or nil, err
function M.plan_options(opts)
  local out = { prune = opts.prune, only = opts.only, replace = opts.replace, touch = opts.touch,
    default_country = opts.default_country, delete_limit = opts.delete_limit }
  local ok, message = pcall(options.plan, out)
  if not ok then
    -- "bad option 'default_country' (…)" → "--default-country: …"
    local name, what = tostring(message):match "^bad option '(.-)' %((.*)%)$"
    return failure("usage", name and ("--%s: %s"):format(name:gsub("_", "-"), what) or tostring(message))
  end
  return out
end

--- The scope of `--only` as a predicate on contact infos.
-- @return function; or nil, err
function M.scope(opts)
  local checked, err = M.plan_options { only = opts.only }
  if not checked then
    return nil, err
  end
  local within = options.scope(options.plan(checked).only)
  return function(info)
    return within(info.type, info.subType)
  end
end

return M
