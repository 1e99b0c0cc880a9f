--- The content lines of vCards (RFC 2426, RFC 6350, and 2.1 as old phones write it): unfolded, taken apart, decoded.
local core = require "awork.core"
local text = require "awork.format.text"
local stream = require "awork.format.stream"

local M = {}

local byte, find, gsub, match, sub = string.byte, string.find, string.gsub, string.match, string.sub

local MAX_LINE = 65536 -- bytes of a line after unfolding; photos are longer, and nobody wants them
local WINDOW = 65536
local CR, LF, SPACE, TAB, EQUALS = 13, 10, 32, 9, 61

-- Lines --------------------------------------------------------------------------------------------------------------

-- The next line as it stands; nil at the end; nil, err. One that is too long comes cut, with true.
local function physical(self)
  local input = self.input
  local cut
  while true do
    local at = find(input.buf, "[\r\n]", input.pos)
    if at and byte(input.buf, at) == CR and at == #input.buf and not input.eof then at = nil end -- LF may follow
    if at then
      local line = cut or sub(input.buf, input.pos, at - 1)
      input.pos = at + (byte(input.buf, at) == CR and byte(input.buf, at + 1) == LF and 2 or 1)
      self.line = self.line + 1
      if #line > MAX_LINE then return sub(line, 1, MAX_LINE), true end
      return line, cut ~= nil
    end
    local size = #input.buf - input.pos + 1
    if size > MAX_LINE then
      cut = cut or sub(input.buf, input.pos, input.pos + MAX_LINE - 1)
      input.pos = #input.buf -- one byte stays: it may be the CR of a CR LF
    end
    local ok, err = input:more(math.max(WINDOW, size))
    if err then return nil, err end
    if not ok then
      local line = cut or sub(input.buf, input.pos)
      local some = input.pos <= #input.buf
      input.pos = #input.buf + 1
      if not some and not cut then return nil end
      self.line = self.line + 1
      return line, cut ~= nil
    end
  end
end

-- Bytes of a line that tell whether it is base64.
local PEEK = 256

-- The beginning of the next line, of at most PEEK bytes.
local function peek(self)
  local input = self.input
  while not input.eof and #input.buf - input.pos < PEEK do
    if not input:more(WINDOW) then break end
  end
  local from, to = input.pos, input.pos + PEEK - 1
  local stop = find(sub(input.buf, from, to), "[\r\n]")
  return sub(input.buf, from, stop and from + stop - 2 or to)
end

-- Whether a line's value is base64: by its parameters, or a data URI. Photos are; nobody wants them.
local function is_base64(line)
  local head = core.lower(sub(line, 1, PEEK))
  local colon = find(head, ":", 1, true)
  if not colon then return false end
  local name = sub(head, 1, colon)
  return find(name, "base64", 1, true) ~= nil or find(name, "encoding=b[;:]") ~= nil
    or find(head, "^data:[^,]*;base64,", colon + 1) ~= nil
end

-- Old phones do not indent what goes on below a photo. Its lines are passed over; a blank one, or one that is no
-- base64, ends them.
local function skip_base64(self)
  while find(peek(self), "^[0-9A-Za-z+/]+=*[ \t]*$") do
    if not physical(self) then break end
  end
end

-- Whether the next line goes on with the one before: it begins with white space.
local function folded(self)
  local input = self.input
  if input.pos > #input.buf then
    local ok = input:more(WINDOW)
    if not ok then return false end
  end
  local first = byte(input.buf, input.pos)
  return first == SPACE or first == TAB
end

