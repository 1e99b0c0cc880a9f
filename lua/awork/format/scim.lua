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
    if type(key) == "string" then out[key:lower()] = value end
  end
  return out
end

local function string_of(v) return type(v) == "string" and v ~= "" and v or nil end

-- Multi-valued attributes, and the type of contact info that they are.
local LISTS = {
  { "emails", "email", "mailto:" }, { "phonenumbers", "phone", "tel:" }, { "addresses", "address" },
  { "ims", "messenger" },
}
local NAMES = { emails = "emails", phonenumbers = "phoneNumbers", addresses = "addresses", ims = "ims" }
local DEFAULTS = { email = "other", phone = "other", address = "other", messenger = "other", urls = "other" }

local function strip_scheme(value, scheme)
  if scheme and value:sub(1, #scheme):lower() == scheme then return value:sub(#scheme + 1) end
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
  -- A formatted address alone can't be taken apart.
  return (info.addressLine1 or info.addressLine2 or info.zipCode or info.city or info.state) and info or nil
end

local function person_of(value, opts)
  if type(value) ~= "table" or value[1] ~= nil then return nil, "a user must be an object" end
  local user = lower(core.compact(value))
  local contact_infos, places = {}, {}
  local function add(info, place)
    contact_infos[#contact_infos + 1] = info
    places[#contact_infos] = place
  end
  local defaults = opts.defaults or {}

  for _, kind in ipairs(LISTS) do
    local key, type_name, scheme = kind[1], kind[2], kind[3]
    local list = user[key]
    if list ~= nil and type(list) ~= "table" then return nil, "must be a list", NAMES[key] end
    local first_primary
    for i, raw in ipairs(list or {}) do
      local place = ("%s[%d]"):format(NAMES[key], i)
      if type(raw) ~= "table" then return nil, "must be an object", place end
      local entry = lower(raw)
      local info
      if type_name == "address" then
        info = address_of(entry, persons.country)
      elseif entry.value ~= nil then
        if type(entry.value) ~= "string" then
          return nil, ("must be a string, not a %s"):format(type(entry.value)), place .. ".value"
        end
        info = entry.value ~= "" and { type = type_name, value = strip_scheme(entry.value, scheme) } or nil
      end
      if info then
        local label = string_of(entry.type)
        info.subType = label and labels.of_label(type_name, label) or label and "other"
          or defaults[type_name] or DEFAULTS[type_name]
        if info.subType == "fax" and entry.display == "work Fax" then info.subType = "work Fax" end
        add(info, place)
        -- The primary one comes first.
        if entry.primary == true and not first_primary then
          first_primary = true
          local from = #contact_infos
          local to = from
          while to > 1 and contact_infos[to - 1].type == type_name do to = to - 1 end
          table.insert(contact_infos, to, table.remove(contact_infos, from))
          table.insert(places, to, table.remove(places, from))
        end
      end
    end
  end
  local profile = string_of(user.profileurl)
  if profile then add({ type = "urls", subType = defaults.urls or DEFAULTS.urls, value = profile }, "profileUrl") end
  local extension = user[EXTENSION:lower()]
  if type(extension) == "table" then
    local list = lower(extension).contactinfos
    for i, raw in ipairs(type(list) == "table" and list or {}) do
      local place = ("contactInfos[%d]"):format(i)
      if type(raw) ~= "table" then return nil, "must be an object", place end
      add(raw, place)
    end
  end

  local name = type(user.name) == "table" and lower(user.name) or {}
  local person = {
    firstName = string_of(name.givenname), lastName = string_of(name.familyname), contact_infos = contact_infos,
  }
  if not person.firstName and not person.lastName then
    local whole = string_of(name.formatted) or string_of(user.displayname)
    if whole then person.firstName, person.lastName = persons.split_name(whole) end
  end
  if type(user.active) == "boolean" then person.active = user.active end
  local login = string_of(user.username)
  if opts.user then
    person.user = string_of(user[opts.user:lower()])
    if not person.user then return nil, "is missing, and says who this is", opts.user end
  else
    if login and (persons.is_email(login) or core.is_guid(login)) then person.user = login end
    person.user = person.user or persons.email_of(contact_infos)
    if not person.user and opts.user == nil then
      return nil, "neither an awork id nor an email address, and no email address for work: say which attribute it is "
        .. "with the option 'user'", "userName"
    end
  end
  return person, places
end

local function reader(input, opts)
  local list = items.new(input, "resources")
  local count, self = 0, nil
  local function step()
    local value, err, place = list:next()
    if not place and not err then
      local total = list.envelope and lower(list.envelope).totalresults
      total = type(total) == "number" and math.tointeger(total) -- 1.5 or 1e300 say nothing
      if total and total > count then
        self.warnings[#self.warnings + 1] = {
          message = ("the provider has %d users, this is a page of %d: there is more to fetch"):format(total, count),
        }
      end
      return nil
    end
    count = count + 1
    if err then return nil, err end
    local person, places, property = person_of(value, opts)
    if not person then
      place.property = property
      return nil, stream.fail("type", places, place)
    end
    place.format, place.columns = "scim", places
    person.source = place
    return person
  end
  self = stream.reader(step, input)
  return self, nil, nil, self
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

return stream.format { reader = reader, encoder = encoder, write_options = "lines" }
