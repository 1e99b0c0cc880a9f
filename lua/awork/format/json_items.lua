--- JSON values one by one: the elements of a list, the values of JSON lines, or those in a wrapping object, without the
-- whole text in memory. It only finds where values end; the core reads them.
local core = require "awork.core"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"

local M = {}

local byte, find, gsub, sub = string.byte, string.find, string.gsub, string.sub

local MAX_ITEM = 1048576 -- bytes of one value
local MAX_DEPTH = 64
local MAX_RECOVERIES = 100 -- lines of one text after which reading goes on; each may have been read in vain
local WINDOW = 65536

local QUOTE, COMMA, COLON = 34, 44, 58
local OPEN = { [91] = true, [123] = true } -- [ {
local LIST, END_LIST, OBJECT, END_OBJECT = 91, 93, 123, 125

--- JSON for a value; nil and a message for what has none.
function M.encode(value)
  return core.encode(value, MAX_DEPTH)
end

--- The value of a JSON text; nil if it is none.
function M.decode(s)
  return (core.decode(s, MAX_DEPTH, true))
end

--- The error for JSON without anybody: a failed export must not pass for "nothing to do", as in CSV a header alone.
function M.nobody(input)
  return stream.fail("empty", "a list without an item: nobody is in it", { file = input.name }, true)
end

local function shown(c) return c > 32 and c < 127 and ("'%c'"):format(c) or ("a byte 0x%02X"):format(c) end

local Items = {}
Items.__index = Items

-- Throws an error of ours to `next`, which gives it out: reading ends with it.
function Items:fail(code, message)
  error({ thrown = stream.fail(code, message, { file = self.input.name, line = self.line }, true) }, 0)
end

function Items:more(want)
  local ok, err = self.input:more(want)
  if err then error({ thrown = err }, 0) end
  return ok
end

-- The next byte that is no white space; nil at the end.
function Items:peek()
  local input = self.input
  while true do
    local from = input.pos
    local at = find(input.buf, "[^ \t\r\n]", from)
    local stop = at or #input.buf + 1
    if stop > from then
      local space = sub(input.buf, from, stop - 1)
      if find(space, "\n", 1, true) then self.line = self.line + select(2, gsub(space, "\n", "")) end
      input.pos = stop
    end
    if at then return byte(input.buf, at) end
    if not self:more(WINDOW) then return nil end
  end
end

-- Where what is looked for from `at` (counted from input.pos) on is; more text is read until it is found.
function Items:seek(pattern, at)
  local input = self.input
  while true do
    local found = find(input.buf, pattern, input.pos + at)
    if found then return found - input.pos end
    local size = #input.buf - input.pos + 1
    if size > MAX_ITEM then self:fail("limit", ("a value of more than %d bytes"):format(MAX_ITEM)) end
    if not self:more(math.max(WINDOW, size)) then return nil end
  end
end

function Items:end_of_string(at)
  while true do
    at = self:seek('["\\]', at + 1)
    if not at then self:fail("syntax", "the text is cut off within a string") end
    if byte(self.input.buf, self.input.pos + at) == QUOTE then return at end
    at = at + 1 -- what follows a backslash is no end
  end
end

-- The text of the value that begins at input.pos, which is then after it.
function Items:take()
  local input, depth, at = self.input, 0, 0
  local first = byte(input.buf, input.pos)
  if not first then self:fail("syntax", "the text is cut off: a value is missing") end
  if first == QUOTE then
    at = self:end_of_string(0)
  elseif OPEN[first] then
    repeat
      local c = byte(input.buf, input.pos + at)
      if c == QUOTE then
        at = self:end_of_string(at)
      elseif OPEN[c] then
        depth = depth + 1
        if depth > MAX_DEPTH then self:fail("limit", ("nested more than %d deep"):format(MAX_DEPTH)) end
      else
        depth = depth - 1
      end
      if depth > 0 then
        at = self:seek('["%[%]{}]', at + 1)
        if not at then self:fail("syntax", "the text is cut off") end
      end
    until depth == 0
  else -- a number, true, false, null, or anything else
    local stop = self:seek("[%s,%]}\"%[{:]", 0)
    at = (stop or #input.buf - input.pos + 1) - 1
    if at < 0 then self:fail("syntax", shown(first) .. " where a value was expected") end
  end
  if at >= MAX_ITEM then self:fail("limit", ("a value of more than %d bytes"):format(MAX_ITEM)) end
  local value = sub(input.buf, input.pos, input.pos + at)
  input.pos = input.pos + at + 1
  return value
end

-- How many members the objects of a decoded value have, all told.
local function members(value)
  local count = 0
  for key, member in pairs(value) do
    if type(key) == "string" then count = count + 1 end
    if type(member) == "table" then count = count + members(member) end
  end
  return count
end

-- The first name that stands twice in one object of a JSON text.
local function twice(s)
  local names, at = { {} }, 1
  while true do
    local from = find(s, '["%[%]{}]', at)
    if not from then return "?" end
    local c = byte(s, from)
    at = from + 1
    if OPEN[c] then
      names[#names + 1] = {}
    elseif c ~= QUOTE then
      names[#names] = nil
    else
      repeat
        at = find(s, '["\\]', at) + 1
        local escaped = byte(s, at - 1) ~= QUOTE
        if escaped then at = at + 1 end
      until not escaped
      if find(s, "^[ \t\r\n]*:", at) then
        local name, own = M.decode(sub(s, from, at - 1)), names[#names]
        if own[name] then return name end
        own[name] = true
      end
    end
  end
end

-- True if the text has more members than its value: of two with one name, one was lost.
local function loses(s, value)
  if type(value) ~= "table" then return false end
  local _, colons = gsub(gsub(gsub(s, "\\.", ""), '"[^"]*"', ""), ":", "")
  return colons ~= members(value)
end

-- The value of a text and its place; or nil and an error that does not end the reading.
function Items:decode(s, place)
  if not utf8.len(s) then
    return nil, stream.fail("encoding", "not valid " .. self.input.encoding, place), place
  end
  local value, code, message = core.decode(s, MAX_DEPTH, true)
  if not code then
    if not loses(s, value) then return value, nil, place end
    message = ("'%s' stands twice in one object"):format(persons.excerpt(twice(s)))
    return nil, stream.fail("syntax", message, place), place
  end
  message = message:gsub("^the answer ", "it ")
  return nil, stream.fail("syntax", "not JSON: " .. persons.excerpt(message, 100), place), place
end

-- Reads one value: table or other, or nil and an error that does not end the reading.
function Items:read()
  local line = self.line
  local s = self:take()
  self.count = self.count + 1
  local value, err, place = self:decode(s, { file = self.input.name, row = self.count, line = line, unit = "item" })
  local next_line = err and self.state == "top" and self.recoveries < MAX_RECOVERIES and find(s, "\n[{%[]")
  if next_line then -- a bracket that is missing has taken the lines below for its own
    self.recoveries = self.recoveries + 1
    self.input.pos = self.input.pos - #s + next_line
    s = sub(s, 1, next_line)
  end
  if find(s, "\n", 1, true) then self.line = line + select(2, gsub(s, "\n", "")) end
  return value, err, place
end

-- After a value in a list: true if another follows, false at its end.
function Items:another(last)
  local c = self:peek()
  self.input.pos = self.input.pos + 1
  if c == last then return false end
  if c ~= COMMA then
    self:fail("syntax", c and shown(c) .. " where a comma was expected" or "the text is cut off")
  end
  c = self:peek()
  if c == last then self:fail("syntax", "a comma with nothing after it") end
  return true
end

-- The top-level object, of which `wrapper` is the list that is meant: gives its elements through `state`. An object
-- without it is a value itself.
function Items:object()
  local input = self.input
  local line, fields, size = self.line, {}, 0
  input.pos = input.pos + 1
  local follows = self:peek() ~= END_OBJECT
  if not follows then input.pos = input.pos + 1 end
  while follows do
    if self:peek() ~= QUOTE then self:fail("syntax", "a name in quotes was expected") end
    local key = self:take()
    if self:peek() ~= COLON then self:fail("syntax", "a colon was expected after " .. persons.excerpt(key)) end
    input.pos = input.pos + 1
    local c = self:peek()
    if c == LIST and core.lower(key) == self.wrapper then
      input.pos = input.pos + 1
      self.fields, self.state = fields, "wrapped"
      if self:peek() == END_LIST then
        input.pos = input.pos + 1
        self.state = "after"
      end
      return true
    elseif not c then
      self:fail("syntax", "the text is cut off")
    end
    local value = self:take()
    if find(value, "\n", 1, true) then self.line = self.line + select(2, gsub(value, "\n", "")) end
    size = size + #key + #value
    if size > MAX_ITEM then self:fail("limit", ("a value of more than %d bytes"):format(MAX_ITEM)) end
    fields[#fields + 1] = key .. ":" .. value
    follows = self:another(END_OBJECT)
  end
  return false, "{" .. table.concat(fields, ",") .. "}", line
end

-- What stands in the wrapping object after its list: read for what it says, as `fields`.
function Items:finish_object()
  local input, size = self.input, 0
  while self:another(END_OBJECT) do
    if self:peek() ~= QUOTE then self:fail("syntax", "a name in quotes was expected") end
    local key = self:take()
    if self:peek() ~= COLON then self:fail("syntax", "a colon was expected after " .. persons.excerpt(key)) end
    input.pos = input.pos + 1
    self:peek()
    local value = self:take()
    size = size + #key + #value
    if size > MAX_ITEM then self:fail("limit", ("a value of more than %d bytes"):format(MAX_ITEM)) end
    self.fields[#self.fields + 1] = key .. ":" .. value
  end
  self.envelope = core.decode("{" .. table.concat(self.fields, ",") .. "}", MAX_DEPTH, true) or {}
end

function Items:advance()
  local input = self.input
  while true do
    if self.state == "list" or self.state == "wrapped" then
      local value, err, place = self:read()
      if not self:another(END_LIST) then self.state = self.state == "list" and "top" or "after" end
      return value, err, place
    elseif self.state == "after" then
      self:finish_object()
      self.state = "top"
    end
    local c = self:peek()
    if not c then
      return nil
    elseif c == LIST then
      input.pos = input.pos + 1
      if self:peek() == END_LIST then
        input.pos = input.pos + 1
      else
        self.state = "list"
      end
    elseif c == OBJECT and self.wrapper then
      local wrapped, whole, line = self:object()
      if not wrapped then
        self.count = self.count + 1
        local place = { file = input.name, row = self.count, line = line, unit = "item" }
        return self:decode(whole, place)
      end
    elseif c == OBJECT then
      return self:read()
    else
      self:fail("syntax", "neither a list nor an object: this is not JSON of people")
    end
  end
end

-- Goes to the next line that begins with a list or an object, as those of JSON lines do; false if there is none.
function Items:recover()
  local input = self.input
  while true do
    local at = find(input.buf, "\n[{%[]", input.pos)
    local stop = at or math.max(input.pos - 1, #input.buf - 1)
    self.line = self.line + select(2, gsub(sub(input.buf, input.pos, stop), "\n", ""))
    input.pos = stop + 1
    if at then return true end
    if not self:more(WINDOW) then return false end
  end
end

-- What is wrong on a line of its own is an error of that line, and the next one is read.
function Items:after_failure(err)
  if self.state ~= "top" or self.recoveries == MAX_RECOVERIES or (err.code ~= "syntax" and err.code ~= "limit") then
    return err
  end
  self.recoveries = self.recoveries + 1
  local ok, found = pcall(self.recover, self)
  if ok and found then err.fatal = nil end
  return err
end

--- The next value and its place; nil, err; nil at the end.
function Items:next()
  local ok, value, err, place = pcall(self.advance, self)
  if ok then return value, err, place end
  if type(value) == "table" and value.thrown then return nil, self:after_failure(value.thrown) end
  error(value, 0)
end

--- The values of `input`. `wrapper`: the name, in lower case, of the field of a top-level object that holds them.
function M.new(input, wrapper)
  local self = { input = input, wrapper = wrapper and '"' .. wrapper .. '"', state = "top", line = 1, count = 0,
    recoveries = 0 }
  return setmetatable(self, Items)
end

return M
