--- The undo journal: JSON lines, mode 0600. What is about to be written to awork is on disk before it is sent, with
-- what was there; what came of it follows.
--
--     {"awork":"journal","version":1,"base_url":…,"started_on":…}
--     {"n":1,"intent":{"op":"update","owner":"user","owner_id":…,"id":…,"before":{…},"form":{…},…}}
--     {"n":1,"result":{"status":"done","id":…,"updatedOn":…,"after":{…}}}
--
-- An intent without a result may or may not have taken effect. A last line cut off by a crash is no error.
local core = require "awork.core"
local errors = require "awork.error"
local json = require "awork.json"
local normalise = require "awork.desired.normalise"

local M = {}

local codec = json.codec(16)

local function failed(message)
  return errors.new { kind = "file", code = "journal", description = "undo journal: " .. message, retryable = false }
end

local Journal = {}
Journal.__index = Journal

local function line_of(value)
  local text, message, path = codec.encode(value)
  if not text then
    return nil, ("%s (%s)"):format(message, path)
  end
  return text .. "\n"
end

-- $XDG_STATE_HOME/awork, ~/.local/state/awork, or the working directory where neither is known.
local function default_dir()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then
    return state .. "/awork"
  elseif home and home:sub(1, 1) == "/" then
    return home .. "/.local/state/awork"
  end
  return "."
end

local serial = 0

-- A name of our own in a directory: tried again when somebody else has it.
local function open_in(dir)
  local ok, message = core.make_dirs(dir)
  if not ok then
    return nil, message
  end
  local file
  for _ = 1, 20 do
    serial = serial + 1
    -- The address of a fresh table tells apart what starts within the same second.
    local salt = ("%p"):format {}:match "(%x%x%x%x%x?)$" or "0"
    local path = ("%s/undo-%s-%s%d.jsonl"):format(dir, os.date "!%Y%m%dT%H%M%SZ", salt, serial)
    file, message = core.journal_open(path)
    if file then
      return file, path
    elseif not message:find("exists", 1, true) then
      break
    end
  end
  return nil, message
end

--- Starts a journal.
-- @param where { path = a file that must not exist yet } or { dir = a directory }
-- @param header what else the first line says
-- @return journal, or nil, err (kind "file")
function M.open(where, header)
  local first = { awork = "journal", version = 1 }
  for key, value in pairs(header) do
    first[key] = value
  end
  local line, message = line_of(first)
  if not line then
    return nil, failed(message)
  end
  -- All that takes memory comes before the file: one without its first line would be in the way of the next run.
  local self = setmetatable({ file = false, path = false, count = 0 }, Journal)
  local file, path
  if where.path then
    file, path = core.journal_open(where.path)
    path = file and where.path or path
  else
    file, path = open_in(where.dir or default_dir())
  end
  if not file then
    return nil, failed(path)
  end
  local ok
  ok, message = file:write(line)
  if ok then
    ok, message = file:sync()
  end
  if not ok then
    file:close()
    os.remove(path)
    return nil, failed(("%s: %s"):format(path, message))
  end
  self.file, self.path = file, path
  return self
end

-- After a failure nothing more is written: a line cut off must stay the last one.
function Journal:append(values, sync)
  if self.broken then
    return nil, self.broken
  end
  local lines = {}
  for i, value in ipairs(values) do
    local line, message = line_of(value)
    if not line then
      return nil, failed(message)
    end
    lines[i] = line
  end
  local ok, message = self.file:write(table.concat(lines))
  if ok and sync then
    ok, message = self.file:sync()
  end
  if not ok then
    self.broken = failed(("%s: %s"):format(self.path, message))
    return nil, self.broken
  end
  return true
end

--- Notes what is about to be done; on disk when this returns.
-- @param steps list of { change =, twins = how many equal ones there are beside it }
-- @return list of numbers, one for each, or nil, err
function Journal:intend(steps)
  local values, numbers = {}, {}
  for i, step in ipairs(steps) do
    local change = step.change
    self.count = self.count + 1
    numbers[i] = self.count
    values[i] = { n = self.count, intent = { op = change.op, owner = change.owner, owner_id = change.owner_id,
      name = change.name, id = change.id, before = change.before, form = change.form, updatedOn = change.updatedOn,
      twins = step.twins > 0 and step.twins or nil } }
  end
  local ok, err = self:append(values, true)
  if not ok then
    return nil, err
  end
  return numbers
