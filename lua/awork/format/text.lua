--- Character sets, and the folding of words that people type in many ways. No state.
-- iconv is not used: the handful of encodings that spreadsheets and old phones write are two small tables.
local core = require "awork.core"

local M = {}

local byte, char, find, gsub, sub = string.byte, string.char, string.find, string.gsub, string.sub
local unpack_units = string.unpack

-- What windows-1252 has at 0x80..0x9f; 0 where it has nothing. (WHATWG Encoding, index windows-1252.)
local CP1252 = {
  0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
  0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
}
-- Where ISO 8859-15 differs from ISO 8859-1.
local LATIN9 = {
  [0xA4] = 0x20AC, [0xA6] = 0x0160, [0xA8] = 0x0161, [0xB4] = 0x017D, [0xB8] = 0x017E, [0xBC] = 0x0152,
  [0xBD] = 0x0153, [0xBE] = 0x0178,
}

-- Bytes that an encoding does not have keep their value, which is no UTF-8: the reader then refuses the row
-- and can say where it stands.
local function single_byte(at_80, at_a0)
  local map = {}
  for i, code in ipairs(at_80) do
    if code ~= 0 then map[char(0x7F + i)] = utf8.char(code) end
  end
  for code = 0xA0, 0xFF do map[char(code)] = utf8.char(at_a0[code] or code) end
  return map
end

local MAPS = { ["windows-1252"] = single_byte(CP1252, {}), ["iso-8859-15"] = single_byte({}, LATIN9) }

-- Spellings, without punctuation and in lower case. Latin 1 is read as windows-1252, as browsers do: what calls itself
-- Latin 1 and has bytes in 0x80..0x9f is always that.
local NAMES = {
  utf8 = "utf-8", usascii = "utf-8", ascii = "utf-8",
  utf16 = "utf-16", utf16le = "utf-16le", utf16be = "utf-16be", unicode = "utf-16", ucs2 = "utf-16",
  windows1252 = "windows-1252", cp1252 = "windows-1252", win1252 = "windows-1252", ansi = "windows-1252",
  latin1 = "windows-1252", iso88591 = "windows-1252", l1 = "windows-1252",
  iso885915 = "iso-8859-15", latin9 = "iso-8859-15", l9 = "iso-8859-15",
}

--- The canonical name of an encoding (`"utf-8"`, `"utf-16"`, `"utf-16le"`, `"utf-16be"`, `"windows-1252"`,
-- `"iso-8859-15"`), whatever its spelling; nil for one that is not known.
function M.encoding(name)
  return type(name) == "string" and NAMES[gsub(M.lower(name), "[%s_%-:.]", "")] or nil
end

-- One block of UTF-16 code units. The fast way is right unless there are surrogates; those are paired by hand, and one
-- without its partner becomes a byte that no UTF-8 has, for the reader to refuse.
local function units_to_utf8(...)
  local out = utf8.char(...)
  if utf8.len(out) then return out end
  local units, parts, i = { ... }, {}, 1
  while i <= #units do
    local unit, low = units[i], units[i + 1]
    if unit < 0xD800 or unit > 0xDFFF then
      parts[#parts + 1] = utf8.char(unit)
    elseif unit < 0xDC00 and low and low >= 0xDC00 and low <= 0xDFFF then
      parts[#parts + 1] = utf8.char(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
      i = i + 1
    else
      parts[#parts + 1] = "\xFF"
    end
    i = i + 1
  end
  return table.concat(parts)
end

local BLOCK = 100 -- code units converted at once: well under the arguments a function may have

local function utf16_decoder(order)
  local unit, block = order .. "I2", order .. ("I2"):rep(BLOCK)
  local carry = ""
  local function is_high(s, at)
    local u = unpack_units(unit, s, at)
    return u >= 0xD800 and u <= 0xDBFF
  end
  return function(chunk)
    local s = carry .. (chunk or "")
    local stop = #s - #s % 2
    if chunk and stop > 0 and is_high(s, stop - 1) then stop = stop - 2 end -- its other half is in the next chunk
    local parts, pos = {}, 1
    while pos <= stop do
      local count = math.min(BLOCK, (stop - pos + 1) // 2)
      if count == BLOCK and is_high(s, pos + 2 * (count - 1)) then count = count - 1 end
      local format = count == BLOCK and block or order .. ("I2"):rep(count)
      local units = { unpack_units(format, s, pos) }
      parts[#parts + 1] = units_to_utf8(table.unpack(units, 1, count))
      pos = pos + 2 * count
    end
    carry = sub(s, stop + 1)
    if not chunk and carry ~= "" then parts[#parts + 1] = "\xFF" end -- half a code unit at the end
    return table.concat(parts)
  end
end

--- A function that turns chunks in `encoding` (canonical, not `"utf-16"`) into chunks of UTF-8; called with nil at the
-- end, for what is left. Text that the encoding does not allow comes out as bytes that are not valid UTF-8.
function M.decoder(encoding)
  local map = MAPS[encoding]
  if map then
    return function(chunk) return chunk and (gsub(chunk, "[\x80-\xFF]", map)) or "" end
  elseif encoding == "utf-16le" then
    return utf16_decoder("<")
  elseif encoding == "utf-16be" then
    return utf16_decoder(">")
  end
  return function(chunk) return chunk or "" end
end

--- `s`, in `encoding` (canonical), as UTF-8; nil when it isn't valid in that encoding.
function M.to_utf8(s, encoding)
  if find(s, "[\x80-\xFF]") and MAPS[encoding] then s = gsub(s, "[\x80-\xFF]", MAPS[encoding]) end
  return utf8.len(s) and s or nil
end

--- `s` without white space (no-break spaces too, as spreadsheets have them) at its ends.
function M.trim(s)
  local first, last = byte(s, 1), byte(s, -1)
  -- Most cells have none: a look at the two ends is enough then.
  if not first or (first > 32 and last > 32 and first ~= 0xC2 and last ~= 0xA0) then return s end
  local from, to = 1, #s
  while true do
    if find(s, "^[ \t-\r]", from) then from = from + 1
    elseif find(s, "^\xC2\xA0", from) then from = from + 2
    else break end
  end
  while to >= from do
    if find(s, "^[ \t-\r]", to) then to = to - 1
    elseif to > from and find(s, "^\xC2\xA0", to - 1) then to = to - 2
    else break end
  end
  return sub(s, from, to)
end

-- Letters as German and English names and headers have them, composed (one code point) or not (letter and diaeresis).
local FOLD = {
  ["ä"] = "ae", ["ö"] = "oe", ["ü"] = "ue", ["Ä"] = "ae", ["Ö"] = "oe", ["Ü"] = "ue", ["ß"] = "ss", ["ẞ"] = "ss",
  ["é"] = "e", ["è"] = "e", ["É"] = "e", ["È"] = "e",
}

--- `s` with the ASCII letters in lower case, whatever the host's locale.
M.lower = core.lower

--- A word or header in the form in which the tables of words have it: lower case, umlauts spelled out, all else than
-- letters, digits and other scripts' characters a single space: `"E-Mail (geschäftlich)"` → `"e mail geschaeftlich"`.
function M.fold(s)
  s = gsub(s, "([AOUaou])\u{308}", "%1e")
  s = gsub(s, "[\xC3\xE1][\x80-\xBF]+", FOLD)
  s = gsub(M.lower(gsub(s, "\xC2\xA0", " ")), "[\0-/:-@[-`{-\x7F]+", " ")
  return (gsub(gsub(s, "^ ", ""), " $", ""))
end

return M
