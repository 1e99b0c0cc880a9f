--- What is fuzzed in Lua: functions of a string, which raise if something is wrong. See lua.c.
local core = require "awork.core"
local posix = require "awork.posix"

-- The engine below is a stand-in: it takes any token, and hides this one.
local TOKEN = "canary-5f2c9a"
local set_token, hide = core.set_token, core.hide
core.set_token = function(engine, token)
  return type(engine) == "table" and 1 or set_token(engine, token)
end
core.hide = function(engine, value)
  return type(engine) == "table" and core.redact(value, TOKEN) or hide(engine, value)
end
local awork = require "awork"
local contact_infos = require "awork.contact_infos"
local csv, json_format = require "awork.format.csv", require "awork.format.json"
local errors = require "awork.error"
local json = require "awork.json"
local option_list = require "awork.options"
local scim, vcard = require "awork.format.scim", require "awork.format.vcard"
local session = require "awork.session"
local users = require "awork.users"

local M = {}

local codec = json.codec(64)

-- An error of ours, with one sentence of text that can be shown.
local function check_error(err)
  assert(errors.is(err), "no error table")
  assert(type(err.code) == "string" and type(err.kind) == "string", "an error without code or kind")
  local text = tostring(err)
  assert(core.utf8(text), "an error's text is no UTF-8")
  assert(not text:find "%c", "an error's text has control characters")
  for name, value in next, err do
    assert(type(value) ~= "string" or name == "file" or core.utf8(value), name .. " is no UTF-8")
  end
  return err
end

-- ---- reading bytes ----

-- Reads what a string's bytes ask for; zeros after its end.
local function reader(data)
  local at = 1
  local self = {}
  function self.byte()
    local b = data:byte(at) or 0
    at = at + 1
    return b
  end
  function self.more() return at <= #data end
  function self.text()
    local n = self.byte()
    local s = data:sub(at, at + n - 1)
    at = at + n
    return s
  end
  function self.rest()
    local s = data:sub(at)
    at = #data + 1
    return s
  end
  return self
end

local VALUES = { "", "work", "phone", "email", "address", "custom", "urls", "url", "DE", "create", "update", "delete",
  "undo", "user", "company", "123e4567-e89b-12d3-a456-426614174000", 0, 1, -1, 2 ^ 53, 1e300, true, false,
  "2024-01-15T09:30:00Z", "\u{FEFF}", "missing", "done", "not-done" }

