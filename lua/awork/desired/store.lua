--- Plans as text: JSON, one change a line. What is loaded may come from anywhere, so all of it is checked.
local core = require "awork.core"
local posix = require "awork.posix"
local errors = require "awork.error"
local json = require "awork.json"
local normalise = require "awork.desired.normalise"
local odd = require "awork.desired.odd"
local options = require "awork.desired.options"
local owners = require "awork.desired.owners"
local plan = require "awork.desired.plan"

local M = {}

local codec = json.codec(16)

local IS_FIELD = normalise.FIELD_TYPES

local LISTS = { "changes", "problems", "warnings", "skipped", "keeps" }
local IS_LIST = {}
for _, name in ipairs(LISTS) do
  IS_LIST[name] = true
end
local OPS = { create = true, update = true, delete = true }
local WHY = { missing = true, differs = true, replaced = true, absent = true, ["not desired"] = true, undo = true }
local COUNTS = { "keep", "in_scope", "guarded", "out_of_scope", "seen", "entries", "matched" }

-- Bytes that are handed on at a time; bytes of one change.
local PIECE, MAX_ITEM = 65536, 128 * 1024 * 1024

-- Notes for people may hold what came from anywhere: numbers that JSON can't hold exactly become text.
local function plain(value, depth)
  if math.type(value) == "float" and (value ~= value or value - value ~= 0 or #("%.17g"):format(value) > 14)
    or math.type(value) == "integer" and (value >= 1e14 or value <= -1e14) then
    return odd.text(value)
  elseif type(value) == "table" then
    if depth > 8 then
      return odd.text(value)
    end
    local copy = {}
    for key, item in pairs(value) do
      copy[key] = plain(item, depth + 1)
    end
    return copy
  elseif type(value) == "string" and not utf8.len(value) then
    return core.visible(value)
  elseif type(value) == "function" or type(value) == "thread" or type(value) == "userdata" then
    return tostring(value)
  end
  return value
end

local function encode(value)
  local text, message, path = codec.encode(value)
  if not text then
    text, message, path = codec.encode(plain(value, 1))
  end
  if not text then
    error(("a plan can't be written: %s (%s)"):format(message, path), 0)
  end
  return text
end

-- A change as it is written: what is odd in it stays readable.
local function change_for_file(change)
  local before, form = odd.write(change.before), odd.write(change.form)
  if before == change.before and form == change.form then
    return change
  end
  local copy = {}
  for key, value in pairs(change) do
    copy[key] = value
  end
  copy.before, copy.form = before, form
  return copy
end

local function no_breath()
end

-- The function that lets others run, as the caller gave it.
local function breath_of(breathe, name)
  if breathe ~= nil and type(breathe) ~= "function" then
    error(("bad argument #2 to '%s' (function expected, got %s)"):format(name, type(breathe)), 3)
  end
  return breathe or no_breath
end

-- Hands the plan's text to `write` a piece at a time; nil, message as soon as that gives it.
local function write_to(self, write, breathe)
  local out, size = {}, 0
  local function put(text)
    out[#out + 1], size = text, size + #text
    if size >= PIECE then
      local whole = table.concat(out)
      out, size = {}, 0
      return write(whole)
    end
    return true
  end
  local ok, message = put('{\n"format":"awork-plan",\n"version":' .. tostring(self.version))
  for _, name in ipairs { "created_on", "base_url", "workspace", "undo", "options", "summary" } do
    if ok and self[name] ~= nil then
      ok, message = put((",\n%s:%s"):format(encode(name), encode(self[name])))
    end
  end
  for _, name in ipairs(LISTS) do
    local list = self[name]
    if ok and list then
      ok, message = put((",\n%s:["):format(encode(name)))
      for i = 1, ok and #list or 0 do
        breathe()
        local item = name == "changes" and change_for_file(list[i]) or list[i]
        ok, message = put((i > 1 and ",\n" or "\n") .. encode(item))
        if not ok then
          break
        end
      end
      -- By hand: an empty table would become an object.
      if ok then
        ok, message = put "]"
      end
    end
  end
  if ok then
    ok, message = put "\n}\n"
  end
  if ok and size > 0 then
    ok, message = write(table.concat(out))
  end
  return ok, message
end

--- The plan as JSON text, one change a line. It holds people's contact infos: keep it as private as those.
-- @return string
function plan.Plan:to_json()
  local out = {}
  write_to(self, function(text)
    out[#out + 1] = text
    return true
  end, no_breath)
  return table.concat(out)
end

local function not_written(message)
  return nil, errors.new { kind = "file", code = "not-written", description = tostring(message), retryable = false }
end

--- Writes the plan: to a file, whole or not at all (a new one has mode 0600, one that is replaced keeps its own); or a
-- piece at a time to a function.
-- @param to path; or function that takes text, and gives nil (or false) and a message when it can't be written
-- @param breathe called for each change, to let others run (`function() client:yield() end`); optional
-- @return true, or nil, err (kind "file")
function plan.Plan:save(to, breathe)
  breathe = breath_of(breathe, "save")
  if type(to) == "function" then
    local ok, message = write_to(self, function(text)
      local done, why = to(text)
      if done == nil and why == nil then
        return true -- a function that says nothing
      end
      return done, why
    end, breathe)
    if not ok then
      return not_written(message)
    end
    return true
  elseif type(to) ~= "string" then
    error(("bad argument #1 to 'save' (a path or a function expected, got %s)"):format(type(to)), 2)
  end
  local file <close>, failed = posix.open_output(to)
  if not file then
    return not_written(failed)
  end
  local ok, message = write_to(self, function(text)
    return file:write(text)
  end, breathe)
  if ok then
    ok, message = file:commit()
  end
  if not ok then
    return not_written(message)
  end
  return true
end

local function invalid(code, format, ...)
  error(errors.new { kind = "plan", code = code, description = format:format(...), retryable = false }, 0)
end

local function need(ok, where, what)
  if not ok then
    invalid("invalid-plan", "%s: %s", where, what)
  end
end

local function list_of(value, where, breathe)
  need(type(value) == "table", where, "a list is expected")
  local n = 0
  for _ in pairs(value) do
    n = n + 1
    if breathe then
      breathe()
    end
  end
  need(n == #value, where, "a list is expected")
  return value
end

local function optional_string(value, where)
  need(value == nil or type(value) == "string", where, "a string is expected")
  return value
end

-- The form's fields, strings and a boolean. What was there before may be odd.
local function form_of(value, where, before)
  need(type(value) == "table", where, "a contact info is expected")
  local form = {}
  for field, item in pairs(value) do
    need(IS_FIELD[field] ~= nil, where, "unknown field " .. tostring(field))
    need(type(item) == IS_FIELD[field] or before and odd.is_written(field, item), where .. "." .. field,
      IS_FIELD[field] .. " expected")
    form[field] = item
  end
  return form
end

-- What undo knows of a request whose answer was not seen.
local function doubt_of(change, value, where)
  for _, name in ipairs { "by", "was" } do
    change[name] = optional_string(value[name], where .. "." .. name)
    need(change[name] == nil or core.is_guid(change[name]), where .. "." .. name, "no GUID")
  end
  need(value.unsent == nil or value.unsent == true, where .. ".unsent", "true is expected")
  change.unsent = value.unsent
  local window = value.window
  if window ~= nil then
    need(type(window) == "table" and math.type(window.from) == "integer" and math.type(window.to) == "integer",
      where .. ".window", "two times are expected")
    change.window = { from = window.from, to = window.to }
  end
end

-- What came out of reconcile for people to read: text, numbers, lists of such; nothing is done by it.
local function note_of(value, where)
  need(type(value) == "table", where, "an object is expected")
  return value
end

local function change_of(value, where)
  need(type(value) == "table", where, "an object is expected")
  local change = { op = value.op, owner = value.owner, owner_id = value.owner_id, name = optional_string(value.name,
    where .. ".name"), why = value.why }
  need(OPS[change.op], where .. ".op", "create, update or delete is expected")
  need(owners.KINDS[change.owner], where .. ".owner", "user or company is expected")
  need(type(change.owner_id) == "string" and core.is_guid(change.owner_id), where .. ".owner_id", "no GUID")
  need(WHY[change.why], where .. ".why", "not known")
  if change.op == "create" then
    need(value.id == nil and value.before == nil, where, "a create has no id and no before")
  else
    change.before = form_of(value.before, where .. ".before", true)
    change.updatedOn = optional_string(value.updatedOn, where .. ".updatedOn")
    if change.op == "delete" and change.why == "undo" and value.id == nil then
      change.by_content = value.by_content
      need(change.by_content == true, where .. ".id", "no GUID")
    else
      need(type(value.id) == "string" and core.is_guid(value.id), where .. ".id", "no GUID")
      change.id = value.id
    end
  end
  if change.op ~= "delete" then
    change.form = form_of(value.form, where .. ".form")
    if change.why ~= "undo" then
      local ok, err = core.validate(change.form, change.owner, nil, change.before)
      need(ok, where .. ".form", ok or tostring(err.violations[1].message))
    end
  end
  if value.fields ~= nil then
    change.fields = list_of(value.fields, where .. ".fields")
    for i, field in ipairs(change.fields) do
      need(IS_FIELD[field] ~= nil, ("%s.fields[%d]"):format(where, i), "no field")
    end
  end
  need(value.twins == nil or change.why == "undo" and math.type(value.twins) == "integer" and value.twins > 0,
    where .. ".twins", "a count is expected")
  change.twins = value.twins
  if change.why == "undo" then
    doubt_of(change, value, where)
  end
  need(value.entry == nil or math.type(value.entry) == "integer", where .. ".entry", "a number is expected")
  change.entry = value.entry
  if value.source ~= nil then
    change.source = note_of(value.source, where .. ".source")
  end
  return change
end

-- Text from somewhere, a piece at a time: what is before `pos` of `buf` is done with.
local Text = {}
Text.__index = Text

-- Reads on; false at the end. A value that goes on for long is not copied anew with every piece.
function Text:more()
  local pieces, size = { self.buf:sub(self.pos) }, 0
  repeat
    local piece = self.pull()
    if not piece then
      self.pull = function() end
      break
    end
    pieces[#pieces + 1], size = piece, size + #piece
  until size >= math.max(PIECE, #pieces[1])
  self.buf, self.pos = table.concat(pieces), 1
  return size > 0
end

-- The next character that is no white space, and nil at the end; it stays.
function Text:peek()
  while true do
    local at = self.buf:find("[^ \t\r\n]", self.pos)
    if at then
      self.pos = at
      return self.buf:sub(at, at)
    end
    self.pos = #self.buf + 1
    if not self:more() then
      return nil
    end
  end
end

function Text:expect(c)
  need(self:peek() == c, "the plan", ("it is not JSON of a plan, or cut off: '%s' is missing"):format(c))
  self.pos = self.pos + 1
end

-- Where the pattern is found at or after `from` (counted from `pos`); the text is read on until it is.
function Text:seek(pattern, from)
  while true do
    local at = self.buf:find(pattern, self.pos + from)
    if at then
      return at - self.pos
    end
    local size = #self.buf - self.pos + 1
    need(size <= MAX_ITEM, "the plan", "one value in it is too long")
    from = size
    need(self:more(), "the plan", "it is cut off")
  end
end

-- The text of the value that begins at `pos`, which is after it then.
function Text:value()
  self:peek()
  local at, depth = 0, 0
  repeat
    local c = self.buf:sub(self.pos + at, self.pos + at)
    if c == '"' then
      repeat
        at = self:seek('["\\]', at + 1)
        local escaped = self.buf:byte(self.pos + at) == 92
        at = escaped and at + 1 or at
      until not escaped
    elseif c == "{" or c == "[" then
      depth = depth + 1
    elseif c == "}" or c == "]" then
      depth = depth - 1
    else
      at = self:seek("[%s,%]}]", at) - 1 -- a number, or a name like true
      need(at >= 0, "the plan", "it is not JSON: a value is missing")
    end
    if depth > 0 then
      at = self:seek('["{}%[%]]', at + 1)
    end
  until depth <= 0
  local text = self.buf:sub(self.pos, self.pos + at)
  self.pos = self.pos + at + 1
  return text
end

local function decode(text)
  local value, code, message = codec.decode(text)
  if code then
    invalid("invalid-plan", "the plan is not JSON: %s (%s)", message:gsub("^the answer ", "it "), code)
  end
  return value
end

-- The next element of a list: one a line, as to_json writes them, or however they stand.
function Text:element()
  if self:peek() == "{" and not self.free_form then
    local stop = self.buf:find("\n", self.pos, true)
    if not stop and self:more() then
      stop = self.buf:find("\n", self.pos, true)
    end
    self.free_form = true
    if stop then
      local comma = self.buf:byte(stop - 1) == 44
      local value, code = codec.decode(self.buf:sub(self.pos, stop - (comma and 2 or 1)))
      if not code then
        self.pos, self.free_form = comma and stop - 1 or stop, false
        return value
      end
    end
  end
  return decode(self:value())
end

-- What says that this is a plan which can be read is looked at before anything else of it.
local function check_head(name, value)
  if name == "format" and value ~= "awork-plan" then
    invalid("invalid-plan", "this is no plan (format awork-plan)")
  elseif name == "version" and value ~= plan.VERSION then
    invalid("plan-version", "the plan is of version %s, this awork knows version %d", errors.text_of(value),
      plan.VERSION)
  end
end

-- The members of the plan's object; of the lists in LISTS each element goes through `take` by itself.
local function members(text, take)
  local data = {}
  text:expect "{"
  if text:peek() == "}" then
    text.pos = text.pos + 1
    return data
  end
  repeat
    need(text:peek() == '"', "the plan", "it is not JSON: a name is missing")
    local name = decode(text:value())
    need(data[name] == nil, tostring(name), "it is there twice")
    text:expect ":"
    if IS_LIST[name] and text:peek() == "[" then
      text.pos = text.pos + 1
      local list, more = {}, text:peek() ~= "]"
      while more do
        list[#list + 1] = take(name, text:element(), #list + 1)
        more = text:peek() == ","
        if more then
          text.pos = text.pos + 1
        end
      end
      text:expect "]"
      data[name] = list
    else
      data[name] = decode(text:value())
      check_head(name, data[name])
    end
    local more = text:peek() == ","
    if more then
      text.pos = text.pos + 1
    end
  until not more
  text:expect "}"
  need(text:peek() == nil, "the plan", "something follows it")
  return data
end

local function take(name, item, i)
  local where = ("%s[%d]"):format(name, i)
  local taken = name == "changes" and change_of(item, where) or note_of(item, where)
  need(name ~= "problems" or type(item.message) == "string", where .. ".message", "a string is expected")
  return taken
end

local function read(pull, breathe)
  local text = setmetatable({ buf = "", pos = 1, pull = pull }, Text)
  need(text:peek() ~= nil, "the plan", "it is empty")
  local data = members(text, function(name, item, i)
    breathe()
    return take(name, item, i)
  end)
  check_head("format", data.format)
  check_head("version", data.version)
  need(type(data.options) == "table", "options", "an object is expected")
  need(data.undo == nil or data.undo == true, "undo", "true is expected")
  local ok, opts = pcall(options.plan, data.options)
  need(ok, "options", tostring(opts))
  local loaded = { format = "awork-plan", version = plan.VERSION,
    created_on = optional_string(data.created_on, "created_on"), base_url = optional_string(data.base_url, "base_url"),
    undo = data.undo, options = opts, summary = {} }
  need(type(data.summary) == "table", "summary", "an object is expected")
  for _, name in ipairs(COUNTS) do
    local count = data.summary[name]
    need(math.type(count) == "integer" and count >= 0, "summary." .. name, "a count is expected")
    loaded.summary[name] = count
  end
  loaded.workspace = optional_string(data.workspace, "workspace")
  need(loaded.workspace == nil or core.is_guid(loaded.workspace), "workspace", "no GUID")
  for _, name in ipairs(LISTS) do
    loaded[name] = (data[name] ~= nil or name ~= "keeps") and list_of(data[name], name, breathe) or nil
  end
  for i, change in ipairs(loaded.changes) do
    breathe()
    need(loaded.undo or change.why ~= "undo", ("changes[%d].why"):format(i), "not known")
  end
  plan.tally(loaded, breathe)
  return setmetatable(loaded, plan.Plan)
end

local function is_readable(source)
  return io.type(source) == "file" or type(source) == "table" and type(source.read) == "function"
end

--- A plan from what `plan:to_json()` or `plan:save()` wrote, in memory of what it holds and of one piece of text.
-- Anything else is an error, never a crash.
-- @param source string: the text; or an open file, or a table with such a `read` method; or a function that gives the
--   next piece, and nil (or "") at the end
-- @param breathe called for each change, to let others run (`function() client:yield() end`); optional
-- @return plan, or nil, err: kind "plan", code "invalid-plan" or "plan-version"; kind "file" if it could not be read
function M.load(source, breathe)
  breathe = breath_of(breathe, "load_plan")
  local pull
  if type(source) == "string" then
    local at = 1
    pull = function()
      local piece = source:sub(at, at + PIECE - 1)
      at = at + PIECE
      return piece ~= "" and piece or nil
    end
  elseif type(source) == "function" or is_readable(source) then
    pull = function()
      local piece, why
      if type(source) == "function" then
        piece, why = source()
      else
        piece, why = source:read(PIECE)
      end
      if piece == nil and why ~= nil then
        error(errors.is(why) and why or errors.new { kind = "file", code = "not-read", description = tostring(why),
          retryable = false }, 0)
      elseif piece ~= nil and type(piece) ~= "string" then
        error("load_plan: the source gave no string but a " .. type(piece), 0)
      end
      return piece ~= "" and piece or nil
    end
  else
    error("bad argument #1 to 'load_plan' (string, function or file expected, got " .. type(source) .. ")", 2)
  end
  local ok, loaded = pcall(read, pull, breathe)
  if ok then
    return loaded
  elseif errors.is(loaded) then
    return nil, loaded
  end
  error(loaded, 0)
end

return M
