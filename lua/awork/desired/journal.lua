--- The undo journal: JSON lines, mode 0600. What is about to be written to awork is on disk before it is sent, with
-- what was there; what came of it follows.
--
--     {"crc":"9ae0c1f2","awork":"journal","version":2,"base_url":…,"workspace":…}
--     {"crc":…,"n":1,"intent":{"op":"update","owner":"user","owner_id":…,"id":…,"before":…,"at":…}}
--     {"crc":…,"n":1,"sent":{"at":…,"within":…}}
--     {"crc":…,"n":1,"result":{"status":"done","id":…,"updatedOn":…,"after":{…}}}
--
-- `crc` is the CRC-32 of what follows it on its line. Times are milliseconds by the server's clock. An intent without a
-- result may or may not have taken effect; "sent" says that its request was about to go out, and in how many
-- milliseconds it can have taken effect. A last line cut off by a crash is no error; of a line that is damaged what it
-- tells of is lost, and reading says so.
local core = require "awork.core"
local posix = require "awork.posix"
local errors = require "awork.error"
local json = require "awork.json"
local locks = require "awork.desired.lock"
local odd = require "awork.desired.odd"

local M = {}

local codec = json.codec(16)

local VERSION = 2

local function no_breath()
end

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
  local rest = text:sub(2)
  return ('{"crc":"%08x",%s\n'):format(posix.crc32(rest), rest)
end

-- What a line says, if it is as it was written; else nil.
local function read_line(line)
  local crc, rest = line:match '^{"crc":"(%x%x%x%x%x%x%x%x)",(.+)$'
  if not crc or crc ~= ("%08x"):format(posix.crc32(rest)) then
    return nil
  end
  local value = codec.decode("{" .. rest)
  return type(value) == "table" and value or nil
end

local serial = 0

-- A name of our own in a directory: tried again when somebody else has it.
local function open_in(dir)
  local ok, message = posix.make_dirs(dir)
  if not ok then
    return nil, message
  end
  local file
  for _ = 1, 20 do
    serial = serial + 1
    -- The address of a fresh table tells apart what starts within the same second.
    local salt = ("%p"):format {}:match "(%x%x%x%x%x?)$" or "0"
    local path = ("%s/undo-%s-%s%d.jsonl"):format(dir, os.date "!%Y%m%dT%H%M%SZ", salt, serial)
    file, message = posix.journal_open(path)
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
  local first = { awork = "journal", version = VERSION }
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
    file, path = posix.journal_open(where.path)
    path = file and where.path or path
  else
    file, path = open_in(where.dir or locks.state_dir())
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

local function milliseconds(seconds)
  return seconds and math.floor(seconds * 1000) or nil
end

--- Notes what is about to be done; on disk when this returns.
-- @param steps list of { change =, twins = how many equal ones there are beside it }
-- @param at the server's time in epoch seconds, or nil when it is not known
-- @return list of numbers, one for each, or nil, err
function Journal:intend(steps, at)
  local values, numbers = {}, {}
  for i, step in ipairs(steps) do
    local change = step.change
    self.count = self.count + 1
    numbers[i] = self.count
    values[i] = { n = self.count, intent = { op = change.op, owner = change.owner, owner_id = change.owner_id,
      name = change.name, id = change.id, before = odd.write(change.before), form = odd.write(change.form),
      updatedOn = change.updatedOn, twins = step.twins > 0 and step.twins or nil, at = milliseconds(at) } }
  end
  local ok, err = self:append(values, true)
  if not ok then
    return nil, err
  end
  return numbers
end

--- Notes that the request of one goes out now. Not synced: it outlives the process, if not the machine.
-- @param number from intend()
-- @param at the server's time in epoch seconds, or nil when it is not known
-- @param within seconds in which it can take effect
function Journal:sent(number, at, within)
  return self:append({ { n = number, sent = { at = milliseconds(at), within = math.ceil(within * 1000) } } }, false)
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

