--- What a CSV column is, by its name. Three ways, tried in this order:
--
-- 1. our own names, which `csv.write` writes: `user`, `firstName`, `lastName` and `type:subType[:field][:n]`, such as
--    `phone:work`, `phone:work Fax:2`, `address:home:zipCode`, `custom:-:label` (`-` for no subtype);
-- 2. Google Contacts: `Phone 1 - Value` with `Phone 1 - Type` (or `- Label`), and so on;
-- 3. words: German and English, in any order, as spreadsheets, Outlook and Personio have them: a noun (`Telefon`,
--    `E-Mail`, `PLZ`) with `geschäftlich`, `privat`, `work`, … and a number. A column with a word that is not in the
--    tables is not understood: "E-Mail Vorgesetzter" is somebody else's address.
local core = require "awork.core"
local elsewhere = require "awork.format.elsewhere"
local labels = require "awork.format.labels"
local text = require "awork.format.text"

local M = {}

-- Columns about the person, folded.
local PERSON = {
  user = "user|awork user|awork id|awork user id|awork userid|awork nutzer|awork nutzer id|awork benutzer id|aworkid",
  firstName = "firstname|first name|given name|givenname|forename|vorname|vornamen|vorname n|rufname",
  lastName = "lastname|last name|family name|familyname|surname|nachname|nachnamen|familienname|zuname",
  name = "name|full name|whole name|contact name|kontaktname|vorname nachname|vorname und nachname|vorname name|"
    .. "vorname und name|first and last name|first name last name|nachname und vorname|name und vorname|fullname|"
    .. "display name|displayname|vollstaendiger name|anzeigename|mitarbeitername|"
    .. "name des mitarbeiters|employee name|vor und nachname|name vorname|nachname vorname",
}

-- Nouns beside those of labels.lua, folded. The concepts that end in `=` are fields of an address.
local NOUNS = {}
labels.learn({
  phone = "phone|phones|telephone|phone number|phone numbers|telephone number|tel|tel nr|telefon|telefonnummer|"
    .. "telefonnummern|telefonnr|rufnummer|fon|festnetz|festnetznummer|landline|direct line|haupttelefon",
  email = "email|e mail|mail|email address|e mail address|mail address|emailadresse|email adresse|e mail adresse|"
    .. "mailadresse|mail adresse|emails|e mails|mails|email addresses|e mail addresses|e mail adressen|emailadressen",
  url = "url|web|website|web site|webseite|web page|webpage|homepage|home page|internet|internetseite|"
    .. "internetadresse|internet address|web address|webadresse|www",
  messenger = "messenger|chat|im|instant messenger|messenger name|im address|imaddress|im adresse|im addresses|"
    .. "screen name",
  address = "address|adresse|anschrift|postal address|postanschrift",
  ["street="] = "street|street address|address street|strasse|str|strasse nr|strasse hausnummer|strasse hausnr|"
    .. "strasse und hausnummer|strasse und nr|"
    .. "strasse und hausnr|strasse u hausnr|str hausnr|str hausnummer|str nr|str und nr|str u nr|"
    .. "strasse u hausnummer|strasse u nr|street and house number|"
    .. "street and number|street name|strassenname|addressline1|address line 1|addressline 1|adresszeile 1|street 1",
  ["number="] = "house number|housenumber|house no|house nr|hausnummer|haus nummer|hausnr|haus nr|hnr|hsnr|"
    .. "street number|"
    .. "strassennummer",
  ["line2="] = "addressline2|address line 2|addressline 2|adresszeile 2|adresszeile 3|address line 3|adresszusatz|"
    .. "anschriftenzusatz|zusatz|address supplement|additional address|extended address",
  ["zip="] = "zip|zip code|zipcode|postcode|post code|postal code|postalcode|plz|postleitzahl",
  ["city="] = "city|town|locality|ort|stadt",
  ["state="] = "state|province|region|bundesland|kanton|provinz|state province",
  ["country="] = "country|land|staat|country region|region country|land region|country code|laendercode|laenderkuerzel|"
    .. "land iso|country iso|iso country|country iso code|laenderkennzeichen",
  ["box="] = "po box|pobox|post office box|postfach|address po box",
}, NOUNS)

NOUNS.main = false -- "Company Main Phone" is nobody's own

-- What German puts before a noun without a space.
local PREFIXES = {
  privat = "home", wohn = "home", dienst = "work", geschaefts = "work", firmen = "work", arbeits = "work",
  buero = "work", berufs = "work",
}

local PARTS = {
  ["street="] = "addressLine1", ["number="] = "houseNumber", ["line2="] = "addressLine2", ["zip="] = "zipCode",
  ["city="] = "city", ["state="] = "state", ["country="] = "country", ["box="] = "poBox",
}