-- The next logical line, the number of its first line, and whether it was cut; nil at the end; nil, err.
local function logical(self)
  local line, cut = physical(self)
  if not line then return nil, cut end
  local first = self.line
  local parts, size = nil, #line
  local function append(piece)
    if size + #piece > MAX_LINE then cut = true end
    if not cut and piece ~= "" then
      parts = parts or { line }
      parts[#parts + 1] = piece
      size = size + #piece
    end
  end
  local quoted = find(line, "^[^:]*[Qq][Uu][Oo][Tt][Ee][Dd]%-[Pp][Rr][Ii][Nn][Tt]")
  while true do
    local last = parts and parts[#parts] or line
    if quoted and byte(last, -1) == EQUALS and not cut then
      -- A soft break: the line goes on below, with or without an indent; the indent is none of the text.
      local input = self.input
      if input.pos > #input.buf and not input:more(WINDOW) then break end
      if find(input.buf, "^[Ee][Nn][Dd]:[Vv][Cc]", input.pos) then break end
      local more, was_cut = physical(self)
      if not more then break end
      parts = parts or { line }
      parts[#parts] = sub(last, 1, -2)
      cut = was_cut
      append(more)
    elseif folded(self) then
      local more, was_cut = physical(self)
      if not more then break end
      append(sub(more, 2))
      cut = cut or was_cut
    else
      break
    end
  end
  if is_base64(line) then skip_base64(self) end
  return parts and table.concat(parts) or line, first, cut
end

-- Parameters ---------------------------------------------------------------------------------------------------------

-- RFC 6868.
local CARET = { ["^n"] = "\n", ["^'"] = '"', ["^^"] = "^" }

-- What vCard 2.1 writes without the parameter's name.
local BARE_ENCODINGS = { ["quoted-printable"] = true, base64 = true, ["8bit"] = true, ["7bit"] = true, b = true }

-- Reads the parameters from `pos`, which is at a semicolon or the colon: the set and the colon's place; nil if there is
-- no colon.
local function parameters(line, pos)
  local types, params = {}, {}
  pos = match(line, "^[ \t]*()", pos)
  while byte(line, pos) == 59 do -- ;
    local name, at = match(line, "^[ \t]*([0-9A-Za-z_-]*)[ \t]*()", pos + 1)
    pos = at
    if byte(line, pos) == EQUALS then
      name = core.lower(name)
      local values = {}
      repeat
        pos = pos + 1
        local value, stop = match(line, '^"([^"]*)"()', pos)
        if not value then value, stop = match(line, "^([^,;:]*)()", pos) end
        if find(value, "^", 1, true) then value = gsub(value, "%^[n'^]", CARET) end
        values[#values + 1] = value
        pos = stop
      until byte(line, pos) ~= 44 -- ,
      if name == "type" then
        for _, value in ipairs(values) do
          for word in value:gmatch "[^,]+" do types[#types + 1] = word end
        end
      else
        params[name] = table.concat(values, ",")
      end
    elseif name ~= "" then
      if BARE_ENCODINGS[core.lower(name)] then
        params.encoding = name
      else
        types[#types + 1] = name
      end
    end
    -- Anything else in a parameter is passed over.
    local stop = find(line, "[;:]", pos)
    if not stop then return nil end
    pos = stop
  end
  if byte(line, pos) ~= 58 then return nil end -- :
  return types, params, pos
end

-- A value as it stands, without the white space around it; an escaped one is none.
local function trim(s)
  local trimmed = text.trim(s)
  local slashes = 0
  while byte(trimmed, -1 - slashes) == 92 do slashes = slashes + 1 end
  if slashes % 2 == 1 and #trimmed < #s then
    local after = find(s, trimmed, 1, true) + #trimmed
    return trimmed .. (match(s, "^" .. utf8.charpattern, after) or "")
  end
  return trimmed
end

--- A text value without its escapes.
function M.unescape(s)
  if not find(s, "\\", 1, true) then return s end
  return (gsub(s, "\\(.)", function(c) return (c == "n" or c == "N") and "\n" or c end))
end

--- The components of a structured value, without escapes and white space around them, absent where empty; at most `n`.
function M.components(s, n)
  local out, from, at, count = {}, 1, 1, 1
  while true do
    at = find(s, "[\\;]", at)
    if at and byte(s, at) == 92 then
      at = at + 2
    else
      local piece = M.unescape(trim(sub(s, from, at and at - 1)))
      out[count] = piece ~= "" and piece or nil
      count = count + 1
      if not at or count > n then return out end
      at = at + 1
      from = at
    end
  end
end

-- Properties ---------------------------------------------------------------------------------------------------------

local Lines = {}
Lines.__index = Lines

--- The next property: `{ name= (upper case), group=, types=, params=, value=, line= }`, its value decoded into UTF-8
-- and without white space around it, but not unescaped. One that `wanted` does not name, or that has no colon, has
-- alone: `name`, `full` (with its group, as it is written), `line`, `colon` (whether there is one) and, of an AGENT,
-- `rest` (its value, if that is one word at most). nil at the end; nil, err: a property that can't be read, or
-- (`err.fatal`) a failure.
function Lines:next()
  while true do
    local line, number, cut = logical(self)
    if not line then return nil, number end
    -- Files that were put together have a byte order mark before each of their beginnings.
    if not self.within and sub(line, 1, 3) == "\xEF\xBB\xBF" then line = sub(line, 4) end
    local group, name, pos = match(line, "^([0-9A-Za-z_-]+)%.([0-9A-Za-z_-]+)()")
    if not group then name, pos = match(line, "^[ \t]*([0-9A-Za-z_-]+)()") end
    name = name and core.upper(name)
    local types, params, colon
    if name and self.wanted[name] then
      types, params, colon = parameters(line, pos)
    end
    if name and not types then
      return { name = name, full = group and group .. "." .. name or name, line = number,
        colon = not self.wanted[name] and find(line, ":", pos, true) ~= nil,
        rest = name == "AGENT" and match(line, ":[ \t]*([^ \t]*)[ \t]*$") or nil }
    elseif name then
      local function fail(code, message)
        return nil, stream.fail(code, message, { file = self.input.name, line = number, property = name })
      end
      if cut then return fail("limit", ("a line of more than %d bytes"):format(MAX_LINE)) end
      local value = trim(sub(line, colon + 1))
      if params.encoding and core.lower(params.encoding) == "quoted-printable" then
        -- A semicolon that is encoded is none between components, unless all of them are.
        local plain = find(value, ";", 1, true)
        value = gsub(value, "=(%x%x)", function(hex)
          local char = string.char(tonumber(hex, 16))
          return char == ";" and plain and "\\;" or char
        end)
      end
      if find(value, "[\x80-\xFF]") then
        local charset = params.charset
        local encoding = charset and text.encoding(charset) or not charset and self.encoding
        if not encoding or encoding:find "^utf%-16" then
          return fail("encoding", ("the character set '%s' is not known"):format(gsub(charset, "[^0-9A-Za-z_-]", "?")))
        end
        local converted = text.to_utf8(value, encoding)
        if not converted then
          return fail("encoding", "not valid " .. encoding
            .. (charset and "" or ": name the encoding of the file, as in encoding = \"windows-1252\""))
        end
        value = converted
      end
      if find(value, "\0", 1, true) then return fail("encoding", "a NUL byte") end
      return { name = name, group = group, types = types, params = params, value = value, line = number }
    elseif find(line, "[^ \t]") and not self.within then
      return { name = "", full = "", line = number, colon = false }
    end
    -- Blank lines say nothing, and neither does what is no property at all.
  end
end

--- The properties of `input`; `wanted`: the set of names that are read. `within`: set while inside a card.
function M.new(input, wanted)
  local encoding = input.encoding
  if encoding:find "^utf" then encoding = "utf-8" end
  return setmetatable({ input = input, wanted = wanted, encoding = encoding, line = 0 }, Lines)
end

-- Writing ------------------------------------------------------------------------------------------------------------

local ESCAPES = { ["\\"] = "\\\\", [","] = "\\,", [";"] = "\\;", ["\n"] = "\\n" }

--- A text value with its escapes. White space at its ends, which would be lost on reading, gets one too.
function M.escape(s)
  local trimmed = text.trim(s)
  if trimmed == s then return (gsub(s, "[\\,;\n]", ESCAPES)) end
  if trimmed == "" then return (gsub(s, utf8.charpattern, function(c) return ESCAPES[c] or "\\" .. c end)) end
  local at = find(s, trimmed, 1, true)
  return M.escape(sub(s, 1, at - 1)) .. M.escape(trimmed) .. M.escape(sub(s, at + #trimmed))
end

--- A parameter's value, in quotes where it needs them.
function M.parameter(s)
  if find(s, "^[0-9A-Za-z-]+$") then return s end
  return '"' .. gsub(s, '[\n"^]', { ["\n"] = "^n", ['"'] = "^'", ["^"] = "^^" }) .. '"'
end

--- A line, folded at 75 octets between characters, and its end.
function M.fold(line)
  if #line <= 75 then return line .. "\r\n" end
  local parts, from, room = {}, 1, 75
  while #line - from + 1 > room do
    local to = from + room
    while byte(line, to) >= 0x80 and byte(line, to) < 0xC0 do to = to - 1 end
    parts[#parts + 1] = sub(line, from, to - 1)
    from, room = to, 74
  end
  parts[#parts + 1] = sub(line, from)
  return table.concat(parts, "\r\n ") .. "\r\n"
end

return M
