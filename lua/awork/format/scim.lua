--- SCIM 2.0 users (RFC 7643, section 4.1), as identity providers exchange them: a ListResponse with `Resources`, a
-- list, a single user, or one a line.
--
-- What the core schema can't say (a second `urls`, social networks, custom, odd subtypes) is written into an extension
-- of ours and read from there, so that nothing is lost on the way out and back.
local core = require "awork.core"
local items = require "awork.format.json_items"
local columns = require "awork.format.columns"
local labels = require "awork.format.labels"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"

local USER = "urn:ietf:params:scim:schemas:core:2.0:User"
local LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
local EXTENSION = "urn:awork:params:scim:schemas:extension:contactinfos:2.0:User"

-- Reading ------------------------------------------------------------------------------------------------------------

-- Attribute names are case-insensitive (RFC 7643, section 2.1): the fields of `t` by their names in lower case.
local function lower(t)
  local out = {}
  for key, value in pairs(t) do
    if type(key) == "string" then out[core.lower(key)] = value end
  end
  return out
end

local function string_of(v) return type(v) == "string" and v ~= "" and v or nil end

-- Providers write booleans as text, too: true, false, or nil for what is neither.
local function boolean_of(v)
  if type(v) == "boolean" then return v end
  local word = type(v) == "string" and core.lower(v)
  if word == "true" then return true end
  if word == "false" then return false end
  return nil
end

-- Multi-valued attributes, and the type of contact info that they are.
local LISTS = {
  { "emails", "email", "mailto:" }, { "phonenumbers", "phone", "tel:" }, { "addresses", "address" },
  { "ims", "messenger" },
}
local NAMES = { emails = "emails", phonenumbers = "phoneNumbers", addresses = "addresses", ims = "ims" }
local DEFAULTS = { email = "other", phone = "other", address = "other", messenger = "other", urls = "other" }

local function set(names)
  local out = {}
  for name in names:gmatch "%S+" do out[core.lower(name)] = name end
  return out
end

-- Attributes that are read, and those that are known to hold no contact info (RFC 7643, sections 3.1, 4.1 and 4.3).
local USED = set("schemas id meta active displayName name userName profileUrl emails phoneNumbers addresses ims "
  .. EXTENSION)
