--- Query strings, `filterby` and `orderby`.
--
-- filterby: `eq ne gt ge lt le in and or not`, parentheses, `startswith endswith substringof tolower toupper`,
-- `list/any(x: x/field eq …)`, `count(list)`, strings with doubled apostrophes, `guid'…'`, `datetime'…'`, numbers
-- (`64L 2.345M 2.0f 0x22`), `true false null`, `me.id`, `now today sow eow som eom` with `-30d` or `+5d` behind,
-- fields with `/`.
-- orderby: `Field[ asc| desc]`, comma-separated, no spaces around the comma. Field names in any case.
local query = {}

local MAX_DEPTH = 100

local function unescape(s)
  if s:find("%", 1, true) or s:find("+", 1, true) then
    s = s:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return s
end

--- Decode `%xx`, as in a path.
function query.unescape_path(s)
  if not s:find("%", 1, true) then return s end
  return (s:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- `a=1&b=x+y` → `{ a = "1", b = "x y" }`; names in lower case, the first of a name counts.
function query.parse(s)
  local args = {}
  for pair in s:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    name = unescape(name):lower()
    if args[name] == nil then args[name] = unescape(value) end
  end
  return args
end

-- Refusals travel as error values of this metatable.
local refusal = {}

local function refuse(message)
  error(setmetatable({ message = message }, refusal), 0)
end

-- Times -------------------------------------------------------------------------------------------------------------

local MONTH_DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function days_in(year, month)
  if month == 2 and year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) then return 29 end
  return MONTH_DAYS[month]
end