-- Nouns that are a type of their own; a phone's is implied by mobile and fax.
local SERVICES = {
  skype = "messenger", whatsapp = "messenger", messenger = "messenger", github = "urls",
  facebook = "social", twitter = "social", xing = "social", linkedin = "social", instagram = "social",
  pinterest = "social",
}
local TYPES = { phone = "phone", mobile = "phone", fax = "phone", email = "email", url = "urls" }
-- Nouns that may stand beside a more precise one: "Mobile Phone", "LinkedIn URL", "Address City".
local VAGUE = { phone = { "mobile", "fax", "whatsapp" }, url = {}, address = {}, messenger = { "skype", "whatsapp" } }
for service in pairs(SERVICES) do
  if service ~= "messenger" then table.insert(VAGUE.url, service) end
end
for part in pairs(PARTS) do table.insert(VAGUE.address, part) end
table.insert(VAGUE.address, "email")

-- A column of an address. `line`: which line of the street, of "Business Street 3".
local function address_part(found, field, n, line)
  return { type = "address", subType = labels.subtype("address", found), field = field, n = n, line = line,
    guessed = true }
end

-- The one noun among concepts, more precise ones before vague ones; nil for none, or two: who knows which.
local function noun_of(found)
  for vague, precise in pairs(VAGUE) do
    for _, noun in ipairs(precise) do
      if found[vague] and found[noun] then found[vague] = nil end
    end
  end
  local noun
  for concept in pairs(found) do
    if PARTS[concept] or SERVICES[concept] or TYPES[concept] or concept == "address" then
      if noun then return nil end
      noun = concept
    end
  end
  return noun
end

local function by_words(name)
  local found, unknown = labels.parse(name, NOUNS, PREFIXES)
  local noun = not unknown and noun_of(found)
  if not noun then return nil end
  local n = found.number or 1
  if n < 1 then return nil end
  local field = PARTS[noun]
  if noun == "address" or noun == "street=" then
    -- "Address" and "Street" are the street's line, those with a number the lines below it.
    if n > 3 then return nil end
    if n > 1 then return address_part(found, "addressLine2", 1, n) end
    field = "addressLine1"
  elseif noun == "line2=" and n > 1 then
    return address_part(found, "addressLine2", 1, n + 1)
  end
  if field then
    local part = address_part(found, field, n)
    part.vague = noun == "address" or nil -- beside a street, it is the address as one text
    return part
  end
  local type = SERVICES[noun] or TYPES[noun]
  local subtype = labels.subtype(type, found)
  if noun == "messenger" then subtype = "other" end
  return { type = type, subType = subtype, field = "value", n = n, guessed = true }
end

-- Google Contacts, headers of 2013 ("Given Name", "- Type") and of 2024 ("First Name", "- Label").
local GOOGLE_TYPES = {
  ["e-mail"] = "email", email = "email", phone = "phone", website = "urls", im = "messenger", address = "address",
}
local GOOGLE_PARTS = {
  value = "value", type = "label", label = "label", service = "service", street = "addressLine1",
  ["extended address"] = "addressLine2", ["postal code"] = "zipCode", postcode = "zipCode", city = "city",
  region = "state", country = "country", ["po box"] = "poBox", formatted = "formatted",
}

local function by_google(name)
  local kind, n, part = core.lower(name):match "^([A-Za-z-]+) (%d%d?) %- ([A-Za-z ]+)$"
  local type, field = GOOGLE_TYPES[kind], GOOGLE_PARTS[part]
  if not type or not field then return nil end
  local labelling = field == "label" or field == "service" or field == "formatted"
  if not labelling and (type == "address") == (field == "value") then return nil end
  return { type = type, field = field, n = tonumber(n), google = true }
end

-- Our own names -------------------------------------------------------------------------------------------------------

-- Types that our names may begin with. Another one, which awork may have one day, is written with a colon before it,
-- lest "Note: private" be taken for one.
local KNOWN = {}
for _, owner in ipairs { "user", "company" } do
  for _, entry in ipairs(core.types(owner)) do KNOWN[entry.type] = true end
end