end

--- Notes what came of one. Not synced: without it, undo looks itself.
-- @param number from intend()
-- @param result { status = "done" | "not-done" | "unknown", id=, updatedOn=, after= }
function Journal:note(number, result)
  return self:append({ { n = number, result = result } }, false)
end

--- Ends it; may be called again. Also `__close`.
function Journal:close()
  self.file:close()
end
Journal.__close = Journal.close

local function need(ok, number, what)
  if not ok then
    error(failed(("line %d: %s"):format(number, what)), 0)
  end
end

local IS_FIELD = normalise.FIELD_TYPES

local function check_form(form, number)
  need(type(form) == "table", number, "a contact info is expected")
  for field, value in pairs(form) do
    need(IS_FIELD[field] and type(value) == IS_FIELD[field], number, "no contact info")
  end
  return form
end

local function check_id(id, number)
  need(type(id) == "string" and core.is_guid(id), number, "no GUID")
  return id
end

local function text_or_nil(value, number)
  need(value == nil or type(value) == "string", number, "a string is expected")
  return value
end

local function read_intent(raw, number)
  need(type(raw) == "table", number, "no intent")
  local intent = { op = raw.op, owner = raw.owner, owner_id = check_id(raw.owner_id, number),
    name = text_or_nil(raw.name, number), updatedOn = text_or_nil(raw.updatedOn, number) }
  -- A plan, which this becomes, has no numbers of more than 14 digits.
  need(raw.twins == nil or math.type(raw.twins) == "integer" and raw.twins > 0 and raw.twins < 1e14, number,
    "no count of twins")
  intent.twins = raw.twins
  need(raw.owner == "user" or raw.owner == "company", number, "no owner")
  if raw.op == "create" then
    intent.form = check_form(raw.form, number)
  elseif raw.op == "update" then
    intent.id, intent.before, intent.form = check_id(raw.id, number), check_form(raw.before, number),
      check_form(raw.form, number)
  else
    need(raw.op == "delete", number, "unknown op")
    intent.id, intent.before = check_id(raw.id, number), check_form(raw.before, number)
  end
  return intent
end

local STATUS = { done = true, ["not-done"] = true, unknown = true }

local function read_result(raw, number)
  need(type(raw) == "table" and STATUS[raw.status], number, "no result")
  return { status = raw.status, id = raw.id ~= nil and check_id(raw.id, number) or nil,
    updatedOn = text_or_nil(raw.updatedOn, number), after = raw.after ~= nil and check_form(raw.after, number) or nil }
end

local function parse(text)
  local journal, by_number, number = { entries = {} }, {}, 0
  local rest_from = 1
  while rest_from <= #text do
    local stop = text:find("\n", rest_from, true)
    if not stop then
      break -- cut off by a crash: it was not complete, so what it speaks of was not sent
    end
    number = number + 1
    local value, code = codec.decode(text:sub(rest_from, stop - 1))
    rest_from = stop + 1
    -- A crash of the machine may leave the end of the file as zeros: nothing after it was ever synced.
    if code and rest_from > #text then
      break
    end
    need(not code and type(value) == "table", number, "not JSON")
    if number == 1 then
      need(value.awork == "journal", number, "this is no undo journal")
      need(value.version == 1, number, "written by another version of awork")
      journal.base_url, journal.started_on = text_or_nil(value.base_url, 1), text_or_nil(value.started_on, 1)
    else
      need(math.type(value.n) == "integer", number, "no number")
      if value.intent ~= nil then
        need(not by_number[value.n], number, "the number is there already")
        local entry = { intent = read_intent(value.intent, number) }
        by_number[value.n] = entry
        journal.entries[#journal.entries + 1] = entry
      else
        need(by_number[value.n], number, "a result without an intent")
        by_number[value.n].result = read_result(value.result, number)
      end
    end
  end
  need(number > 0, 1, "the journal is empty")
  return journal
end

--- Reads a journal.
-- @param path string
-- @return { base_url=, started_on=, entries = list of { intent =, result = or nil } }, or nil, err (kind "file")
function M.read(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, failed(message)
  end
  local text
  text, message = file:read "a"
  file:close()
  if not text then
    return nil, failed(("%s: %s"):format(path, message))
  end
  local ok, journal = pcall(parse, text)
  if ok then
    return journal
  elseif errors.is(journal) then
    return nil, journal
  end
  error(journal, 0)
end

return M
