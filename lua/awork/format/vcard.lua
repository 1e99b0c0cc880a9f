--- vCard 3.0 and 4.0, and 2.1 for reading: as address books, phones and mail programs have people.
--
-- A parser of our own: what Debian has is libvformat and libvc (no upstream for more than ten years, whole files, no
-- 4.0) and belcard (C++, 4.0 alone).
local core = require "awork.core"
local columns = require "awork.format.columns"
local items = require "awork.format.json_items"
local labels = require "awork.format.labels"
local lines = require "awork.format.vcard_lines"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"

local MAX_PROPERTIES = 2000 -- that we read, of one card
local MAX_CARD = 1048576 -- bytes of their values
local MAX_WARNINGS = 100 -- of one file

-- Properties that name a service by themselves → type and concept.
local SERVICES = {
  ["X-SKYPE"] = "skype", ["X-SKYPE-USERNAME"] = "skype", ["X-WHATSAPP"] = "whatsapp", ["X-JABBER"] = "other",
  ["X-ICQ"] = "other", ["X-MSN"] = "other", ["X-AIM"] = "other", ["X-YAHOO"] = "other", ["X-GTALK"] = "other",
  ["X-GOOGLE-TALK"] = "other", ["X-GADUGADU"] = "other",
}
local NETWORKS = {
  ["X-TWITTER"] = "twitter", ["X-FACEBOOK"] = "facebook", ["X-LINKEDIN"] = "linkedIn", ["X-XING"] = "xing",
  ["X-INSTAGRAM"] = "instagram",
}
local TYPES = { TEL = "phone", EMAIL = "email", ADR = "address", URL = "urls" }
local EXTRA = { "ORG", "TITLE", "ROLE", "NOTE", "BDAY", "NICKNAME", "CATEGORIES" }

local function set(names, into)
  into = into or {}
  for name in names:gmatch "%S+" do into[name] = true end
  return into
end

local WANTED = set("BEGIN END VERSION KIND X-ADDRESSBOOKSERVER-KIND N FN UID TEL EMAIL ADR LABEL URL IMPP "
  .. "X-SOCIALPROFILE SOCIALPROFILE X-ABLABEL X-ABADR X-AWORK-USER X-AWORK-INFO")
for name in pairs(SERVICES) do WANTED[name] = true end
for name in pairs(NETWORKS) do WANTED[name] = true end

-- Of these a card may have several, each a contact info.
local INFOS = set "IMPP X-SOCIALPROFILE SOCIALPROFILE X-AWORK-INFO"
for _, names in ipairs { TYPES, SERVICES, NETWORKS } do
  for name in pairs(names) do INFOS[name] = true end
end

-- Properties that are known to hold no contact info: of the RFCs, and what programs add for themselves.
local IDLE = set("ADR-LABEL AGENT ANNIVERSARY BDAY BIRTHPLACE CALADRURI CALURI CAPURI CATEGORIES CLASS CLIENTPIDMAP "
  .. "CREATED DEATHDATE DEATHPLACE EXPERTISE FBURL GENDER GEO GRAMGENDER HOBBY INTEREST KEY LANG LANGUAGE LOGO "
  .. "MAILER MEMBER NAME NICKNAME NOTE ORG ORG-DIRECTORY PHOTO PRODID PROFILE PRONOUNS RELATED REV ROLE SORT-STRING "
  .. "SOUND SOURCE TITLE TZ UID XML X-ABDATE X-ABRELATEDNAMES X-ABSHOWAS X-ABUID X-ADDRESSBOOKSERVER-MEMBER "
  .. "X-ANDROID-CUSTOM X-ANNIVERSARY X-ASSISTANT X-CLASS X-EVOLUTION-ANNIVERSARY X-EVOLUTION-ASSISTANT "
  .. "X-EVOLUTION-FILE-AS X-EVOLUTION-MANAGER X-EVOLUTION-SPOUSE X-GENDER X-IMAGETYPE X-IMAGEHASH X-MANAGER "
  .. "X-MAIDENNAME X-MS-CARDPICTURE X-MS-OL-DEFAULT-POSTAL-ADDRESS X-MS-OL-DESIGN X-PHONETIC-FIRST-NAME "
  .. "X-PHONETIC-LAST-NAME X-PHONETIC-MIDDLE-NAME X-PHONETIC-ORG X-SHARED-PHOTO-DISPLAY-PREF X-SPOUSE X-WAB-GENDER")