-- A value from bytes, nested at most `depth` deep.
local function value_of(r, depth)
  local how = r.byte()
  if how < 128 then
    return VALUES[how % #VALUES + 1]
  elseif how < 170 or depth == 0 then
    return r.text()
  elseif how < 180 then
    return core.null
  elseif how < 190 then
    return (r.byte() * 256 + r.byte()) / 7
  end
  local t = {}
  for i = 1, how % 8 do
    t[how < 220 and i or r.text()] = value_of(r, depth - 1)
  end
  return t
end

-- ---- validation ----

local RULES = {}
for _, rule in ipairs(awork.rules()) do RULES[type(rule) == "table" and (rule.name or rule.rule) or rule] = true end
local FIELDS = { "label", "value", "type", "subType", "addressLine1", "addressLine2", "zipCode", "city", "state",
  "country", "isAddress" }

function M.validation(data)
  local r = reader(data)
  local owner = r.byte() % 2 == 0 and "user" or "company"
  local info = {}
  while r.more() do
    local which = r.byte()
    local field = FIELDS[which % 16 + 1] or r.text()
    local value
    if which % 32 < 24 then
      value = VALUES[r.byte() % #VALUES + 1]
    elseif which % 32 < 30 then
      value = r.text():rep(which > 128 and 30 or 1)
    else
      value = value_of(r, 2)
    end
    info[field] = value
  end
  local ok, err = awork.validate(info, owner)
  local form, form_err = awork.contact_info(info, owner)
  assert((ok == true) == (form ~= nil), "validate and contact_info differ")
  if not ok then
    check_error(err)
    assert(#form_err.violations == #err.violations and form_err.description == err.description, "another error")
    assert(err.code == "validation-failed" and #err.violations > 0 and #err.violations == #err.validationErrors)
    for _, violation in ipairs(err.violations) do
      assert(RULES[violation.rule], "an unknown rule: " .. tostring(violation.rule))
      assert(core.utf8(violation.message), "a message that is no UTF-8")
    end
    return
  end
  assert(awork.validate(form, owner), "what would be sent is not valid")
  local text = assert(codec.encode(form))
  local back = assert(codec.decode(text))
  for field, value in next, form do
    if value ~= core.null then assert(back[field] == value, field .. " did not survive") end
  end
end

-- ---- responses ----

local USER = "123e4567-e89b-12d3-a456-426614174000"
local result -- what the engine gives next
local brief -- as the engine has it: whether the value of what is read is enough
local engine = {}
function engine:submit(request) -- luacheck: no self
  brief = request.brief
  return 1
end
function engine:finish() -- luacheck: no self
  core.redact(result, TOKEN) -- as the core's engine does
  if not brief or result.status ~= 200 then return result end
  local content_type = result.headers["content-type"]
  if content_type == "application/json" then
    local value = codec.decode(result.body)
    if type(value) == "table" then return true, value end
  end
  return { status = 200, body = result.body, content_type = content_type }
end
local checked = assert(option_list.check { token = TOKEN, base_url = "https://x.invalid/v1" })
local fake = session.new(checked, engine, codec, nil)
local infos, people = contact_infos.new(fake, "user"), users.users(fake)

local CALLS = {
  function() return infos:list(USER) end,
  function() return infos:get(USER, USER) end,
  function() return infos:update(USER, USER, { type = "phone", subType = "work", value = "+49 30 1" }) end,
  function() return infos:delete(USER, USER) end,
  function() return people:me() end,
  function() return people:list { pageSize = 2 } end,
  function() return people:autofill "a@example.org" end,
  function() return people:deactivate(USER, { include_summary = true }) end,
}

function M.response(data)
  local r = reader(data)
  local call, kind = CALLS[r.byte() % #CALLS + 1], r.byte()
  local STATUS = { 200, 200, 204, 400, 401, 403, 404, 429, 500, 502, 503, 302, 101, 0, 999 }
  local headers = {}
  for _ = 1, r.byte() % 6 do
    local names = { "content-type", "aw-page", "aw-pagesize", "aw-items", "aw-totalitems", "trace-id", "x-edge-ref",
      "location", "retry-after" }
    headers[names[r.byte() % 12 + 1] or r.text():lower()] = r.text()
  end
  result = { status = STATUS[kind % 16 + 1] or r.byte() * 4, headers = headers, attempts = 1, url = checked.base_url }
  if kind >= 240 then
    result.kind, result.code, result.message, result.status = "network", "refused", r.text(), nil
  end
  local body = r.rest()
  if kind % 32 > 20 then body = body .. TOKEN .. body end
  result.body = result.status and body
  local value, err = call()
  if not value then
    check_error(err)
    assert(not tostring(err):find(TOKEN, 1, true), "the token is in an error")
    assert(err.retryable ~= nil, "retryable is not said")
  end
end

-- ---- formats ----

-- People read, written and read again: the same people.
local function format_target(format, opts)
  return function(data)
    local list = {}
    local r = format.read({ text = data }, { user = false })
    for person, err in r do
      if person then
        list[#list + 1] = person
        for _, info in ipairs(person.contact_infos) do awork.validate(info) end
      else
        check_error(err)
      end
      if #list > 200 then break end
    end
    r:close()
    -- People about whom nothing is known are blank rows in CSV: nobody, when it is read.
    local something = false
    for _, person in ipairs(list) do
      something = something or person.user or person.firstName or person.lastName or person.contact_infos[1]
    end
    if not something then return end
    local text, err = format.encode(list, opts)
    if not text then
      check_error(err)
      return
    end
    local again = 0
    for person, read_err in format.read({ text = text }, { user = false }) do
      if not person then
        error(("written, but not read: %s\n%s"):format(tostring(read_err), text))
      end
      again = again + 1
    end
    assert(core.utf8(text), "what is no UTF-8 was written")
    assert(again > 0 or not next(list[1].contact_infos), "nothing was written")
  end
end

M.csv = format_target(csv)
M.vcard = format_target(vcard)
M.json = format_target(json_format)
M.scim = format_target(scim)

-- ---- filters ----

function M.filter(data)
  local r = reader(data)
  local values, template, wanted = {}, {}, {}
  for i = 1, r.byte() % 5 do
    local value = r.byte() % 4 == 0 and value_of(r, 0) or r.text()
    if value == core.null then value = "null" end
    values[i] = value
    template[i] = "f eq ?"
    if type(value) == "string" then
      local ok, quoted = pcall(awork.filter.quote, value)
      assert(ok == (core.utf8(value) and not value:find "%c" or false), "quote")
      if not ok then quoted = nil end
      -- Read back by the rule alone: what is between the outer apostrophes, each pair of them one.
      if quoted then
        local inner = assert(quoted:match "^'(.*)'$")
        assert(not inner:gsub("''", ""):find("'", 1, true), "an apostrophe ends the string")
        assert(inner:gsub("''", "'") == value, "another value")
      end
      wanted[i] = quoted and "f eq " .. quoted
    else
      wanted[i] = "f eq " .. select(2, pcall(awork.filter, "?", value))
    end
  end
  local ok, text = pcall(awork.filter, table.concat(template, " and "), table.unpack(values, 1, #template))
  if ok then
    assert(text == table.concat(wanted, " and "), "another expression")
  else
    assert(text:find("bad argument", 1, true), text)
  end
  -- Any template: a complaint, or a text in which every apostrophe is closed.
  ok, text = pcall(awork.filter, r.rest(), "a'b", 1)
  if ok then
    assert(select(2, text:gsub("'", "")) % 2 == 0, "an open apostrophe")
  else
    assert(text:find("bad argument", 1, true), text)
  end
end

-- ---- plans and journals ----

function M.plan(data)
  local plan, err = awork.load_plan(data)
  if not plan then
    check_error(err)
    assert(err.kind == "plan", "an error of another kind")
    return
  end
  local text = plan:to_json()
  local again = assert(awork.load_plan(text))
  assert(again:to_json():len() == #text, "another plan")
  plan:to_text()
  local _, _, _ = plan:is_empty(), plan:state(), plan:exit_code()
end

-- Each line as it stands in a journal whose checksums are right: with another one nothing of it would be read.
local function signed(data)
  return (data:gsub("[^\n]*\n", function(line)
    local rest = line:gsub('^{"crc":"%x*",', "{"):match "^{(.+)\n$"
    return rest and ('{"crc":"%08x",%s\n'):format(posix.crc32(rest), rest) or line
  end))
end

local real_open = io.open
function M.journal(data)
  if #data % 8 > 0 then
    data = signed(data)
  end
  io.open = function() -- luacheck: ignore 122
    return { read = function() return data end, close = function() end }
  end
  local ok, plan, err = pcall(awork.undo_plan, "a journal")
  io.open = real_open -- luacheck: ignore 122
  assert(ok, plan)
  if not plan then
    check_error(err)
    assert(err.kind == "file", "an error of another kind")
    return
  end
  assert(awork.load_plan(plan:to_json()), "a plan that can't be loaded")
  plan:to_text()
end

-- ---- JSON ----

function M.codec(data)
  local value, code, message = codec.decode(data)
  if code then
    assert(value == nil and core.utf8(message), "a fault that is none")
    return
  end
  local text = codec.encode(value)
  if not text then return end -- numbers of more than 14 digits
  local again, fault = codec.decode(text)
  assert(not fault, "written, but not read")
  assert(codec.encode(again):len() == #text, "another value")
end

return M