-- What a line can't be used for is thrown as a table { what = }; the entry is lost then, not the journal.
local function need(ok, what)
  if not ok then
    error({ what = what }, 0)
  end
end

local function check_form(form)
  need(type(form) == "table", "it holds no contact info")
  for field, value in pairs(form) do
    need(odd.is_written(field, value), "it holds no contact info")
  end
  return form
end

local function check_id(id)
  need(type(id) == "string" and core.is_guid(id), "it holds no GUID")
  return id
end

local function text_or_nil(value)
  need(value == nil or type(value) == "string", "it holds no text where one belongs")
  return value
end

local function time_or_nil(value)
  need(value == nil or math.type(value) == "integer" and value >= 0 and value < 1e14, "it holds no time")
  return value
end

local function read_intent(raw)
  need(type(raw) == "table", "it holds no intent")
  need(raw.owner == "user" or raw.owner == "company", "it names no owner")
  local intent = { op = raw.op, owner = raw.owner, owner_id = check_id(raw.owner_id), name = text_or_nil(raw.name),
    updatedOn = text_or_nil(raw.updatedOn), at = time_or_nil(raw.at) }
  -- A plan, which this becomes, has no numbers of more than 14 digits.
  need(raw.twins == nil or math.type(raw.twins) == "integer" and raw.twins > 0 and raw.twins < 1e14,
    "it holds no count of twins")
  intent.twins = raw.twins
  if raw.op == "create" then
    intent.form = check_form(raw.form)
  elseif raw.op == "update" then
    intent.id, intent.before, intent.form = check_id(raw.id), check_form(raw.before), check_form(raw.form)
  else
    need(raw.op == "delete", "it holds no operation that is known")
    intent.id, intent.before = check_id(raw.id), check_form(raw.before)
  end
  -- Undo puts `before` back: what can't be sent can't be put back.
  local field = intent.before and odd.find(intent.before)
  need(not field, ("'%s' of what was there is no %s, and can't be put back"):format(field, odd.type_of(field)))
  return intent
end

local STATUS = { done = true, ["not-done"] = true, unknown = true }

local function read_result(raw)
  need(type(raw) == "table" and STATUS[raw.status], "it holds no result")
  return { status = raw.status, id = raw.id ~= nil and check_id(raw.id) or nil,
    updatedOn = text_or_nil(raw.updatedOn), after = raw.after ~= nil and check_form(raw.after) or nil }
end

local function read_sent(raw)
  need(type(raw) == "table" and math.type(raw.within) == "integer" and raw.within >= 0 and raw.within < 1e14,
    "it holds no time")
  return { at = time_or_nil(raw.at), within = raw.within }
end

local Reading = {}
Reading.__index = Reading

function Reading:lose(number, what, entry)
  if entry then
    if entry.lost then
      return -- it has been told of
    end
    entry.lost = true
  end
  self.lost[#self.lost + 1] = { line = number, message = what, name = entry and entry.name,
    owner = entry and entry.owner, owner_id = entry and entry.owner_id }
end

local function known_text(value)
  return type(value) == "string" and value or nil
end

