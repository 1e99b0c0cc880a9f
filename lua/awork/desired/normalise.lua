--- When two contact infos are the same one: normalised keys for values and addresses.
-- Pure functions on strings and tables; no I/O. A key is for comparing only, it is never sent.
local core = require "awork.core"
local codes = require "awork.desired.calling_codes"
local punycode = require "awork.desired.punycode"

local M = {}

--- The names of the fields of awork's contact info form, in its order, and the Lua type of each.
-- (awork API: the contact info model.)
M.FIELDS, M.FIELD_TYPES = {}, {}
for i, field in ipairs(core.fields()) do
  M.FIELDS[i] = field.name
  M.FIELD_TYPES[field.name] = field.type
end

-- Not string.lower and string.upper, nor %a, %d and %s in patterns: those follow the host's locale.
local LOWER, UPPER = {}, {}
for byte = 0x41, 0x5A do
  local large, small = string.char(byte), string.char(byte + 0x20)
  LOWER[large], UPPER[small] = small, large
end

-- ASCII only: what is beyond it is compared as it stands.
local function lower(s)
  return (s:gsub("[A-Z]", LOWER))
end
M.lower = lower

local function upper(s)
  return (s:gsub("[a-z]", UPPER))
end

-- Capital letters beyond ASCII to small ones: Latin, Greek and Cyrillic, as Unicode pairs them (from, to, distance,
-- step). All of them have two bytes.
local CAPITALS = { { 0xC0, 0xD6, 32, 1 }, { 0xD8, 0xDE, 32, 1 }, { 0x100, 0x12E, 1, 2 }, { 0x132, 0x136, 1, 2 },
  { 0x139, 0x147, 1, 2 }, { 0x14A, 0x176, 1, 2 }, { 0x178, 0x178, -121, 1 }, { 0x179, 0x17D, 1, 2 },
  { 0x386, 0x386, 38, 1 }, { 0x388, 0x38A, 37, 1 }, { 0x38C, 0x38C, 64, 1 }, { 0x38E, 0x38F, 63, 1 },
  { 0x391, 0x3A1, 32, 1 }, { 0x3A3, 0x3AB, 32, 1 }, { 0x400, 0x40F, 80, 1 }, { 0x410, 0x42F, 32, 1 },
  { 0x460, 0x480, 1, 2 }, { 0x48A, 0x4BE, 1, 2 } }
local SMALL = {}
for _, range in ipairs(CAPITALS) do
  for letter = range[1], range[2], range[4] do
    SMALL[utf8.char(letter)] = utf8.char(letter + range[3])
  end
end

-- In small letters, also beyond ASCII.
local function lower_letters(s)
  s = lower(s)
  if s:find "[\xC3-\xD2]" then
    s = s:gsub("[\xC3-\xD2][\x80-\xBF]", SMALL)
  end
  return s
end

--- White space folded: none at the ends, one space for any run (the no-break space counts as one).
-- @param v any value; what is no string folds to its `tostring`, nil and tables to ""
-- @return string
local function fold(v)
  if type(v) ~= "string" then
    return (type(v) == "number" or type(v) == "boolean") and tostring(v) or ""
  end
  if not v:find "[ \t\n\v\f\r\xC2]" then
    return v
  end
  v = v:gsub("\u{A0}", " "):gsub("[ \t\n\v\f\r]+", " ")
  local from, to = 1, #v
  if v:byte(from) == 0x20 then
    from = from + 1
  end
  if to >= from and v:byte(to) == 0x20 then
    to = to - 1
  end
  return v:sub(from, to)
end
M.fold = fold

--- The numbering plan of a country, for numbers written without their calling code.
-- @param country nil, an ISO 3166-1 alpha-2 code ("DE") or a calling code ("49", "+49")
-- @return { code=, trunk= or false, dial_out= }, or nil when `country` is nil or not known
function M.numbering(country)
  if type(country) ~= "string" then
    return nil
  end
  local found = codes.countries[upper(country)]
  if found then
    return { code = found[1], trunk = found[2], dial_out = found[3] }
  end
  local code = country:match "^%+?([0-9]+)$"
  if code and codes.trunks[code] ~= nil then
    return { code = code, trunk = codes.trunks[code] }
  end
  return nil
end

-- An international number's digits without a trunk prefix that does not belong there, "+49 (0)30 123": 4930123.
-- No subscriber number of a country whose trunk prefix is 0 begins with 0.
local function drop_inner_trunk(digits)
  for length = 1, 3 do
    local code = digits:sub(1, length)
    local trunk = codes.trunks[code]
    if trunk ~= nil then
      if trunk == "0" and digits:sub(length + 1, length + 1) == "0" then
        return code .. digits:sub(length + 2)
      end
      return digits
    end
  end
  return digits