-- The fields of a contact info that a column can hold: its texts but type and subtype.
local FIELDS = {}
M.fields = {}
for _, field in ipairs(core.fields()) do
  if field.type == "string" and field.name ~= "type" and field.name ~= "subType" then
    FIELDS[field.name] = true
    M.fields[#M.fields + 1] = field.name
  end
end

--- Those of these fields that say something in a contact info.
function M.filled(info)
  local list = {}
  for _, field in ipairs(M.fields) do
    if type(info[field]) == "string" and info[field] ~= "" then list[#list + 1] = field end
  end
  return list
end

local function escape(part)
  if part == nil then return "-" end
  part = part:gsub("[\\:]", "\\%0")
  return part == "-" and "\\-" or part
end

local function split(name)
  local parts, from, at = {}, 1, 1
  while true do
    local special = name:find("[\\:]", at)
    if not special then
      parts[#parts + 1] = name:sub(from)
      return parts
    elseif name:sub(special, special) == "\\" then
      at = special + 2
    else
      parts[#parts + 1] = name:sub(from, special - 1)
      if #parts > 4 then return nil end
      from, at = special + 1, special + 1
    end
  end
end

local function unescape(part)
  if part == "-" then return nil end
  return (part:gsub("\\(.)", "%1"))
end

--- Our name for a column, from a specification `{ type=, subType=, field=, n= }` or `{ person= }`.
function M.name(spec)
  if spec.person then return spec.person end
  local parts = { escape(spec.type), escape(spec.subType) }
  if spec.type and not KNOWN[spec.type] then parts[1] = ":" .. parts[1] end
  if spec.field ~= "value" then parts[3] = spec.field end
  if spec.n > 1 then parts[#parts + 1] = tostring(spec.n) end
  return table.concat(parts, ":")
end

--- The specification for one of our own names; nil if it is none.
function M.spec(name)
  if name == "user" or name == "firstName" or name == "lastName" then return { person = name } end
  if #name > 200 or not name:find(":", 1, true) then return nil end
  local parts = split(name)
  if not parts or #parts < 2 then return nil end
  if parts[1] == "" then
    table.remove(parts, 1)
  elseif parts[1] ~= "-" and not KNOWN[parts[1]] then
    return nil
  end
  if not parts[2] or parts[1] == "" or parts[2]:find "^ " then return nil end
  local spec = { type = unescape(parts[1]), subType = unescape(parts[2]), field = "value", n = 1 }
  local at = 3
  if parts[at] and FIELDS[parts[at]] then
    spec.field = parts[at]
    at = at + 1
  end
  if parts[at] and parts[at]:find "^[1-9]%d?%d?$" then
    spec.n = tonumber(parts[at])
    at = at + 1
  end
  if parts[at] then return nil end
  return spec
end

local PERSON_NAMES = {}
for field, phrases in pairs(PERSON) do
  for phrase in phrases:gmatch "[^|]+" do PERSON_NAMES[phrase] = field end
end

-- What forms say of columns that must be filled in.
local REQUIRED = { pflicht = true, pflichtfeld = true, erforderlich = true, required = true, mandatory = true }

-- "Email Address [Required]" (Google Workspace), "E-Mail (Pflicht)" and "E-Mail*" are what they are without;
-- "Employee #" is a number.
local function plain(name)
  local before, word = name:match "^(.*[^ (]) *%(([A-Za-z]+)%)$"
  if word and REQUIRED[text.fold(word)] then name = before end
  name = name:gsub("(.) *%*$", "%1")
  local at = name:sub(-1) == "]" and name:find("[", 1, true)
  if at and at > 1 then name = text.trim(name:sub(1, at - 1)) end
  return (name:gsub("#", " nr "))
end

--- Is the column called `name` known to hold nothing that is a contact info of whose row it is: a job title, a phone
-- number of an assistant's? Such a column is left out, and stands for nothing that a plan might delete.
function M.elsewhere(name)
  if #name > 200 then return false end
  local folded = text.fold(plain(name))
  if name:find "^[A-Za-z]+$" then -- "AssistantPhone"
    folded = elsewhere.columns[folded] and folded or text.fold((name:gsub("([a-z])([A-Z])", "%1 %2")))
  end
  if elsewhere.columns[folded] or (elsewhere.google[name:match "^[A-Za-z]+"] and name:find " [0-9]+ %- ") then
    return true
  end
  for word in folded:gmatch "[^ ]+" do
    if elsewhere.people[word] then return true end
  end
  return false
end

-- Names of a directory's attributes (LDAP), which say nothing elsewhere.
local ATTRIBUTES = {
  l = "city", st = "state", co = "country", c = "country", sn = { person = "lastName" },
  wWWHomePage = { type = "urls", field = "value", n = 1, guessed = true },
}

--- The specification of a directory's attribute; nil if `name` is none that would not be understood anyway.
function M.attribute(name)
  local what = ATTRIBUTES[name]
  if type(what) ~= "string" then
    local copy = what and {}
    for key, value in pairs(what or {}) do copy[key] = value end
    return copy
  end
  return { type = "address", field = what, n = 1, guessed = true }
end

--- What the column called `name` is: `{ person = "user"|"firstName"|"lastName"|"name" }`, or
-- `{ type=, subType=, field=, n= }`, `guessed = true` if by words (no subtype then: not said), `google = true` when
-- other columns say the subtype, `line` for a further line of a street, `vague` for "Address". nil: not understood.
function M.find(name)
  if #name > 200 then return nil end
  local spec = M.spec(name) or by_google(name)
  if spec then
    spec.own = not spec.google or nil
    return spec
  end
  name = plain(name)
  if name:find("?", 1, true) then return nil end -- "Mobile?" is answered by yes or no
  local folded = text.fold(name)
  local about = PERSON_NAMES[folded]
  if about then return { person = about } end
  if M.elsewhere(name) then return nil end
  -- "MobilePhone": programs' names are words without spaces.
  return by_words(name)
    or name:find "^[A-Za-z]+$" and name:find "[a-z][A-Z]" and by_words((name:gsub("([a-z])([A-Z])", "%1 %2"))) or nil
end

return M