-- What a property that is not understood may hold, by a part of its name.
local GUESSES = {
  { "messenger", set "IM IMADDRESS IMPP JABBER XMPP SIP CHAT MESSENGER TELEGRAM SIGNAL THREEMA" },
  { "email", set "MAIL EMAIL MAILS EMAILS" },
  { "phone", set "TEL PHONE TELEPHONE MOBILE CELL FAX TELEX PAGER HANDY" },
  { "address", set "ADR ADDR ADDRESS STREET CITY ZIP COUNTRY" },
  { "urls", set "URL URI WEB HOMEPAGE WEBPAGE BLOG" },
  { "social", set "SOCIAL SOCIALPROFILE MASTODON YOUTUBE TIKTOK" },
}

-- The types that the property may hold; nil: any.
local function guess(name)
  for word in core.upper(name):gmatch "[A-Z]+" do
    for _, entry in ipairs(GUESSES) do
      if entry[2][word] then return { entry[1] } end
    end
  end
end

-- Cards of what is no person (RFC 6350, KIND; Apple's X-ADDRESSBOOKSERVER-KIND). A company's is read as any other.
local NO_PERSON = { group = "a group", location = "a place", device = "a device", application = "a program" }

-- Reading ------------------------------------------------------------------------------------------------------------

local DEFAULTS = { phone = "other", email = "other", address = "other", urls = "other" }

-- Is this somebody else's: an assistant's number, by its type or the label of its group? Then what it says, or nil.
local function somebody_else(property, card)
  for _, word in ipairs(property.types) do
    if labels.is_somebody_else(word) then return word end
  end
  local label = property.group and card.labels[core.lower(property.group)]
  return label and labels.is_somebody_else(label) and label or nil
end

-- All that is said about the kind of a property, as concepts: its types, its service, the label of its group.
local function concepts(property, card)
  local found = {}
  local function take(words)
    for concept in pairs((labels.parse(words))) do found[concept] = true end
  end
  for _, word in ipairs(property.types) do take(word) end
  local service = property.params["service-type"] or property.params["x-service-type"]
  if service then take(service) end
  local label = property.group and card.labels[core.lower(property.group)]
  if label then take(label) end
  return found, label
end

-- "tel:+49-30-1;ext=5" → "+49-30-1 ext. 5", where the value is not said to be text.
local function strip_scheme(property, value, scheme)
  local said = property.params.value
  if said and core.lower(said) == "text" then return value end
  if core.lower(value:sub(1, #scheme)) ~= scheme then return value end
  value = value:sub(#scheme + 1)
  if scheme == "tel:" then value = value:gsub(";ext=(%d+)$", " ext. %1") end
  return value
end

local function address_of(property, card)
  local box, extended, street, city, state, zip, country =
    table.unpack(lines.components(property.value, 7), 1, 7)
  local info = { type = "address", addressLine1 = street, addressLine2 = extended, isAddress = true }
  info.city, info.state, info.zipCode = city, state, zip
  if street and not extended and street:find "[\r\n]" then
    local first, rest = street:match "^([^\r\n]*)\r?\n(.*)$"
    if first then
      info.addressLine1 = first ~= "" and first or nil
      info.addressLine2 = rest ~= "" and rest:gsub("\r?\n", ", ") or nil
    end
  end
  if box then
    if not info.addressLine1 then
      info.addressLine1 = box
    else
      info.addressLine2 = info.addressLine2 and info.addressLine2 .. ", " .. box or box
    end
  end
  if not country and property.group then
    country = card.countries[core.lower(property.group)] -- Apple's ISO code beside an address
    country = country and core.upper(country)
  end
  if not (info.addressLine1 or info.addressLine2 or city or state or zip) then return nil end
  info.country = country and persons.country(country)
  return info
end

local function messenger_of(property, found)
  local said = property.params.value
  local value = lines.unescape(property.value)
  local subtype = labels.subtype("messenger", found) or "other"
  if said and core.lower(said) == "text" then return { type = "messenger", subType = subtype, value = value } end
  local scheme, rest = value:match "^([A-Za-z][0-9A-Za-z+.-]*):(.+)$"
  scheme = scheme and core.lower(scheme)
  if scheme == "skype" or scheme == "whatsapp" then
    subtype, value = scheme, rest
  elseif scheme == "x-apple" then
    value = rest
  end
  return { type = "messenger", subType = subtype, value = value }
end

local function social_of(property, found)
  local value = lines.unescape(property.value)
  value = strip_scheme(property, value, "x-apple:")
  if value == "" then value = property.params["x-user"] or "" end
  if found.github then return { type = "urls", subType = "gitHub", value = value } end
  return { type = "social", subType = labels.subtype("social", found) or "other", value = value }
end

-- The contact info of a property; nil if it is none; nil and a message.
local function info_of(property, card, defaults)
  local name = property.name
  local kind = TYPES[name]
  if kind then
    local info
    if kind == "address" then
      info = address_of(property, card)
    else
      local value = lines.unescape(property.value)
      if kind == "phone" then
        value = strip_scheme(property, value, "tel:")
      elseif kind == "email" then
        value = strip_scheme(property, value, "mailto:")
      end
      info = { type = kind, value = value }
    end
    if not info then return nil end
    local said = property.params["x-awork-subtype"]
    if said then
      info.subType = said ~= "" and said or nil
    else
      local found, label = concepts(property, card)
      info.subType = labels.subtype(kind, found) or label and "other" or defaults[kind] or DEFAULTS[kind]
    end
    return info
  elseif name == "IMPP" then
    return messenger_of(property, (concepts(property, card)))
  elseif name == "X-SOCIALPROFILE" or name == "SOCIALPROFILE" then
    return social_of(property, (concepts(property, card)))
  elseif SERVICES[name] then
    return { type = "messenger", subType = SERVICES[name], value = lines.unescape(property.value) }
  elseif NETWORKS[name] then
    return { type = "social", subType = NETWORKS[name], value = lines.unescape(property.value) }
  elseif name == "X-AWORK-INFO" then
    local info = items.decode(lines.unescape(property.value))
    if type(info) ~= "table" or info[1] ~= nil then return nil, "is not a contact info in JSON" end
    return core.compact(info)
  end
end

-- An address that says nothing in its parts, but something beside them: it is no address that awork can have.
local function note_formatted(card, property)
  local parts = property.value:gsub("[; ]", "")
  if parts == "" and not property.params.label then return end
  card.note(property.name, "an address without its parts (street, postal code, city); it is left out", property.line)
  card.unknown[#card.unknown + 1] = { name = property.name, what = "property", types = { "address" } }
end

-- The person of a card, or nil, message, property.
local function person_of(card, opts)
  local contact_infos, places = {}, {}
  local defaults = opts.defaults or {}
  local addresses = false
  for _, property in ipairs(card.properties) do
    local info, problem = info_of(property, card, defaults)
    if problem then return nil, problem, property end
    if property.name == "ADR" then
      addresses = true
      if not info then note_formatted(card, property) end
    end
    local other = info and somebody_else(property, card)
    if other then
      card.note(property.name, ("says '%s', so it is somebody else's; it is left out"):format(persons.excerpt(other)),
        property.line)
    elseif info and info.value ~= "" then
      contact_infos[#contact_infos + 1] = info
      places[#contact_infos] = ("%s (line %d)"):format(property.name, property.line)
    end
  end
  local label = card.single.LABEL
  if label and not addresses then note_formatted(card, label) end
  local person = { contact_infos = contact_infos, extra = opts.extra and card.extra or nil }
  local n = card.single.N
  if n then
    local parts = lines.components(n.value, 2)
    person.lastName, person.firstName = parts[1], parts[2]
  end
  if not person.firstName and not person.lastName and card.single.FN then
    local full = lines.unescape(card.single.FN.value)
    -- FN is mandatory; without a name it is an address, or what we write then.
    if full ~= "" and full ~= "?" and not persons.is_email(full) and not core.is_guid(full) then
      person.firstName, person.lastName = persons.split_name(full)
    end
  end
  local user
  if opts.user then
    local spec = columns.spec(opts.user)
    local property = card.single[core.upper(opts.user)]
    if spec then
      for _, info in ipairs(contact_infos) do
        if info.type == spec.type and info.subType == spec.subType then
          user = info.value
          break
        end
      end
    elseif property then
      user = lines.unescape(property.value):gsub("^[Uu][Rr][Nn]:[Uu][Uu][Ii][Dd]:", "")
    end
    if not user or user == "" then return nil, ("no %s to tell whose card this is"):format(opts.user) end
  else
    local property = card.single["X-AWORK-USER"]
    user = property and lines.unescape(property.value) or persons.email_of(contact_infos)
    if not user and opts.user == nil then
      return nil, "no single email address, and none for work: who is this? Name a property with the option 'user'"
    end
  end
  person.user = user
  person.source = { format = "vcard", columns = places, unknown = card.unknown[1] and card.unknown or nil }
  return person
end

local VERSIONS = { ["2.1"] = true, ["3.0"] = true, ["4.0"] = true }

local function reader(input, opts)
  local wanted = WANTED
  if opts.user or opts.extra then
    wanted = setmetatable({}, { __index = WANTED })
    if opts.user then wanted[core.upper(opts.user)] = true end
    if opts.extra then
      for _, name in ipairs(EXTRA) do wanted[name] = true end
    end
  end
  local list = lines.new(input, wanted)
  local number = 0
  local extra = {}
  for _, name in ipairs(EXTRA) do extra[name] = true end
  local ignored = stream.ignored(opts)
  local warnings, said, idle = {}, {}, {}

  local function warn(message, line, property)
    if #warnings < MAX_WARNINGS then
      warnings[#warnings + 1] = { file = input.name, row = number > 0 and number or nil, unit = "card", line = line,
        property = property, message = message }
    end
  end

  -- What is not understood of a card: said once a file, and nothing of what it may hold is deleted.
  local function unknown(card, property)
    local name = property.full or property.name
    local skip = ignored(name)
    if skip or extra[property.name] and opts.extra then return end
    if IDLE[property.name] and property.colon then
      idle[property.name] = true
      return
    end
    local types
    if TYPES[property.name] then
      types = { TYPES[property.name] }
    else
      types = guess(name)
    end
    card.unknown[#card.unknown + 1] = { name = name, what = "property", types = types }
    local key = name .. (property.colon and ":" or "")
    if not said[key] then
      said[key] = true
      warn(property.colon and "not understood; it is left out" or "no colon: this is not a property; it is left out",
        property.line, persons.excerpt(name))
    end
  end

  -- Takes a property into the card; nil, or code and message of what is wrong with it.
  local function add(card, property)
    local name = property.name
    if name == "X-ABLABEL" and property.group then
      card.labels[core.lower(property.group)] = lines.unescape(property.value)
    elseif name == "X-ABADR" and property.group then
      card.countries[core.lower(property.group)] = property.value
    elseif name == "VERSION" then
      if not VERSIONS[property.value] then return "syntax", "this is neither vCard 2.1 nor 3.0 nor 4.0" end
    elseif name == "KIND" or name == "X-ADDRESSBOOKSERVER-KIND" then
      card.no_person = card.no_person or NO_PERSON[core.lower(property.value)]
    elseif INFOS[name] then
      card.properties[#card.properties + 1] = property
    end
    if extra[name] and opts.extra then
      card.extra[name] = card.extra[name] or lines.unescape(property.value)
    end
    card.single[name] = card.single[name] or property
    card.size = card.size + #property.value
    card.count = card.count + 1
    if card.size > MAX_CARD or card.count > MAX_PROPERTIES then return "limit", "too much in one card" end
  end

  -- At the end: what holds no contact info by its nature is said together, in one line.
  local function finish()
    stream.warn_unused(warnings, idle, input.name, "card")
  end

  local begin -- the BEGIN of a card that came before the END of the one before
  local junk -- the first line outside of cards that is none

  local function new_card()
    return { properties = {}, labels = {}, countries = {}, single = {}, extra = {}, unknown = {}, size = 0, count = 0,
      note = function(name, message, line) warn(message, line, name) end }
  end

  -- One card: the person, or nil and an error; nil at the end; false for one that is no person.
  local function read_card()
    local card = new_card()
    local first, depth, agent, err = begin, 0, false, nil -- first: the line of its BEGIN
    if begin then begin, number = nil, number + 1 end
    local function fail(code, message, line, property, fatal)
      return stream.fail(code, message, { file = input.name, row = number > 0 and number or nil, unit = "card",
        line = line, property = property }, fatal)
    end
    -- A property that is neither BEGIN nor END.
    local function take(property, failed)
      if failed then
        err = err or fail(failed.code, failed.message, failed.line, failed.property)
      elseif property.name == "AGENT" then
        if property.colon and not ignored "AGENT" then idle.AGENT = true end
        -- The agent's card (2.1) begins on this line, or on the next; or it is all in the value (3.0).
        if property.rest and core.upper(property.rest) == "BEGIN:VCARD" then
          depth = depth + 1
        else
          agent = property.rest == ""
        end
      elseif depth > 0 or err then
        return
      elseif not property.value then
        unknown(card, property)
      else
        local code, message = add(card, property)
        if code then err = fail(code, message, property.line, property.name) end
      end
    end
    while true do
      list.within = first ~= nil
      local property, failed = list:next()
      local name = property and property.name
      if failed and failed.fatal then
        return nil, failed
      elseif not property and not failed then
        if first then return nil, fail("syntax", "it has no END:VCARD, the text is cut off", first, nil, true) end
        if number == 0 and junk then
          return nil, fail("syntax", "no BEGIN:VCARD: this is not a vCard", junk, nil, true)
        end
        finish()
        return nil
      elseif name == "BEGIN" and property.value and core.upper(property.value) == "VCARD" then
        if not first then
          first, number = property.line, number + 1
        elseif agent then
          depth = depth + 1 -- the card of an agent, within this one (2.1)
        else
          begin = property.line
          return nil, fail("syntax", "it has no END:VCARD", first)
        end
      elseif not first then
        -- Between cards anything may stand: it is said once, and passed over.
        if not junk and number > 0 then warn("what is no card is passed over", (property or failed).line) end
        junk = junk or (property or failed).line
      elseif name == "END" and depth == 0 then
        break
      elseif name == "END" then
        depth = depth - 1
        agent = depth > 0
      else
        take(property, failed)
      end
    end
    if junk and number == 1 and junk < first then warn("what is no card is passed over", junk) end
    if card.no_person then
      warn(("the card of %s, not of a person; it is left out"):format(card.no_person), first)
      return false
    end
    if err then return nil, err end
    local person, message, property = person_of(card, opts)
    if not person then
      return nil, fail(property and "syntax" or "user", message, property and property.line or first,
        property and property.name)
    end
    local source = person.source
    source.file, source.row, source.line, source.unit = input.name, number, first, "card"
    return person
  end
  local function step()
    local person, err
    repeat
      person, err = read_card()
    until person ~= false
    return person, err
  end
  return stream.reader(step, input, { warnings = warnings })
end

-- Writing ------------------------------------------------------------------------------------------------------------

-- Types as 3.0 and 4.0 both know them; "other" is what has none.
local WORDS = {
  phone = { work = "WORK,VOICE", mobile = "CELL", home = "HOME,VOICE", ["work Fax"] = "WORK,FAX", fax = "FAX",
    other = "" },
  email = { work = "WORK", private = "HOME", other = "" },
  address = { work = "WORK", home = "HOME", other = "" },
  urls = { work = "WORK", private = "HOME", other = "" },
}
local NAMES = { phone = "TEL", email = "EMAIL", address = "ADR", urls = "URL" }
local ADDRESS = { addressLine1 = true, addressLine2 = true, zipCode = true, city = true, state = true, country = true }
local SCHEMES = { phone = "tel:", email = "mailto:" }
local SERVICE_NAMES = {
  skype = "Skype", whatsapp = "WhatsApp", facebook = "Facebook", twitter = "Twitter", xing = "XING",
  linkedIn = "LinkedIn", instagram = "Instagram", pinterest = "Pinterest", gitHub = "GitHub",
}

local function is_uri(s) return s:find "^[A-Za-z][0-9A-Za-z+.-]*:[0-9A-Za-z%-._~:/?#%[%]@!$&'()*+,;=%%]+$" ~= nil end

-- What a TEXT value can't hold.
local function has_controls(s) return s:find "[%z\1-\8\11-\31\127]" ~= nil end

-- The line for an address, or nil where the property can't say it all.
local function address_line(info, fields, types)
  for _, field in ipairs(fields) do
    if not ADDRESS[field] then return nil end
  end
  if #fields == 1 and info.country or info.addressLine1 and info.addressLine1:find("\n", 1, true) then return nil end
  local parts = {}
  for i, field in ipairs { "", "addressLine2", "addressLine1", "city", "state", "zipCode", "country" } do
    parts[i] = lines.escape(info[field] or "")
  end
  return "ADR" .. types .. ":" .. table.concat(parts, ";")
end

-- The line for a contact info of a type and subtype that vCard knows; nil for others.
local function core_line(info, fields, v4)
  local type, value = info.type, info.value
  for _, field in ipairs(fields) do
    if has_controls(info[field]) then return nil end
  end
  local words = WORDS[type]
  if words and info.subType ~= "gitHub" then
    local word = words[info.subType]
    local types
    if not word then
      types = ";X-AWORK-SUBTYPE=" .. lines.parameter(info.subType or "")
      if has_controls(types) then return nil end
    elseif word == "" then
      types = ""
    else
      types = ";TYPE=" .. (v4 and word:find(",", 1, true) and '"' .. core.lower(word) .. '"'
        or v4 and core.lower(word) or word)
    end
    if type == "address" then return address_line(info, fields, types) end
    if #fields > 1 or not value then return nil end
    local scheme = SCHEMES[type]
    if scheme and core.lower(value:sub(1, #scheme)) == scheme then types = types .. ";VALUE=text" end
    return NAMES[type] .. types .. ":" .. (type == "urls" and is_uri(value) and value or lines.escape(value))
  end
  if #fields > 1 or not value then return nil end
  local service = SERVICE_NAMES[info.subType]
  if not service and info.subType ~= "other" then return nil end
  if type == "messenger" then
    local name = "IMPP"
    if service then name = name .. (v4 and ";SERVICE-TYPE=" or ";X-SERVICE-TYPE=") .. service end
    local uri = info.subType ~= "other" and info.subType .. ":" .. value or value
    local scheme = uri:match "^([A-Za-z][0-9A-Za-z+.-]*):"
    scheme = scheme and core.lower(scheme)
    local foreign = info.subType == "other" and (scheme == "skype" or scheme == "whatsapp" or scheme == "x-apple")
    if is_uri(uri) and not foreign then return name .. ":" .. uri end
    return name .. ";VALUE=text:" .. lines.escape(value)
  elseif type == "social" or info.subType == "gitHub" and type == "urls" then
    local name = v4 and "SOCIALPROFILE" or "X-SOCIALPROFILE"
    if service then name = name .. (v4 and ";SERVICE-TYPE=" .. service or ";TYPE=" .. core.lower(service)) end
    if is_uri(value) and not core.lower(value):find "^x%-apple:" then return name .. ":" .. value end
    return name .. ";VALUE=text:" .. lines.escape(value)
  end
end

local function encoder(opts, _, level)
  local version = opts.version or "3.0"
  if version ~= "3.0" and version ~= "4.0" then error("version must be \"3.0\" or \"4.0\"", level) end
  local v4 = version == "4.0"
  local self = {}
  function self.row(person, _, row)
    local err = persons.check(person, row)
    if err then return nil, err end
    local function fail(message) return nil, stream.fail("unrepresentable", message, { row = row, unit = "person" }) end
    local first, last, user = person.firstName or "", person.lastName or "", person.user
    if has_controls(first .. last .. (user or "")) then return fail("a control character in a name or in user") end
    local full = (first .. " " .. last):gsub("^ ", ""):gsub(" $", "")
    local out = { "BEGIN:VCARD", "VERSION:" .. version }
    if user then
      if core.is_guid(user) then out[#out + 1] = "UID:urn:uuid:" .. core.lower(user) end
      out[#out + 1] = "X-AWORK-USER:" .. lines.escape(user)
    end
    out[#out + 1] = "N:" .. lines.escape(last) .. ";" .. lines.escape(first) .. ";;;"
    out[#out + 1] = "FN:" .. lines.escape(full ~= "" and full or user or "?")
    for _, info in ipairs(person.contact_infos or {}) do
      local fields = columns.filled(info)
      if fields[1] then
        local line = core_line(info, fields, v4)
        if not line then
          local copy = { type = info.type, subType = info.subType, isAddress = info.type == "address" or nil }
          for _, field in ipairs(fields) do copy[field] = info[field] end
          line = "X-AWORK-INFO:" .. lines.escape(items.encode(copy))
        end
        out[#out + 1] = line
      end
    end
    out[#out + 1] = "END:VCARD"
    for i, line in ipairs(out) do out[i] = lines.fold(line) end
    return table.concat(out)
  end
  return self
end

return stream.format { reader = reader, encoder = encoder, write_options = "version", raw = true,
  nul = true }
