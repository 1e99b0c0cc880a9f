--- When two contact infos are the same one: normalised keys for values and addresses.
-- Pure functions on strings and tables; no I/O. A key is for comparing only, it is never sent.
local core = require "awork.core"
local codes = require "awork.desired.calling_codes"

local M = {}

--- The names of the fields of awork's contact info form, in its order, and the Lua type of each.
-- (awork API: the contact info model.)
M.FIELDS, M.FIELD_TYPES = {}, {}
for i, field in ipairs(core.fields()) do
  M.FIELDS[i] = field.name
  M.FIELD_TYPES[field.name] = field.type
end

-- ASCII only and independent of the host's locale: what is beyond ASCII is compared as it stands.
local function lower(s)
  return (s:gsub("[A-Z]", string.lower))
end
M.lower = lower

--- White space folded: none at the ends, one space for any run (the no-break space counts as one).
-- @param v any value; what is no string folds to its `tostring`, nil and tables to ""
-- @return string
local function fold(v)
  if type(v) ~= "string" then
    return (type(v) == "number" or type(v) == "boolean") and tostring(v) or ""
  end
  -- Not %s: in some locales that is a byte of UTF-8 characters too.
  if not v:find "[ \t\n\v\f\r\xC2]" then
    return v
  end
  v = v:gsub("\u{A0}", " "):gsub("[ \t\n\v\f\r]+", " ")
  return v:match "^ ?(.-) ?$"
end
M.fold = fold

--- The numbering plan of a country, for numbers written without their calling code.
-- @param country nil, an ISO 3166-1 alpha-2 code ("DE") or a calling code ("49", "+49")
-- @return { code=, trunk= or false, dial_out= }, or nil when `country` is nil or not known
function M.numbering(country)
  if type(country) ~= "string" then
    return nil
  end
  local found = codes.countries[country:upper()]
  if found then
    return { code = found[1], trunk = found[2], dial_out = found[3] }
  end
  local code = country:match "^%+?(%d+)$"
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

-- How people write an extension, on the lower-cased number. Patterns end in the digits.
local EXTENSIONS = { ";%s*ext=(%d+)", "[,;%s%.%-/]*extension[%s%.:]*(%d+)%s*$", "[,;%s%.%-/]*ext[%s%.:]*(%d+)%s*$",
  "[,;%s%.%-/]*durchwahl[%s%.:]*(%d+)%s*$", "[,;%s%.%-/]*dw[%s%.:]*(%d+)%s*$", "[,;%s%.%-/]*app[%s%.:]*(%d+)%s*$",
  "%s*x%s*(%d+)%s*$", "%s*#%s*(%d+)%s*$" }

--- A phone number's key: its digits with the calling code, e.g. `+4930123` for `+49 30 123`, `0049 (0)30 123`, and,
-- given `numbering` of Germany, `030/123`. An extension follows as `;12`. A number that can't be made international
-- (no default country, or a local number without its area code) keeps its bare digits; what holds letters, or no digit
-- at all, is compared as text.
-- @param value string
-- @param numbering from `numbering()`, or nil
-- @return string
function M.phone(value, numbering)
  local text = fold(plain_digits(lower(fold(value)))):gsub("^tel:%s*", "")
  local extension
  if text:find "[%a#;]" then
    for _, pattern in ipairs(EXTENSIONS) do
      local from, _, digits = text:find(pattern)
      if from and from > 1 then
        extension, text = digits, text:sub(1, from - 1)
        break
      end
    end
    text = text:gsub(";.*$", "")
  end
  if text:find "[%a\x80-\xFF]" or not text:find "%d" then
    return "~" .. lower(fold(value))
  end
  local international = text:find "^[%s%(]*%+" ~= nil
  local digits = text:gsub("%D", "")
  local dial_out = numbering and numbering.dial_out
  if not international then
    for _, prefix in ipairs { "00", dial_out } do
      if digits:sub(1, #prefix) == prefix and #digits > #prefix + 3 then
        international, digits = true, digits:sub(#prefix + 1)
        break
      end
    end
  end
  local key
  if international then
    key = "+" .. drop_inner_trunk(digits)
  elseif not numbering then
    key = digits
  else
    local trunk = numbering.trunk
    if not trunk then
      key = "+" .. numbering.code .. digits
    elseif trunk:sub(1, 1) == "0" then
      -- Without its trunk prefix this is a local number (no area code): it can't be made international.
      key = digits:sub(1, #trunk) == trunk and "+" .. numbering.code .. digits:sub(#trunk + 1) or digits
    elseif #digits > 10 and digits:sub(1, #trunk) == trunk then
      key = "+" .. numbering.code .. digits:sub(#trunk + 1)
    else
      -- Where the trunk prefix is 1 or 8 (North America, Russia) a full number is often written without it.
      key = #digits >= 9 and "+" .. numbering.code .. digits or digits
    end
  end
  return extension and key .. ";" .. extension or key
end

--- An e-mail address's key: the local part as it is, the domain in lower case.
-- @param value string
-- @return string
function M.email(value)
  local text = fold(value):gsub("^[Mm][Aa][Ii][Ll][Tt][Oo]:%s*", "")
  local name, domain = text:match "^(.*)@([^@]*)$"
  if not name then
    return text
  end
  return name .. "@" .. lower(domain):gsub("%.$", "")
end

--- An e-mail address in lower case altogether: how people are looked up when the exact spelling finds nobody.
-- @param value string
-- @return string
function M.email_folded(value)
  return lower(M.email(value))
end

--- A URL's key: scheme and host in lower case, no slash at the end.
-- @param value string
-- @return string
function M.url(value)
  local text = fold(value)
  local scheme, host, rest = text:match "^(%a[%w+.-]*://)([^/?#]*)(.*)$"
  if not scheme then
    host, rest = text:match "^([^/?#]*)(.*)$"
    scheme = ""
  end
  local user, name = host:match "^(.*@)([^@]*)$"
  return lower(scheme) .. (user or "") .. lower(name or host) .. rest:gsub("/$", "")
end

-- A handle of a network, or the address of a profile there.
local function handle(value)
  local text = fold(value)
  return text:find "^%a[%w+.-]*://" and M.url(text) or text
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
    return table.concat({ fold(info.addressLine1), fold(info.zipCode), fold(info.city),
      (fold(info.country):gsub("[a-z]", string.upper)) }, "\31")
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
  return fold(info.type) .. "\30" .. (info.type == "custom" and fold(info.label) or "") .. "\30"
    .. M.value_key(info, numbering)
end

--- Are two values of one field the same to a person? White space is folded; empty, `null` and absent are one.
-- @param field the field's name
-- @param a,b values, as sent or as received
-- @param kind the contact info's type (values are compared by their type's key)
-- @param numbering from `numbering()`, or nil
-- @return boolean
function M.same_field(field, a, b, kind, numbering)
  if field == "isAddress" then
    return (a == true) == (b == true)
  elseif field == "country" then
    return fold(a):upper() == fold(b):upper()
  elseif field == "value" and BY_TYPE[kind] then
    return BY_TYPE[kind](a, numbering) == BY_TYPE[kind](b, numbering)
  end
  return fold(a) == fold(b)
end

return M
