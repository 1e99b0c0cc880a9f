--- Plans as text: JSON, one change a line. What is loaded may come from anywhere, so all of it is checked.
local core = require "awork.core"
local errors = require "awork.error"
local json = require "awork.json"
local normalise = require "awork.desired.normalise"
local options = require "awork.desired.options"
local owners = require "awork.desired.owners"
local plan = require "awork.desired.plan"

local M = {}

local codec = json.codec(16)

local IS_FIELD = normalise.FIELD_TYPES

local LISTS = { "changes", "problems", "warnings", "skipped", "keeps" }
local OPS = { create = true, update = true, delete = true }
local WHY = { missing = true, differs = true, replaced = true, absent = true, ["not desired"] = true, undo = true }
local COUNTS = { "keep", "in_scope", "guarded", "out_of_scope", "seen", "entries", "matched" }

local function encode(value)
  local text, message, path = codec.encode(value)
  if not text then
    error(("a plan can't be written: %s (%s)"):format(message, path), 0)
  end
  return text
end

--- The plan as JSON text. It holds people's contact infos: keep it as private as those.
-- @return string
function plan.Plan:to_json()
  local out = { '{\n"format":"awork-plan",\n"version":', tostring(self.version) }
  for _, name in ipairs { "created_on", "base_url", "undo", "options", "summary" } do
    if self[name] ~= nil then
      out[#out + 1] = (",\n%s:%s"):format(encode(name), encode(self[name]))
    end
  end
  for _, name in ipairs(LISTS) do
    if self[name] then
      local lines = {}
      for i, item in ipairs(self[name]) do
        lines[i] = encode(item)
      end
      -- By hand: an empty table would become an object.
      out[#out + 1] = (",\n%s:[%s%s]"):format(encode(name), #lines > 0 and "\n" or "", table.concat(lines, ",\n"))
    end
  end
  out[#out + 1] = "\n}\n"
  return table.concat(out)
end

--- Writes the plan to a file: whole, or not at all. A new one has mode 0600, one that is replaced keeps its own.
-- @param path string
-- @return true, or nil, err (kind "file")
function plan.Plan:save(path)
  local ok, message = core.write_file(path, self:to_json())
  if not ok then
    return nil, errors.new { kind = "file", code = "not-written", description = message, retryable = false }
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

local function list_of(value, where)
  need(type(value) == "table", where, "a list is expected")
  local n = 0
  for _ in pairs(value) do
    n = n + 1
  end
  need(n == #value, where, "a list is expected")
  return value
end

local function optional_string(value, where)
  need(value == nil or type(value) == "string", where, "a string is expected")
  return value
end

-- The form's fields, strings and a boolean.
local function form_of(value, where)
  need(type(value) == "table", where, "a contact info is expected")
  local form = {}
  for field, item in pairs(value) do
    need(IS_FIELD[field] ~= nil, where, "unknown field " .. tostring(field))
    need(type(item) == IS_FIELD[field], where .. "." .. field, IS_FIELD[field] .. " expected")
    form[field] = item
  end
  return form
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
    change.before = form_of(value.before, where .. ".before")
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
      local ok, err = core.validate(change.form, change.owner)
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
  need(value.entry == nil or math.type(value.entry) == "integer", where .. ".entry", "a number is expected")
  change.entry = value.entry
  if value.source ~= nil then
    change.source = note_of(value.source, where .. ".source")
  end
  return change
end

local function read(text)
  local data, code, message = codec.decode(text)
  if code then
    invalid("invalid-plan", "the plan is not JSON: %s (%s)", message:gsub("^the answer ", "it "), code)
  end
  need(type(data) == "table", "the plan", "an object is expected")
  if data.format ~= "awork-plan" then
    invalid("invalid-plan", "this is no plan (format awork-plan)")
  elseif data.version ~= 1 then
    invalid("plan-version", "the plan is of version %s, this awork knows version 1", tostring(data.version))
  end
  -- JSON can be read which to_json() would have to refuse: numbers of too many digits.
  local writable, why, path = core.check_json(data, 16)
  need(writable, path, why)
  need(type(data.options) == "table", "options", "an object is expected")
  need(data.undo == nil or data.undo == true, "undo", "true is expected")
  local ok, opts = pcall(options.plan, data.options)
  need(ok, "options", tostring(opts))
  local loaded = { format = "awork-plan", version = 1, created_on = optional_string(data.created_on, "created_on"),
    base_url = optional_string(data.base_url, "base_url"), undo = data.undo, options = opts, summary = {} }
  need(type(data.summary) == "table", "summary", "an object is expected")
  for _, name in ipairs(COUNTS) do
    local count = data.summary[name]
    need(math.type(count) == "integer" and count >= 0, "summary." .. name, "a count is expected")
    loaded.summary[name] = count
  end
  for _, name in ipairs(LISTS) do
    if data[name] ~= nil or name ~= "keeps" then
      loaded[name] = {}
      for i, item in ipairs(list_of(data[name], name)) do
        local where = ("%s[%d]"):format(name, i)
        loaded[name][i] = name == "changes" and change_of(item, where) or note_of(item, where)
        need(name ~= "problems" or type(item.message) == "string", where .. ".message", "a string is expected")
      end
    end
  end
  for i, change in ipairs(loaded.changes) do
    need(loaded.undo or change.why ~= "undo", ("changes[%d].why"):format(i), "not known")
  end
  plan.tally(loaded)
  return setmetatable(loaded, plan.Plan)
end

--- A plan from the text that `plan:to_json()` made. Anything else is an error, never a crash.
-- @param text string
-- @return plan, or nil, err: kind "plan", code "invalid-plan" or "plan-version"
function M.load(text)
  if type(text) ~= "string" then
    error("bad argument #1 to 'load_plan' (string expected, got " .. type(text) .. ")", 2)
  end
  local ok, loaded = pcall(read, text)
  if ok then
    return loaded
  elseif errors.is(loaded) then
    return nil, loaded
  end
  error(loaded, 0)
end


return M
