--- Random contact infos and what `awork.validate` says of them, as JSON lines, for differential.mjs to compare.
--
--     lua5.4 prove/differential.lua COUNT [SEED]
--
-- Each is a valid one with up to four things changed: what is left out, null, of another type, one too long, almost
-- right, or not a field at all.
local awork = require "awork"
local core = require "awork.core"

local count, seed = math.tointeger(arg[1]) or 100000, math.tointeger(arg[2]) or 1
math.randomseed(seed)
local int = math.random
local function pick(list) return list[int(#list)] end

local TYPES = {
  user = { phone = { "work", "mobile", "home", "work Fax", "fax", "other" }, email = { "work", "private", "other" },
    address = { "work", "home", "other" }, messenger = { "skype", "whatsapp", "other" },
    social = { "facebook", "twitter", "xing", "linkedIn", "instagram", "pinterest", "other" },
    urls = { "work", "private", "gitHub", "other" }, custom = { "anything" } },
  company = { phone = { "central", "other" }, email = { "central", "invoice", "other" },
    address = { "central", "invoice", "other" }, url = { "primary", "other" }, custom = {} },
}
local NAMES = { user = {}, company = {} }
local SUBTYPES = { "Work", "workFax", "work fax", "LinkedIn", "github", "", " ", "x" }
for owner, types in pairs(TYPES) do
  for name, subtypes in pairs(types) do
    table.insert(NAMES[owner], name)
    for _, subtype in ipairs(subtypes) do table.insert(SUBTYPES, subtype) end
  end
  table.sort(NAMES[owner])
end
table.sort(SUBTYPES)
local LIMITS = { label = 1000, value = 1000, type = 25, subType = 25, addressLine1 = 1000, addressLine2 = 100,
  zipCode = 100, city = 100, state = 100, country = 100 }
local FIELDS = { "label", "value", "type", "subType", "addressLine1", "addressLine2", "zipCode", "city", "state",
  "country", "isAddress" }
local CHARS = { "a", "7", " ", "ß", "é", "€", "日", "😀", "\0", "\n", "\u{301}", "\u{FEFF}", "\u{A0}", "\u{3000}" }
local COUNTRIES = { "DE", "AT", "CH", "US", "GB", "UK", "EU", "XK", "AN", "ZZ", "de", "De", "DEU", "", "D", "AX", "BQ",
  "SS", "TP", "YU", "SU", "Germany", " DE", "DE ", "ＤＥ" }
local UNKNOWN = { "subtype", "Type", "zip", "id", "url", "createdOn", "", "äöü", "isaddress", "value ", "1" }

-- A valid one.
local function valid(owner)
  local kind = pick(NAMES[owner])
  local info = { type = kind }
  local subtypes = TYPES[owner][kind]
  if #subtypes > 0 and (owner == "company" or int(5) > 1) then info.subType = pick(subtypes) end
  if kind == "address" then
    info.addressLine1, info.zipCode, info.city = "Torstraße 140", "10119", "Berlin"
    info.country = pick { "DE", "AT", "FR" }
    if int(2) == 1 then info.isAddress = true end
    if int(3) == 1 then info.addressLine2, info.state = "Hof A", "Berlin" end
  else
    info.value = pick { "+49 30 1234567", "anna@example.org", "https://example.org", "anna" }
    if kind == "custom" then info.label = "Desk" end
    if int(4) == 1 then info.isAddress = false end
  end
  return info
end

local function text_of(length)
  local parts = {}
  local one = pick(CHARS)
  for i = 1, length do parts[i] = int(8) == 1 and pick(CHARS) or one end
  return table.concat(parts)
end

local CHANGES = {
  function(info) info[pick(FIELDS)] = nil end,
  function(info) info[pick(FIELDS)] = core.null end,
  function(info) info[pick(FIELDS)] = pick { 1, 0, -3.5, 4930123456, true, false, {}, { 1, 2 }, { a = "b" } } end,
  function(info)
    local field = FIELDS[int(10)]
    info[field] = text_of(math.max(0, LIMITS[field] + int(-1, 1)))
  end,
  function(info) info[pick(FIELDS)] = text_of(int(0, 4)) end,
  function(info, owner) info.type = pick(NAMES[owner]) end,
  function(info) info.type = pick { "url", "urls", "Phone", "phones", "", " ", "mail", "custom", "address" } end,
  function(info) info.subType = pick(SUBTYPES) end,
  function(info) info.country = pick(COUNTRIES) end,
  function(info) info.country = string.char(int(65, 90), int(65, 90)) end,
  function(info) info.isAddress = pick { true, false, core.null, "true", 1 } end,
  function(info) info.label = pick { "Desk", "", core.null } end,
  function(info) info[pick(UNKNOWN)] = pick { "x", 1, true, core.null, {} } end,
}

local encode = core.encode
for _ = 1, count do
  local owner = pick { "user", "company" }
  local info = valid(owner)
  for _ = 1, int(0, 4) do pick(CHANGES)(info, owner) end
  local ok, err = awork.validate(info, owner)
  local rules = {}
  for i, violation in ipairs(not ok and err.violations or {}) do
    rules[i] = violation.property .. ":" .. violation.rule
  end
  io.write(assert(encode { owner = owner, info = info, ok = ok == true, rules = #rules > 0 and rules or nil }), "\n")
end
