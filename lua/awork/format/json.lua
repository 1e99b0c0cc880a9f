--- JSON and JSON lines: the list of desired people (or companies) as `client:plan` takes it, and its inverse.
--
--     [ { "user": "anna@example.com",
--         "contact_infos": [ { "type": "phone", "subType": "work", "value": "+49 30 23125 100" } ] } ]
--
-- One list, or one object a line, or both one after the other: the reader takes them alike. Users as awork's API lists
-- them (`userContactInfos`) are taken too. A `null` in a contact info stays (`awork.null`: "shall be empty").
local core = require "awork.core"
local items = require "awork.format.json_items"
local persons = require "awork.format.person"
local stream = require "awork.format.stream"

local null = core.null

local KNOWN = {
  user = "string", company = "string", firstName = "string", lastName = "string", active = "boolean", extra = "table",
  contact_infos = "table", source = "table",
}
local HINTS = {
  contactInfos = "contact_infos", contactinfos = "contact_infos", contacts = "contact_infos", infos = "contact_infos",
  userContactInfos = "contact_infos", user_id = "user", userId = "user", id = "user", email = "user",
  first_name = "firstName", last_name = "lastName", firstname = "firstName", lastname = "lastName", name = "lastName",
}

local function is_list(t)
  local n = #t
  for key in pairs(t) do
    if math.type(key) ~= "integer" or key < 1 or key > n then return false end
  end
  return true
end

-- A decoded value as a person, or nil, what is wrong, and with which property.
local function person_of(value, opts, ignored)
  if type(value) ~= "table" or value[1] ~= nil then return nil, "a person must be an object" end
  if type(value.userContactInfos) == "table" then
    if not is_list(value.userContactInfos) then return nil, "must be a list", "userContactInfos" end
    for i, info in ipairs(value.userContactInfos) do
      if type(info) ~= "table" then return nil, "must be an object", ("userContactInfos[%d]"):format(i) end
    end
    return persons.from_user(core.compact(value))
  end
  local person = {}
  for key, v in pairs(value) do
    local expected = KNOWN[key]
    if not expected and not (type(key) == "string" and ignored(key)) then
      local hint = HINTS[key]
      return nil, "is not a field of a person" .. (hint and (": did you mean %s?"):format(hint) or ""),
        persons.excerpt(tostring(key))
    elseif expected and v ~= null then
      if type(v) ~= expected then
        return nil, ("must be a %s, not a %s%s"):format(expected == "table" and "list" or expected, type(v),
          type(v) == "number" and ": quote it" or ""), key
      end
      person[key] = v
    end
  end
  person.source = nil
  local contact_infos = person.contact_infos
  if contact_infos == nil then return nil, "is missing", "contact_infos" end
  if not is_list(contact_infos) then return nil, "must be a list", "contact_infos" end
  for i, info in ipairs(contact_infos) do
    if type(info) ~= "table" or info[1] ~= nil then return nil, "must be an object", ("contact_infos[%d]"):format(i) end
  end
  if not person.user and not person.company and opts.user ~= false then
    person.user = persons.email_of(contact_infos)
    if not person.user then return nil, "is missing: a user's id or email address", "user" end
  end
  return person
end

local function reader(input, opts, level)
  if opts.user then error("user can only be false here: JSON has it in its field 'user'", level) end
  local list, ignored = items.new(input), stream.ignored(opts)
  local empty = true
  return stream.reader(function()
    local value, err, place = list:next()
    if not err and not place then return nil, empty and items.nobody(input) or nil end
    empty = false
    if err then return nil, err end
    local person, message, property = person_of(value, opts, ignored)
    if not person then
      place.property = property
      return nil, stream.fail("type", message, place)
    end
    place.format = "json"
    person.source = place
    return person
  end, input)
end

-- Writing ------------------------------------------------------------------------------------------------------------

local FIRST = { "user", "company", "firstName", "lastName", "active", "contact_infos" }
local INFO_FIRST = {}
for _, field in ipairs(core.fields()) do INFO_FIRST[#INFO_FIRST + 1] = field.name end

-- An object with the fields of `first` before the others, in order: the same every time, so that files can be compared.
local function object(t, first, skip, encode)
  local parts, done = {}, { [skip] = true }
  local function add(key)
    local text, message = encode(key, t[key])
    if not text then return nil, message end
    parts[#parts + 1] = items.encode(key) .. ":" .. text
    return true
  end
  for _, key in ipairs(first) do
    done[key] = true
    if t[key] ~= nil then
      local ok, message = add(key)
      if not ok then return nil, message end
    end
  end
  local rest = {}
  for key in pairs(t) do
    if type(key) ~= "string" then return nil, "a field's name must be a string, got a " .. type(key) end
    if not done[key] then rest[#rest + 1] = key end
  end
  table.sort(rest)
  for _, key in ipairs(rest) do
    local ok, message = add(key)
    if not ok then return nil, message end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function plain(key, value)
  local text, message = items.encode(value)
  if not text then return nil, ("%s: %s"):format(key, message) end
  return text
end

local function contact_infos_text(key, list)
  if key ~= "contact_infos" then return plain(key, list) end
  local parts = {}
  for i, info in ipairs(list) do
    local text, message = object(info, INFO_FIRST, "source", plain)
    if not text then return nil, ("contact info %d: %s"):format(i, message) end
    parts[i] = text
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function encoder(opts)
  local lines = opts.lines
  local self = {}
  if not lines then
    function self.head() return "[" end
    function self.tail(count) return count == 0 and "]\n" or "\n]\n" end
  end
  function self.row(person, nth, row)
    local err = persons.check(person, row, true)
    if err then return nil, err end
    local text, message = object(person, FIRST, "source", contact_infos_text)
    if not text then return nil, stream.fail("unrepresentable", message, { row = row, unit = "person" }) end
    if lines then return text .. "\n" end
    return (nth == 1 and "\n" or ",\n") .. text
  end
  return self
end

return stream.format { reader = reader, encoder = encoder, write_options = "lines", nul = true }