local IDLE = set("externalId nickName title userType preferredLanguage locale timezone password photos groups "
  .. "entitlements roles x509Certificates employeeNumber costCenter organization division department manager "
  .. "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

-- What is read of an entry; `fields` of an address.
local ADDRESS_FIELDS = { "streetaddress", "postalcode", "locality", "region" }
local ADDRESS_TEXTS = { { "streetaddress", "streetAddress" }, { "postalcode", "postalCode" },
  { "locality", "locality" }, { "region", "region" }, { "country", "country" }, { "formatted", "formatted" } }

local function strip_scheme(value, scheme)
  if scheme and core.lower(value:sub(1, #scheme)) == scheme then return value:sub(#scheme + 1) end
  return value
end

local function address_of(entry, country)
  local info = { type = "address", isAddress = true }
  local street = string_of(entry.streetaddress)
  if street then
    local first, rest = street:match "^([^\r\n]*)\r?\n(.*)$"
    if first then
      info.addressLine1 = string_of(first)
      info.addressLine2 = string_of(rest)
    else
      info.addressLine1 = street
    end
  end
  info.zipCode, info.city, info.state = string_of(entry.postalcode), string_of(entry.locality), string_of(entry.region)
  local code = string_of(entry.country)
  info.country = code and country(code)
  return (info.addressLine1 or info.addressLine2 or info.zipCode or info.city or info.state) and info or nil
end

-- Entra names a field of a typed entry by a path of its own: `phoneNumbers[type eq "mobile"].value`, `name.givenName`.
-- Puts such fields where they belong.
local function expand_paths(user)
  local paths = {}
  for key in pairs(user) do
    if #key < 200 and key:find("[.%[]") and not key:find "^urn:" then paths[#paths + 1] = key end
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local attribute, kind, field = path:match '^([A-Za-z]+)%[type eq "([^"]*)"%]%.([A-Za-z]+)$'
    local name = path:match "^name%.([A-Za-z]+)$"
    if attribute and NAMES[attribute] and (user[attribute] == nil or type(user[attribute]) == "table") then
      local list = user[attribute] or {}
      local entry
      for _, other in ipairs(list) do
        entry = entry or type(other) == "table" and other.path == kind and other or nil
      end
      if not entry then
        entry = { type = kind, path = kind }
        list[#list + 1] = entry
      end
      entry[field], user[attribute], user[path] = user[path], list, nil
    elseif name and (user.name == nil or type(user.name) == "table") then
      user.name = user.name or {}
      user.name[name], user[path] = user[path], nil
    end
  end
end

-- A multi-valued attribute as a list: a single object or value stands for a list of one. nil and what is wrong.
local function list_of_values(value, type_name)
  if value == nil then return {} end
  if type(value) == "string" then return { value } end
  if type(value) ~= "table" then return nil, "must be a list" end
  if value[1] ~= nil or next(value) == nil then return value end
  local entry = lower(value)
  local single = entry.value ~= nil or entry.type ~= nil
  for _, field in ipairs(type_name == "address" and ADDRESS_FIELDS or {}) do single = single or entry[field] ~= nil end
  if single or entry.formatted ~= nil then return { value } end
  return nil, "must be a list"
end

-- The fields of an entry that say something about its value, and are none.
local ABOUT = { type = true, primary = true, display = true, path = true, ["$ref"] = true, operation = true }

-- Whether an entry holds something beside its value: a provider's own name for it ("number").
local function holds_more(entry)
  for name, value in pairs(entry) do
    if not ABOUT[name] and value ~= "" and name ~= "value" then return true end
  end
  return false
end

local Person = {}
Person.__index = Person

function Person:add(info, place)
  local list = self.contact_infos
  list[#list + 1] = info
  self.places[#list] = place
end

-- Says that something is left out, and what it may hold.
function Person:note(property, message, kind)
  self.warn(property, message)
  self.unknown[#self.unknown + 1] = { name = property, what = "attribute", types = kind and { kind } or nil }
end

-- The contact info of an entry (its fields in lower case); nil if it has none; nil, what is wrong, and where.
function Person:info_of(entry, type_name, scheme, place)
  local label = string_of(entry.type)
  if label and labels.is_somebody_else(label) then
    self:note(place, ("says '%s', so it is somebody else's; it is left out"):format(persons.excerpt(label)), type_name)
    return nil
  end
  local info
  if type_name == "address" then
    for _, field in ipairs(ADDRESS_TEXTS) do
      local kind = type(entry[field[1]])
      if kind ~= "nil" and kind ~= "string" then
        return nil, ("must be a string, not a %s"):format(kind), place .. "." .. field[2]
      end
    end
    info = address_of(entry, persons.country)
    if not info and (string_of(entry.formatted) or string_of(entry.country)) then
      self:note(place, "an address without its parts (streetAddress, postalCode, locality); it is left out", type_name)
    end
  elseif entry.value ~= nil then
    if type(entry.value) ~= "string" then
      return nil, ("must be a string, not a %s"):format(type(entry.value)), place .. ".value"
    end
    info = entry.value ~= "" and { type = type_name, value = strip_scheme(entry.value, scheme) } or nil
  elseif holds_more(entry) then
    self:note(place, "has no 'value'; it is left out", type_name)
  end
  if info then
    info.subType = label and labels.of_label(type_name, label) or label and "other"
      or self.defaults[type_name] or DEFAULTS[type_name]
    if info.subType == "fax" and entry.display == "work Fax" then info.subType = "work Fax" end
  end
  return info
end

-- The contact infos of a multi-valued attribute, the primary one first; nil, or what is wrong, and where.
function Person:read_list(value, type_name, scheme, name)
  local list, message = list_of_values(value, type_name)
  if not list then return message, name end
  local has_primary
  for i, raw in ipairs(list) do
    local place = ("%s[%d]"):format(name, i)
    local entry
    if type(raw) == "table" and raw[1] == nil then
      entry = lower(raw)
    elseif type(raw) == "string" then
      entry = type_name == "address" and { formatted = raw } or { value = raw }
    else
      return "must be an object", place
    end
    local info, problem, where = self:info_of(entry, type_name, scheme, place)
    if problem then return problem, where end
    if info then
      self:add(info, place)
      if boolean_of(entry.primary) and not has_primary then
        has_primary = true
        local infos, places = self.contact_infos, self.places
        local from = #infos
        local to = from
        while to > 1 and infos[to - 1].type == type_name do to = to - 1 end
        table.insert(infos, to, table.remove(infos, from))
        table.insert(places, to, table.remove(places, from))
      end
    end
  end
end

-- What the core schema can't say: our extension.
function Person:read_extension(extension)
  if type(extension) ~= "table" then return end
  local list = lower(extension).contactinfos
  for i, raw in ipairs(type(list) == "table" and list or {}) do
    local place = ("contactInfos[%d]"):format(i)
    if type(raw) ~= "table" then return "must be an object", place end
    self:add(raw, place)
  end
end

-- Given and family name; of one text where there is no more.
local function names_of(user)
  local name = type(user.name) == "table" and lower(user.name) or {}
  local first, last = string_of(name.givenname), string_of(name.familyname)
  if not first and not last then
    local whole = string_of(user.name) or string_of(name.formatted) or string_of(user.displayname)
    if whole then return persons.split_name(whole) end
  end
  return first, last
end

-- Who it is: nil, what is wrong, and with which attribute.
local function key_of(user, contact_infos, opts)
  if opts.user then
    local key = string_of(user[core.lower(opts.user)])
    if not key then return nil, "is missing, and says who this is", opts.user end
    return key
  end
  local login = string_of(user.username)
  if login and (persons.is_email(login) or core.is_guid(login)) then return login end
  local key = persons.email_of(contact_infos)
  if not key and opts.user == nil then
    return nil, "neither an awork id nor an email address, and no email address for work: say which attribute it is "
      .. "with the option 'user'", "userName"
  end
  return key
end

-- `context`: `warn(property, message)`, `ignored(name)`, `idle` (a set that names are noted in).
local function person_of(value, opts, context)
  if type(value) ~= "table" or value[1] ~= nil then return nil, "a user must be an object" end
  local user = lower(core.compact(value))
  expand_paths(user)
  local self = setmetatable({ contact_infos = {}, places = {}, unknown = {}, defaults = opts.defaults or {},
    warn = context.warn }, Person)
  for _, kind in ipairs(LISTS) do
    local message, place = self:read_list(user[kind[1]], kind[2], kind[3], NAMES[kind[1]])
    if message then return nil, message, place end
  end
  if user.profileurl ~= nil and type(user.profileurl) ~= "string" then
    return nil, ("must be a string, not a %s"):format(type(user.profileurl)), "profileUrl"
  end
  local profile = string_of(user.profileurl)
  if profile then
    self:add({ type = "urls", subType = self.defaults.urls or DEFAULTS.urls, value = profile }, "profileUrl")
  end
  local message, place = self:read_extension(user[core.lower(EXTENSION)])
  if message then return nil, message, place end

  local person = { contact_infos = self.contact_infos }
  person.firstName, person.lastName = names_of(user)
  if user.active ~= nil then
    person.active = boolean_of(user.active)
    if person.active == nil then context.warn("active", "must be true or false; it is left out") end
  end
  person.user, message, place = key_of(user, self.contact_infos, opts)
  if message then return nil, message, place end
  for key in pairs(value) do
    local name = type(key) == "string" and core.lower(key)
    local left_out = name and user[name] ~= nil and not USED[name] and name ~= core.lower(opts.user or "")
    if left_out and not context.ignored(key) then
      if IDLE[name] then
        context.idle[IDLE[name]] = true
      else
        self.unknown[#self.unknown + 1] = { name = key, what = "attribute" }
        context.unknown(key)
      end
    end
  end
  return person, self.places, self.unknown[1] and self.unknown or nil
end

local MAX_WARNINGS = 100 -- of one file

local function reader(input, opts)
  local list = items.new(input, "resources")
  local count, warnings, said = 0, {}, {}
  local place
  local function warn(property, message)
    if #warnings < MAX_WARNINGS then
      warnings[#warnings + 1] = { file = place.file, row = place.row, line = place.line, unit = place.unit,
        property = property, message = message }
    end
  end
  local context = { idle = {}, ignored = stream.ignored(opts), warn = warn }
  function context.unknown(name)
    if not said[name] then
      said[name] = true
      warn(persons.excerpt(name), "not understood; it is left out")
    end
  end

  local function finish()
    stream.warn_unused(warnings, context.idle, input.name, "item")
    local total = list.envelope and lower(list.envelope).totalresults
    total = type(total) == "number" and math.tointeger(total) -- 1.5 or 1e300 say nothing
    if total and total > count then
      warnings[#warnings + 1] = {
        message = ("the provider has %d users, this is a page of %d: there is more to fetch"):format(total, count),
      }
    end
    return count == 0 and items.nobody(input) or nil
  end

  local function step()
    local value, err
    value, err, place = list:next()
    if not place and not err then
      return nil, finish()
    end
    count = count + 1
    if err then return nil, err end
    local person, places, more = person_of(value, opts, context)
    if not person then
      place.property = more
      return nil, stream.fail("type", places, place)
    end
    place.format, place.columns, place.unknown = "scim", places, more
    person.source = place
    return person
  end
  return stream.reader(step, input, { warnings = warnings })
end

-- Writing ------------------------------------------------------------------------------------------------------------

local TYPES = {
  email = { work = "work", private = "home", other = "other" },
  phone = { work = "work", mobile = "mobile", home = "home", fax = "fax", ["work Fax"] = "fax", other = "other" },
  address = { work = "work", home = "home", other = "other" },
  messenger = { skype = "skype", whatsapp = "whatsapp", other = "other" },
}
local ATTRIBUTES = { email = "emails", phone = "phoneNumbers", address = "addresses", messenger = "ims" }
local ADDRESS = { addressLine1 = true, addressLine2 = true, zipCode = true, city = true, state = true, country = true }

-- Key and value in this order; nil values are left out.
local function object(fields)
  local parts = {}
  for i = 1, #fields, 2 do
    local value = fields[i + 1]
    if value then parts[#parts + 1] = items.encode(fields[i]) .. ":" .. value end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function json(v)
  if v ~= nil then return (assert(items.encode(v))) end
  return false
end

local function list_of(list) return #list > 0 and "[" .. table.concat(list, ",") .. "]" end

-- Whether an address says nothing that SCIM has no place for, and its first line is one line.
local function is_plain_address(info, fields)
  for _, field in ipairs(fields) do
    if not ADDRESS[field] then return false end
  end
  if info.addressLine1 and info.addressLine1:find "[\r\n]" then return false end
  return #fields > (info.country and 1 or 0)
end

-- A contact info in its place of the core schema: attribute and JSON; nil if it has none.
local function core_entry(info, fields, first)
  local type_name = TYPES[info.type] and TYPES[info.type][info.subType]
  if not type_name then return nil end
  if info.type == "address" then
    if not is_plain_address(info, fields) then return nil end
    local street = info.addressLine1
    if info.addressLine2 then street = (street or "") .. "\n" .. info.addressLine2 end
    return "addresses", object {
      "streetAddress", json(street), "locality", json(info.city), "region", json(info.state),
      "postalCode", json(info.zipCode), "country", json(info.country), "type", json(type_name),
    }
  end
  if #fields ~= 1 or fields[1] ~= "value" then return nil end
  local value, scheme = info.value, info.type == "phone" and "tel:" or info.type == "email" and "mailto:" or nil
  if scheme and strip_scheme(value, scheme) ~= value then value = scheme .. value end -- one is taken away on reading
  return ATTRIBUTES[info.type], object {
    "value", json(value), "type", json(type_name),
    "display", info.subType == "work Fax" and json "work Fax", "primary", info.type == "email" and first and "true",
  }
end

local function encoder(opts)
  local self = {}
  function self.head()
    return not opts.lines and ('{"schemas":["%s"],"Resources":['):format(LIST) or nil
  end
  function self.tail(count)
    if opts.lines then return nil end
    return ('%s],"totalResults":%d,"startIndex":1,"itemsPerPage":%d}\n'):format(count > 0 and "\n" or "", count, count)
  end
  function self.row(person, nth, row)
    local err = persons.check(person, row)
    if err then return nil, err end
    local lists = { emails = {}, phoneNumbers = {}, addresses = {}, ims = {} }
    local rest, profile = {}, nil
    for _, info in ipairs(person.contact_infos or {}) do
      local fields = columns.filled(info)
      if fields[1] then
        local attribute, text = core_entry(info, fields, #lists.emails == 0)
        if attribute then
          table.insert(lists[attribute], text)
        elseif info.type == "urls" and info.subType == "other" and #fields == 1 and info.value and not profile then
          profile = info.value
        else
          local entry = { "type", json(info.type), "subType", json(info.subType) }
          for _, field in ipairs(fields) do
            entry[#entry + 1], entry[#entry + 2] = field, json(info[field])
          end
          entry[#entry + 1], entry[#entry + 2] = "isAddress", info.type == "address" and "true"
          rest[#rest + 1] = object(entry)
        end
      end
    end
    local user = person.user
    if not user then
      return nil, stream.fail("unrepresentable", "a SCIM user needs a userName, and this person has no user",
        { row = row, unit = "person" })
    end
    local name = (person.firstName or person.lastName) and object {
      "givenName", json(person.firstName), "familyName", json(person.lastName),
    }
    local active = type(person.active) == "boolean" and tostring(person.active)
    local text = object {
      "schemas", json(#rest > 0 and { USER, EXTENSION } or { USER }), "id", core.is_guid(user) and json(user),
      "userName", json(user), "name", name, "active", active, "emails", list_of(lists.emails),
      "phoneNumbers", list_of(lists.phoneNumbers), "addresses", list_of(lists.addresses), "ims", list_of(lists.ims),
      "profileUrl", json(profile), EXTENSION, #rest > 0 and object { "contactInfos", list_of(rest) },
    }
    if opts.lines then return text .. "\n" end
    return (nth == 1 and "\n" or ",\n") .. text
  end
  return self
end

return stream.format { reader = reader, encoder = encoder, write_options = "lines", nul = true }