-- Days since 1970-01-01 of a date of the Gregorian calendar, and back.
local function days_of(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function date_of(days)
  days = days + 719468
  local era = days // 146097
  local of_era = days - era * 146097
  local year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
  local of_year = of_era - (365 * year + year // 4 - year // 100)
  local month = (5 * of_year + 2) // 153
  local day = of_year - (153 * month + 2) // 5 + 1
  month = month + (month < 10 and 3 or -9)
  return year + era * 400 + (month <= 2 and 1 or 0), month, day
end

local function time_text(days, seconds, fraction)
  days, seconds = days + seconds // 86400, seconds % 86400
  local year, month, day = date_of(days)
  return ("%04d-%02d-%02dT%02d:%02d:%02d.%s"):format(year, month, day, seconds // 3600, seconds // 60 % 60,
    seconds % 60, fraction)
end

--- A date-time as text that sorts, in UTC: `2024-01-15T09:30:00.0000000`. nil when it is none.
-- @param zone whether an offset is needed (true), allowed (nil) or, but for `Z`, refused (false)
function query.time(s, zone)
  if type(s) ~= "string" then return nil end
  local y, mo, d, rest = s:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$"
  local year, month, day = math.tointeger(y), math.tointeger(mo), math.tointeger(d)
  if not year or year == 0 or month < 1 or month > 12 or day < 1 or day > days_in(year, month) then return nil end
  local seconds, fraction = 0, ""
  if rest ~= "" then
    local h, mi, more = rest:match "^[Tt ](%d%d):(%d%d)(.*)$"
    if not h or h > "23" or mi > "59" then return nil end
    seconds = math.tointeger(h) * 3600 + math.tointeger(mi) * 60
    local sec, after = more:match "^:(%d%d)(.*)$"
    if sec then
      if sec > "59" then return nil end
      seconds, rest = seconds + math.tointeger(sec), after
      local digits, behind = rest:match "^%.(%d+)(.*)$"
      if digits then fraction, rest = digits, behind end
    else
      rest = more
    end
  elseif zone then
    return nil
  end
  local sign, hours, minutes = rest:match "^([+-])(%d%d):(%d%d)$"
  if sign then
    if zone == false or hours > "23" or minutes > "59" then return nil end
    local offset = math.tointeger(hours) * 3600 + math.tointeger(minutes) * 60
    seconds = sign == "+" and seconds - offset or seconds + offset
  elseif not (rest == "Z" or rest == "z" or rest == "" and not zone) then
    return nil
  end
  return time_text(days_of(year, month, day), seconds, (fraction .. "0000000"):sub(1, 7))
end
local normal_time = query.time

local LAST = 86399 -- a day's last second
local FIRST_DAY, LAST_DAY = days_of(1, 1, 1), days_of(9999, 12, 31)

-- What `now`, `today`, the start and end of a week (from Monday on) and of a month are: days, seconds, fraction.
local NAMED_TIMES = {
  now = function(days, seconds, fraction) return days, seconds, fraction end,
  today = function(days) return days, 0, "0000000" end,
  sow = function(days) return days - (days + 3) % 7, 0, "0000000" end,
  eow = function(days) return days - (days + 3) % 7 + 6, LAST, "9999999" end,
  som = function(days)
    local year, month = date_of(days)
    return days_of(year, month, 1), 0, "0000000"
  end,
  eom = function(days)
    local year, month = date_of(days)
    return days_of(year, month, days_in(year, month)), LAST, "9999999"
  end,
}

-- @param env `sec`, `ticks`: the server's time
local function named_time(name, add, env)
  local days, seconds, fraction = NAMED_TIMES[name](env.sec // 86400, env.sec % 86400, ("%07d"):format(env.ticks))
  days = days + add
  if days < FIRST_DAY or days > LAST_DAY then refuse "the date is out of range" end
  return time_text(days, seconds, fraction)
end

-- Lexer -------------------------------------------------------------------------------------------------------------

local function quoted(text, from)
  local parts = {}
  while true do
    local stop = text:find("'", from, true)
    if not stop then refuse "a string is not closed" end
    parts[#parts + 1] = text:sub(from, stop - 1)
    if text:sub(stop + 1, stop + 1) ~= "'" then return table.concat(parts, "'"), stop + 1 end
    from = stop + 2
  end
end

-- A number, with the suffix of its .NET type or none; the position behind it.
local function number_at(text, pos)
  local digits, stop = text:match("^(0[xX]%x+)()", pos)
  if not digits then
    digits, stop = text:match("^(%-?%d+%.?%d*)()", pos)
    stop = digits and (text:match("^[LlMmFfDd]()", stop) or stop)
  end
  local value = digits and tonumber(digits)
  if not value or text:find("^[0-9A-Za-z_]", stop) then refuse("unexpected '" .. text:sub(pos, pos) .. "'") end
  return value, stop
end

local function word_at(text, pos)
  local word, stop = text:match("^([0-9A-Za-z_/%.]+)()", pos)
  local lower = word:lower()
  if (lower == "guid" or lower == "datetime") and text:sub(stop, stop) == "'" then
    local value
    value, stop = quoted(text, stop + 1)
    return { kind = lower, value = value }, stop
  end
  if NAMED_TIMES[lower] then
    local sign, days, behind = text:match("^([+-])(%d+)[dD]()", stop)
    if sign and (#days > 6 or text:find("^[0-9A-Za-z_]", behind)) then refuse("unexpected '" .. sign .. "'") end
    local add = sign and math.tointeger(tonumber(sign .. days)) or 0
    return { kind = "time", word = word, lower = lower, add = add, moved = sign ~= nil }, behind or stop
  end
  return { kind = "word", word = word, lower = lower }, stop
end

local function tokenize(text)
  local tokens, pos, n = {}, 1, 0
  while true do
    pos = text:find("%S", pos)
    if not pos then break end
    n = n + 1
    local c = text:sub(pos, pos)
    if c == "'" then
      local value
      value, pos = quoted(text, pos + 1)
      tokens[n] = { kind = "literal", value = value }
    elseif c == "(" or c == ")" or c == "," or c == ":" then
      tokens[n] = { kind = c }
      pos = pos + 1
    elseif c:find "[%d%-]" then
      local value
      value, pos = number_at(text, pos)
      tokens[n] = { kind = "literal", value = value }
    elseif c:find "[A-Za-z_]" then
      tokens[n], pos = word_at(text, pos)
    else
      refuse("unexpected '" .. c .. "'")
    end
  end
  tokens[n + 1] = { kind = "end" }
  return tokens
end

-- Values ------------------------------------------------------------------------------------------------------------

local function lower_or_same(s)
  return type(s) == "string" and s:lower() or s
end

local COMPARE = {
  eq = function(a, b) return a == b end,
  ne = function(a, b) return a ~= b end,
  gt = function(a, b) return a ~= nil and b ~= nil and a > b end,
  ge = function(a, b) return a ~= nil and b ~= nil and a >= b end,
  lt = function(a, b) return a ~= nil and b ~= nil and a < b end,
  le = function(a, b) return a ~= nil and b ~= nil and a <= b end,
}

local UNORDERED = { eq = true, ne = true }

local function check_types(op, a, b)
  if a == nil or b == nil then return end
  if type(a) ~= type(b) then refuse("a " .. type(a) .. " can't be compared with a " .. type(b)) end
  if type(a) == "boolean" and not UNORDERED[op] then refuse(op .. " can't compare booleans") end
end

local function same(v)
  return v
end

-- How two operands are made comparable: a function for the values of both.
local function conversion(a, b)
  if a.kind == "datetime" or b.kind == "datetime" then return normal_time end
  if a.kind == "guid" or b.kind == "guid" then return lower_or_same end
  return same
end

local function comparison(left, op, right)
  local compare, convert, a, b = COMPARE[op], conversion(left, right), left.get, right.get
  if right.constant then
    local y = convert(b())
    return function(e)
      local x = convert(a(e))
      check_types(op, x, y)
      return compare(x, y)
    end
  end
  return function(e)
    local x, y = convert(a(e)), convert(b(e))
    check_types(op, x, y)
    return compare(x, y)
  end
end

-- `left in (…)`: constants become one look-up, however many there are.
local function membership(left, choices)
  local convert, set, types, null = nil, {}, {}, false
  for i = 1, #choices do
    local choice = choices[i]
    local how = conversion(left, choice)
    if not choice.constant or convert and convert ~= how then
      local tests = {}
      for k = 1, #choices do tests[k] = comparison(left, "eq", choices[k]) end
      return function(e)
        for k = 1, #tests do
          if tests[k](e) then return true end
        end
        return false
      end
    end
    convert = how
    local value = how(choice.get())
    if value == nil then
      null = true
    else
      set[value], types[type(value)] = true, true
    end
  end
  local get = left.get
  return function(e)
    local value = convert(get(e))
    if value == nil then return null end
    if set[value] then return true end
    for name in pairs(types) do
      if name ~= type(value) then refuse("a " .. type(value) .. " can't be compared with a " .. name) end
    end
    return false
  end
end

local function text_function(name, a, b)
  return function(e)
    local x, y = a(e), b(e)
    if x == nil or y == nil then return false end
    if type(x) ~= "string" or type(y) ~= "string" then refuse(name .. " takes strings") end
    if name == "startswith" then return x:sub(1, #y) == y end
    if name == "endswith" then return y == "" or x:sub(-#y) == y end
    return y:find(x, 1, true) ~= nil -- substringof('x', f)
  end
end

-- Fields ------------------------------------------------------------------------------------------------------------

-- A map of fields has lower-case names. What they lead to:
--   "name"            a value
--   false             known, and not to be filtered or ordered by
--   { name=, fields= }              an object with those fields and no others
--   { name=, fields=, list = true } a list of such; `any` and `count` take it

local function unknown(name)
  refuse("'" .. name .. "' can't be filtered or ordered by")
end

-- The getter of a field's path; for a list or an object also its description.
local function resolve(fields, name)
  local path, spec, n = {}, nil, 0
  if name:find "//" or name:find "/$" or name:find "^/" then unknown(name) end
  for step in name:gmatch "[^/]+" do
    spec = fields and fields[step:lower()]
    if not spec then unknown(name) end
    n = n + 1
    if type(spec) == "table" then
      path[n], fields = spec.name, not spec.list and spec.fields
    else
      path[n], fields = spec, nil
    end
  end
  local first = path[1]
  local get
  if n == 1 then
    get = function(e) return e[first] end
  else
    get = function(e)
      local value = e[first]
      for i = 2, n do
        if type(value) ~= "table" then return nil end
        value = value[path[i]]
      end
      return value
    end
  end
  return get, type(spec) == "table" and spec or nil
end

-- The getter of a value: no list, no object.
local function resolve_value(fields, name)
  local get, spec = resolve(fields, name)
  if spec then unknown(name) end
  return get
end

-- Parser ------------------------------------------------------------------------------------------------------------

local parser = {}
parser.__index = parser

function parser:word(word)
  local t = self.tokens[self.pos]
  return t.kind == "word" and t.lower == word
end

function parser:next_is(kind)
  return self.tokens[self.pos].kind == kind
end

function parser:expect(kind)
  if not self:next_is(kind) then refuse("'" .. kind .. "' expected") end
  self.pos = self.pos + 1
end

function parser:deeper()
  self.depth = self.depth + 1
  if self.depth > MAX_DEPTH then refuse "nested too deeply" end
end

local function constant(value, kind)
  return { get = function() return value end, kind = kind, constant = true }
end

-- A list's description and getter, by its name.
function parser:list(name)
  local get, spec = self:field(name)
  if not spec or not spec.list then refuse("'" .. name .. "' is no list") end
  return get, spec
end

-- A field's getter and description: of the entity, or of a list's element that a variable stands for.
function parser:field(name)
  local first, rest = name:match "^([^/]+)/(.*)$"
  local variable = self.variables[(first or name):lower()]
  if not variable then return resolve(self.fields, name) end
  if not first then unknown(name) end
  local get, spec = resolve(variable.fields, rest)
  return function() return get(variable.item) end, spec
end

-- `list/any(x: condition)`, from the parenthesis on; `list/any()`: whether there is one.
function parser:any(name)
  local get, spec = self:list(name)
  self:deeper()
  self:expect "("
  if self:next_is ")" then
    self:expect ")"
    self.depth = self.depth - 1
    return { get = function(e) return (get(e) or {})[1] ~= nil end }
  end
  local t = self.tokens[self.pos]
  local variable = t.kind == "word" and t.lower
  if not variable or variable:find "[/%.]" then refuse "any needs a variable" end
  self.pos = self.pos + 1
  self:expect ":"
  local outer, own = self.variables[variable], { fields = spec.fields }
  self.variables[variable] = own
  local condition = self:parse_or()
  self.variables[variable] = outer
  self:expect ")"
  self.depth = self.depth - 1
  return {
    get = function(e)
      local items = get(e) or {}
      for i = 1, #items do
        own.item = items[i].data or items[i]
        if condition(e) then return true end
      end
      return false
    end,
  }
end

-- A function's call, from the parenthesis on.
function parser:call(t)
  self:deeper()
  self:expect "("
  local result
  if t.lower == "tolower" or t.lower == "toupper" then
    local get, change = self:operand().get, t.lower == "tolower" and string.lower or string.upper
    result = {
      get = function(e)
        local value = get(e)
        if value ~= nil and type(value) ~= "string" then refuse(t.lower .. " takes a string") end
        return value and change(value)
      end,
    }
  elseif t.lower == "startswith" or t.lower == "endswith" or t.lower == "substringof" then
    local a = self:operand().get
    self:expect ","
    result = { get = text_function(t.lower, a, self:operand().get) }
  elseif t.lower == "count" then
    local name = self.tokens[self.pos]
    if name.kind ~= "word" then refuse "count takes a list" end
    self.pos = self.pos + 1
    local get = self:list(name.word)
    result = { get = function(e) return #(get(e) or {}) end }
  else
    refuse("there is no function '" .. t.word .. "'")
  end
  self.depth = self.depth - 1
  self:expect ")"
  return result
end

function parser:time(t)
  self.env.used = true
  if not self.env.sec then refuse("'" .. t.word .. "' is not known here") end
  return constant(named_time(t.lower, t.add, self.env), "datetime")
end

local WORDS = { ["true"] = true, ["false"] = false }

function parser:operand()
  local t = self.tokens[self.pos]
  self.pos = self.pos + 1
  if t.kind == "literal" then return constant(t.value) end
  if t.kind == "guid" then
    if not t.value:find "^%x+%-%x+%-%x+%-%x+%-%x+$" or #t.value ~= 36 then refuse "not a GUID" end
    return constant(t.value, "guid")
  end
  if t.kind == "datetime" then
    if not normal_time(t.value, false) then refuse "not a date-time" end
    return constant(t.value, "datetime")
  end
  if t.kind == "time" then return self:time(t) end
  if t.kind ~= "word" then refuse "a field or value expected" end
  if self:next_is "(" then
    local list, verb = t.word:match "^(.+)/([A-Za-z]+)$"
    verb = verb and verb:lower()
    if verb == "any" then return self:any(list) end
    if verb == "count" then
      self:expect "("
      self:expect ")"
      local get = self:list(list)
      return { get = function(e) return #(get(e) or {}) end }
    end
    return self:call(t)
  end
  if WORDS[t.lower] ~= nil then return constant(WORDS[t.lower]) end
  if t.lower == "null" then return constant(nil) end
  if t.lower == "me.id" then
    self.env.used = true
    return constant(self.env.me, "guid")
  end
  local get, spec = self:field(t.word)
  if spec then unknown(t.word) end
  return { get = get }
end

-- `x in (…)`, from the parenthesis on
function parser:choices(left)
  self:expect "("
  local choices = {}
  repeat
    choices[#choices + 1] = self:operand()
    local more = self:next_is ","
    if more then self.pos = self.pos + 1 end
  until not more
  self:expect ")"
  return membership(left, choices)
end

function parser:parse_condition()
  self:deeper()
  local result
  if self:word "not" then
    self.pos = self.pos + 1
    local inner = self:parse_condition()
    result = function(e) return not inner(e) end
  elseif self:next_is "(" then
    self.pos = self.pos + 1
    local inner = self:parse_or()
    self:expect ")"
    local op = self.tokens[self.pos]
    if op.kind == "word" and (op.lower == "eq" or op.lower == "ne") then -- (…) eq false
      self.pos = self.pos + 1
      result = comparison({ get = inner }, op.lower, self:operand())
    else
      result = inner
    end
  else
    local left = self:operand()
    local op = self.tokens[self.pos].kind == "word" and self.tokens[self.pos].lower
    if COMPARE[op] then
      self.pos = self.pos + 1
      result = comparison(left, op, self:operand())
    elseif op == "in" then
      self.pos = self.pos + 1
      result = self:choices(left)
    elseif op == "not" then
      self.pos = self.pos + 1
      if not self:word "in" then refuse "'in' expected" end
      self.pos = self.pos + 1
      local inner = self:choices(left)
      result = function(e) return not inner(e) end
    else
      local get = left.get
      result = function(e)
        local value = get(e)
        if value ~= nil and type(value) ~= "boolean" then refuse "a condition expected" end
        return value == true
      end
    end
  end
  self.depth = self.depth - 1
  return result
end

-- `a and b and …`: tested in turn, however many there are.
function parser:parse_and()
  local first = self:parse_condition()
  if not self:word "and" then return first end
  local parts = { first }
  while self:word "and" do
    self.pos = self.pos + 1
    parts[#parts + 1] = self:parse_condition()
  end
  return function(e)
    for i = 1, #parts do
      if not parts[i](e) then return false end
    end
    return true
  end
end

function parser:parse_or()
  local first = self:parse_and()
  if not self:word "or" then return first end
  local parts = { first }
  while self:word "or" do
    self.pos = self.pos + 1
    parts[#parts + 1] = self:parse_and()
  end
  return function(e)
    for i = 1, #parts do
      if parts[i](e) then return true end
    end
    return false
  end
end

local function parse_filter(text, fields, env)
  local self = setmetatable({ tokens = tokenize(text), pos = 1, depth = 0, fields = fields, env = env or {},
    variables = {} }, parser)
  local condition = self:parse_or()
  if not self:next_is "end" then refuse "more than one condition" end
  return condition
end

-- What is offered ---------------------------------------------------------------------------------------------------

local function guarded(f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if getmetatable(result) == refusal then return nil, result.message end
  error(result, 0)
end

--- @param text the decoded `filterby`
-- @param fields lower-case name → field, or what it is (see above)
-- @param env? `me` (id of who asks), `sec` and `ticks` (the server's time); `used` becomes true when they matter
-- @return a function from an entity's data to a boolean (call it by `query.select`), or nil and a message
function query.filter(text, fields, env)
  return guarded(parse_filter, text, fields, env)
end

local RANK = { boolean = 1, number = 2, string = 3 }

local function parse_order(text, fields)
  local keys = {}
  if text:find "^," or text:find ",$" or text:find ",," or text == "" then refuse "an empty field" end
  for part in text:gmatch "[^,]+" do
    local name, direction = part:match "^([0-9A-Za-z_/]+)%s*([A-Za-z]*)$"
    direction = direction and direction:lower()
    if not name or not (direction == "" or direction == "asc" or direction == "desc") then
      refuse("'" .. part .. "' is no field with asc or desc")
    end
    keys[#keys + 1] = { get = resolve_value(fields, name), descending = direction == "desc" }
  end
  return function(a, b)
    local x, y = a.data, b.data
    for i = 1, #keys do
      local key = keys[i]
      local v, w = key.get(x), key.get(y)
      if v ~= w then
        local less
        local rank_v, rank_w = RANK[type(v)] or 0, RANK[type(w)] or 0
        if rank_v ~= rank_w then
          less = rank_v < rank_w -- null first
        elseif rank_v == 1 then
          less = w
        elseif rank_v == 0 then
          goto continue
        else
          less = v < w
        end
        if key.descending then return not less end
        return less
      end
      ::continue::
    end
    return a.seq < b.seq
  end
end

--- @return a comparison of two records `{ data=, seq= }` for table.sort (ties by seq), or nil and a message
function query.order(text, fields)
  return guarded(parse_order, text, fields)
end

--- The records for which `condition` holds, or nil and a message.
function query.select(records, condition)
  return guarded(function()
    local out, n = {}, 0
    for i = 1, #records do
      if condition(records[i].data) then
        n = n + 1
        out[n] = records[i]
      end
    end
    return out
  end)
end

return query