end

-- What address books put into numbers: marks of writing direction and other invisible characters, typographic dashes
-- and spaces (all of U+2000 to U+206F, the soft hyphen, the byte order mark), and full-width digits and plus signs.
local function plain_digits(text)
  if not text:find "[\x80-\xFF]" then
    return text
  end
  return (text:gsub("\xE2[\x80\x81][\x80-\xBF]", " "):gsub("\xC2\xAD", ""):gsub("\u{FEFF}", "")
    :gsub("\u{FF0B}", "+"):gsub("\xEF\xBC([\x90-\x99])", function(digit)
      return string.char(digit:byte() - 0x60)
    end))
end

-- A number with more bytes than this is none: it is compared as text.
local LONGEST_NUMBER = 256

-- The end of `text` up to `last` without the bytes that `pattern` has.
local function trim_end(text, last, pattern)
  while last > 0 and text:find(pattern, last) == last do
    last = last - 1
  end
  return last
end

-- How people write an extension; the longer words first, so that "ext" is not looked for inside of them.
local EXTENSION_WORDS = { "extension", "ext", "durchwahl", "dw", "app", "x", "#" }

-- Takes an extension off a number in small letters. Returns the number, and the extension's digits or nil.
local function split_extension(text)
  local last = trim_end(text, trim_end(text, #text, "^[0-9]"), "^[ .:]")
  local digits = text:match("^[ .:]*([0-9]+)$", last + 1)
  if not digits then
    return text
  end
  -- RFC 3966: ";ext=12".
  local named = text:sub(1, last):match "^(.*); *ext=$"
  if named then
    return named, digits
  end
  for _, word in ipairs(EXTENSION_WORDS) do
    if text:sub(last - #word + 1, last) == word then
      local rest = trim_end(text, last - #word, "^[,; .%-/]")
      if rest > 0 then
        return text:sub(1, rest), digits
      end
    end
  end
  return text
end

-- Does a text say one phone number, with nothing in it that is not understood? Two of them, or a pause, are compared as
-- text, so that no part of what they say is lost.
local function is_number(text)
  if not text:find "[0-9]" or text:find "[^0-9 ()./+-]" then
    return false
  end
  local plus = text:match "^.*()%+"
  if plus and text:sub(1, plus - 1):find "[^ (]" then
    return false
  end
  -- "030 1234 / 030 5678" are two.
  for before, after in text:gmatch "()/ *()" do
    local _, digits = text:sub(1, before - 1):gsub("[0-9]", "")
    if digits > 4 and text:byte(after) == 0x30 then
      return false
    end
  end
  return true
end

-- A number's digits with its calling code as `+4930123`, or bare when that is not known.
local function number_key(text, numbering)
  local international = text:find("+", 1, true) ~= nil
  local digits = text:gsub("[^0-9]", "")
  local dial_out = numbering and numbering.dial_out
  if not international then
    for _, prefix in ipairs { "00", dial_out } do
      if digits:sub(1, #prefix) == prefix and #digits > #prefix + 3 then
        international, digits = true, digits:sub(#prefix + 1)
        break
      end
    end
  end
  if international then
    return "+" .. drop_inner_trunk(digits)
  elseif not numbering then
    return digits
  end
  local trunk = numbering.trunk
  if not trunk then
    return "+" .. numbering.code .. digits
  elseif trunk:sub(1, 1) == "0" then
    -- Without its trunk prefix this is a local number (no area code): it can't be made international.
    return digits:sub(1, #trunk) == trunk and "+" .. numbering.code .. digits:sub(#trunk + 1) or digits
  elseif #digits > 10 and digits:sub(1, #trunk) == trunk then
    return "+" .. numbering.code .. digits:sub(#trunk + 1)
  end
  -- Where the trunk prefix is 1 or 8 (North America, Russia) a full number is often written without it.
  return #digits >= 9 and "+" .. numbering.code .. digits or digits
end

--- A phone number's key: its digits with the calling code, e.g. `+4930123` for `+49 30 123`, `0049 (0)30 123`, and,
-- given `numbering` of Germany, `030/123`. An extension follows as `;12`. A number that can't be made international
-- (no default country, or a local number without its area code) keeps its bare digits. What has no digit, or anything
-- beside digits, spaces and `+ ( ) - . /` (letters, a second number), is compared as text, in small letters.
-- @param value string
-- @param numbering from `numbering()`, or nil
-- @return string
function M.phone(value, numbering)
  local folded = fold(value)
  if #folded > LONGEST_NUMBER then
    return "~" .. lower_letters(folded)
  end
  local text = fold(plain_digits(lower(folded))):gsub("^tel: *", "")
  local number, extension = split_extension(text)
  if not is_number(number) then
    return "~" .. lower_letters(folded)
  end
  local key = number_key(number, numbering)
  return extension and key .. ";" .. extension or key
end

-- Name and domain of an address, split at the last @; nil if it has none.
local function split_email(value)
  local text = fold(value):gsub("^[Mm][Aa][Ii][Ll][Tt][Oo]: *", "")
  local at = text:match "^.*()@"
  if not at then
    return nil, text
  end
  local domain = text:sub(at + 1)
  if domain:byte(-1) == 0x2E then
    domain = domain:sub(1, -2)
  end
  return text:sub(1, at - 1), domain
end

-- A domain's key: small letters, and Unicode for what is written in ASCII as "xn--…".
local function domain_key(domain)
  return lower_letters(punycode.domain(lower(domain)))
end

--- An email address's key: small letters in the name and in the domain (Latin, Greek and Cyrillic ones), the domain in
-- Unicode. RFC 5321 lets a server tell capitals in the name apart; hardly one does, and two addresses that differ in
-- capitals alone are one person's.
-- @param value string
-- @return string
function M.email(value)
  local name, domain = split_email(value)
  if not name then
    return lower_letters(domain)
  end
  return lower_letters(name) .. "@" .. domain_key(domain)
end

--- An email address as it is spelled but for the domain: of two people whose addresses differ in capitals alone, the
-- one with exactly the address that an entry names is meant.
-- @param value string
-- @return string
function M.email_spelling(value)
  local name, domain = split_email(value)
  return name and name .. "@" .. domain_key(domain) or domain
end

--- A URL's key: scheme and host in small letters, the host in Unicode, no slash at the end.
-- @param value string
-- @return string
function M.url(value)
  local text = fold(value)
  local scheme, from = text:match "^([A-Za-z][A-Za-z0-9+.-]*://)()"
  scheme, from = scheme or "", from or 1
  local host, to = text:match("^([^/?#]*)()", from)
  local rest = text:sub(to)
  if rest:byte(-1) == 0x2F then
    rest = rest:sub(1, -2)
  end
  local at = host:match "^.*()@" or 0
  local name, port = host:sub(at + 1):match "^([^:]*)(.*)$"
  return lower(scheme) .. host:sub(1, at) .. domain_key(name) .. lower(port) .. rest
end

-- A handle of a network, or the address of a profile there.
local function handle(value)
  local text = fold(value)
  return text:find "^[A-Za-z][A-Za-z0-9+.-]*://" and M.url(text) or text
end

local BY_TYPE = { phone = M.phone, email = M.email, url = M.url, urls = M.url, messenger = handle, social = handle }

--- Is this an address (by type or by flag)?
function M.is_address(info)
  return info.type == "address" or info.isAddress == true
end

--- The key of what a contact info says, without its type and subtype: the normalised value, or, of an address, its
-- first line, zip code, city and country.
-- @param info a contact info
-- @param numbering from `numbering()`, or nil
-- @return string
function M.value_key(info, numbering)
  if M.is_address(info) then
    return string.pack("<s4s4s4z", fold(info.addressLine1), fold(info.zipCode), fold(info.city),
      (upper(fold(info.country)):gsub("%z", " ")))
  end
  local by_type = BY_TYPE[info.type]
  if by_type then
    return by_type(info.value, numbering)
  end
  return fold(info.value)
end

--- The key under which a contact info is looked for: type, label (of a custom one) and what it says. The subtype is
-- compared beside it, because a desired info without one takes any.
-- @return string
function M.group_key(info, numbering)
  return string.pack("<s4s4", fold(info.type), info.type == "custom" and fold(info.label) or "")
    .. M.value_key(info, numbering)
end

--- What is compared of a field's value: white space is folded; empty, `null` and absent are one.
-- @param field the field's name
-- @param value as sent or as received
-- @param kind the contact info's type (values are compared by their type's key)
-- @param numbering from `numbering()`, or nil
-- @return string
function M.field_key(field, value, kind, numbering)
  if field == "isAddress" then
    return value == true and "1" or "0"
  elseif field == "country" then
    return (upper(fold(value)))
  elseif field == "value" and BY_TYPE[kind] then
    return BY_TYPE[kind](value, numbering)
  end
  return fold(value)
end

--- Are two values of one field the same to a person?
-- @param field, kind, numbering as for field_key
-- @param a,b values, as sent or as received
-- @return boolean
function M.same_field(field, a, b, kind, numbering)
  return M.field_key(field, a, kind, numbering) == M.field_key(field, b, kind, numbering)
end

return M