-- One line after the first.
function Reading:take(value, number)
  local n = value.n
  need(math.type(n) == "integer" and n > 0, "it has no number")
  local entry = self.by_number[n]
  if value.intent ~= nil then
    need(not entry, "its number is there already")
    entry = { n = n }
    self.by_number[n] = entry
    -- Intents are numbered from 1: one that is missing was on a line that is not there any more.
    need(n > self.last, "it is out of order")
    if n > self.last + 1 and not self.damaged then
      self:lose(number, "a line before it is missing")
    end
    self.last = n
    local ok, intent = pcall(read_intent, value.intent)
    if ok then
      entry.intent = intent
      self.entries[#self.entries + 1] = entry
    elseif type(intent) ~= "table" or not intent.what then
      error(intent, 0)
    else
      local raw = type(value.intent) == "table" and value.intent or {}
      entry.name, entry.owner = known_text(raw.name), known_text(raw.owner)
      entry.owner_id = type(raw.owner_id) == "string" and core.is_guid(raw.owner_id) and raw.owner_id or nil
      self:lose(number, intent.what, entry)
    end
    return
  end
  need(value.sent ~= nil or value.result ~= nil, "it says nothing that is known")
  if not entry then
    -- Its intent was on a damaged line, which has been told of.
    need(self.damaged, "what it tells of is on no line before")
    return
  end
  local field, read = "result", read_result
  if value.sent ~= nil then
    field, read = "sent", read_sent
  end
  local ok, what = pcall(read, value[field])
  if ok then
    entry[field] = what
  elseif type(what) ~= "table" or not what.what then
    error(what, 0)
  else
    self:lose(number, what.what, entry)
  end
end

function Reading:header(value)
  if not value then
    error(failed "line 1 is damaged, or this is no undo journal of this version of awork", 0)
  elseif value.awork ~= "journal" then
    error(failed "line 1: this is no undo journal", 0)
  elseif value.version ~= VERSION then
    error(failed "line 1: written by another version of awork", 0)
  elseif type(value.workspace) ~= "string" or not core.is_guid(value.workspace) then
    error(failed "line 1: it does not say which workspace it is of", 0)
  end
  self.workspace, self.base_url = value.workspace, known_text(value.base_url)
  self.started_on = known_text(value.started_on)
  self.user = type(value.user) == "string" and core.is_guid(value.user) and value.user or nil
end

-- Zeros where a machine went down: nothing from there on was synced, so no request followed it. If a line follows that
-- is as it was written, it was no such end: the line with the zeros is damaged.
local HOLE = ("\0"):rep(4)

-- The end of a file, without a line end: a line cut off while it was written, unless it is whole but for its last byte.
local function is_cut_off(tail)
  return not read_line(tail:sub(1, -2))
end

local function parse(text, breathe)
  local self = setmetatable({ entries = {}, by_number = {}, lost = {}, last = 0 }, Reading)
  local number, from, holes = 0, 1, {}
  if text == "" then
    error(failed "it is empty", 0)
  end
  while from <= #text do
    local stop = text:find("\n", from, true)
    local line = text:sub(from, stop and stop - 1)
    number = number + 1
    breathe()
    local value = read_line(line)
    if number == 1 then
      self:header(value)
    elseif value then
      for i, hole in ipairs(holes) do
        self.damaged, holes[i] = true, nil
        self:lose(hole, "it is damaged")
      end
      local ok, what = pcall(self.take, self, value, number)
      if not ok and (type(what) ~= "table" or not what.what) then
        error(what, 0)
      elseif not ok then
        self.damaged = true
        self:lose(number, what.what)
      end
    elseif line:find(HOLE, 1, true) then
      holes[#holes + 1] = number
    elseif not stop and is_cut_off(line) then
      break
    elseif holes[1] then
      holes[#holes + 1] = number
    else
      self.damaged = true
      self:lose(number, "it is damaged")
    end
    if not stop then
      break
    end
    from = stop + 1
  end
  local entries = {}
  for _, entry in ipairs(self.entries) do
    if not entry.lost then
      entries[#entries + 1] = entry
    end
  end
  self.entries = entries
  return self
end

--- Reads a journal.
-- @param path string
-- @param breathe called for each line, to let others run; optional
-- @return { base_url =, workspace =, user =, started_on =, entries = list of { intent =, sent = or nil, result = or
--   nil }, lost = list of { line =, message =, name =, owner =, owner_id = } }, or nil, err (kind "file")
function M.read(path, breathe)
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
  local ok, read = pcall(parse, text, breathe or no_breath)
  if ok then
    return read
  elseif errors.is(read) then
    return nil, read
  end
  error(read, 0)
end

return M
