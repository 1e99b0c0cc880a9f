--- Query strings, and the sandbox's subset of `filterby` and `orderby`.
--
-- filterby: `eq ne gt ge lt le in and or not`, parentheses, `startswith endswith substringof tolower toupper`,
-- strings with doubled apostrophes, `guid'…'`, `datetime'…'`, numbers, `true false null`, fields with `/`.
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

-- Lexer -------------------------------------------------------------------------------------------------------------

local function tokenize(text)
  local tokens, pos, n = {}, 1, 0
  local function quoted(from)
    local parts = {}
    while true do
      local stop = text:find("'", from, true)
      if not stop then refuse "a string is not closed" end
      parts[#parts + 1] = text:sub(from, stop - 1)
      if text:sub(stop + 1, stop + 1) ~= "'" then return table.concat(parts, "'"), stop + 1 end
      from = stop + 2
    end
  end
  while true do
    pos = text:find("%S", pos)
    if not pos then break end
    n = n + 1
    local c = text:sub(pos, pos)
    if c == "'" then
      local value
      value, pos = quoted(pos + 1)
      tokens[n] = { kind = "literal", value = value }
    elseif c == "(" or c == ")" or c == "," then
      tokens[n] = { kind = c }
      pos = pos + 1
    elseif c:find "[%d%-]" then
      local number, stop = text:match("^(%-?%d+%.?%d*)()", pos)
      local value = number and tonumber(number)
      if not value then refuse("unexpected '" .. c .. "'") end
      tokens[n] = { kind = "literal", value = value }
      pos = stop
    elseif c:find "[%a_]" then
      local word, stop = text:match("^([%w_/%.]+)()", pos)
      local lower = word:lower()
      if (lower == "guid" or lower == "datetime") and text:sub(stop, stop) == "'" then
        local value
        value, pos = quoted(stop + 1)
        tokens[n] = { kind = lower, value = value }
      else
        tokens[n] = { kind = "word", word = word, lower = lower }
        pos = stop
      end
    else
      refuse("unexpected '" .. c .. "'")
    end
  end
  tokens[n + 1] = { kind = "end" }
  return tokens
end

-- Values ------------------------------------------------------------------------------------------------------------

--- A date-time as text that sorts: `2024-01-15T09:30:00.0000000`. nil when it is none we read.
local function normal_time(s)
  if type(s) ~= "string" then return nil end
  local date, rest = s:match "^(%d%d%d%d%-%d%d%-%d%d)(.*)$"
  if not date then return nil end
  if rest == "" then return date .. "T00:00:00.0000000" end
  local time, more = rest:match "^[Tt ](%d%d:%d%d)(.*)$"
  if not time then return nil end
  local seconds, fraction
  seconds, more = (more:match "^:%d%d" or ":00"), more:gsub("^:%d%d", "")
  fraction, more = more:match "^%.?(%d*)(.*)$"
  if more ~= "" and more ~= "Z" and more ~= "z" then return nil end
  return date .. "T" .. time .. seconds .. "." .. (fraction .. "0000000"):sub(1, 7)
end

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

local function same_type(a, b)
  if a ~= nil and b ~= nil and type(a) ~= type(b) then
    refuse("a " .. type(a) .. " can't be compared with a " .. type(b))
  end
end

-- Two operands made comparable: fn, fn.
local function alike(a, b)
  local convert
  if a.kind == "datetime" or b.kind == "datetime" then
    convert = normal_time
  elseif a.kind == "guid" or b.kind == "guid" then
    convert = lower_or_same
  else
    return a.get, b.get
  end
  local get_a, get_b = a.get, b.get
  return function(e) return convert(get_a(e)) end, function(e) return convert(get_b(e)) end
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

-- Parser ------------------------------------------------------------------------------------------------------------

local function parse_filter(text, resolve)
  local tokens, pos, depth = tokenize(text), 1, 0
  local parse_or

  local function peek_word(word)
    return tokens[pos].kind == "word" and tokens[pos].lower == word
  end
  local function expect(kind)
    if tokens[pos].kind ~= kind then refuse("'" .. kind .. "' expected") end
    pos = pos + 1
  end
  local function constant(value, kind)
    return { get = function() return value end, kind = kind, constant = true }
  end

  local function operand()
    local t = tokens[pos]
    pos = pos + 1
    if t.kind == "literal" then return constant(t.value) end
    if t.kind == "guid" then
      if not t.value:find "^%x+%-%x+%-%x+%-%x+%-%x+$" or #t.value ~= 36 then refuse "not a GUID" end
      return constant(t.value, "guid")
    end
    if t.kind == "datetime" then
      if not normal_time(t.value) then refuse "not a date-time" end
      return constant(t.value, "datetime")
    end
    if t.kind ~= "word" then refuse "a field or value expected" end
    if t.lower == "true" or t.lower == "false" then return constant(t.lower == "true") end
    if t.lower == "null" then return constant(nil) end
    if tokens[pos].kind == "(" then
      pos = pos + 1
      depth = depth + 1
      if depth > MAX_DEPTH then refuse "nested too deeply" end
      local result
      if t.lower == "tolower" or t.lower == "toupper" then
        local get, change = operand().get, t.lower == "tolower" and string.lower or string.upper
        result = {
          get = function(e)
            local value = get(e)
            if value ~= nil and type(value) ~= "string" then refuse(t.lower .. " takes a string") end
            return value and change(value)
          end,
        }
      elseif t.lower == "startswith" or t.lower == "endswith" or t.lower == "substringof" then
        local a = operand().get
        expect ","
        result = { get = text_function(t.lower, a, operand().get), boolean = true }
      else
        refuse("there is no function '" .. t.word .. "'")
      end
      depth = depth - 1
      expect ")"
      return result
    end
    return { get = resolve(t.word, refuse) }
  end

  local function parse_condition()
    depth = depth + 1
    if depth > MAX_DEPTH then refuse "nested too deeply" end
    local result
    if peek_word "not" then
      pos = pos + 1
      local inner = parse_condition()
      result = function(e) return not inner(e) end
    elseif tokens[pos].kind == "(" then
      pos = pos + 1
      result = parse_or()
      expect ")"
    else
      local left = operand()
      local op = tokens[pos].kind == "word" and tokens[pos].lower
      if COMPARE[op] then
        pos = pos + 1
        local right, compare = operand(), COMPARE[op]
        local a, b = alike(left, right)
        result = function(e)
          local x, y = a(e), b(e)
          same_type(x, y)
          return compare(x, y)
        end
      elseif op == "in" then
        pos = pos + 1
        expect "("
        local choices = {}
        repeat
          local get_a, get_b = alike(left, operand())
          choices[#choices + 1] = function(e)
            local x, y = get_a(e), get_b(e)
            same_type(x, y)
            return x == y
          end
          local more = tokens[pos].kind == ","
          if more then pos = pos + 1 end
        until not more
        expect ")"
        result = function(e)
          for i = 1, #choices do
            if choices[i](e) then return true end
          end
          return false
        end
      else
        local get = left.get
        result = function(e)
          local value = get(e)
          if value ~= nil and type(value) ~= "boolean" then refuse "a condition expected" end
          return value == true
        end
      end
    end
    depth = depth - 1
    return result
  end

  local function parse_and()
    local left = parse_condition()
    while peek_word "and" do
      pos = pos + 1
      local a, b = left, parse_condition()
      left = function(e) return a(e) and b(e) end
    end
    return left
  end

  function parse_or()
    local left = parse_and()
    while peek_word "or" do
      pos = pos + 1
      local a, b = left, parse_and()
      left = function(e) return a(e) or b(e) end
    end
    return left
  end

  local condition = parse_or()
  if tokens[pos].kind ~= "end" then refuse "more than one condition" end
  return condition
end

-- Fields ------------------------------------------------------------------------------------------------------------

-- resolve(name) → getter; `fields` maps lower case to the field's own spelling, or to false for a collection.
local function resolver(fields)
  return function(name)
    local first, rest = name:match "^([^/]+)/?(.*)$"
    local field = first and fields[first:lower()]
    if not field then refuse("'" .. name .. "' can't be filtered or ordered by") end
    if rest == "" then return function(e) return e[field] end end
    local path = {}
    for step in rest:gmatch "[^/]+" do path[#path + 1] = step end
    return function(e)
      local value = e[field]
      for i = 1, #path do
        if type(value) ~= "table" then return nil end
        value = value[path[i]]
      end
      return value
    end
  end
end

local function guarded(f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if getmetatable(result) == refusal then return nil, result.message end
  error(result, 0)
end

--- @param text the decoded `filterby`
-- @param fields lower-case name → field
-- @return a function from an entity's data to a boolean (call it by `query.select`), or nil and a message
function query.filter(text, fields)
  return guarded(parse_filter, text, resolver(fields))
end

local RANK = { boolean = 1, number = 2, string = 3 }

local function parse_order(text, fields)
  local keys, resolve = {}, resolver(fields)
  if text:find "^," or text:find ",$" or text:find ",," or text == "" then refuse "an empty field" end
  for part in text:gmatch "[^,]+" do
    local name, direction = part:match "^([%w_/]+)%s*(%a*)$"
    direction = direction and direction:lower()
    if not name or not (direction == "" or direction == "asc" or direction == "desc") then
      refuse("'" .. part .. "' is no field with asc or desc")
    end
    keys[#keys + 1] = { get = resolve(name), descending = direction == "desc" }
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
