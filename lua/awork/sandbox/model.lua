--- What the sandbox holds: users and companies, each with its contact infos.
--
-- A record is `{ kind=, id=, seq=, data=, infos=, by_id= }`; `data` holds the fields, null as nil. Each contact info
-- and each record keeps its JSON until it changes, so that a list is a concatenation.
local cjson = require "cjson"

local null = cjson.null
local concat = table.concat
local model = {}
model.__index = model

local quote = cjson.encode

-- nil, a string, a boolean or a number as JSON
local function value(v)
  if v == nil then return "null" end
  if v == true then return "true" end
  if v == false then return "false" end
  if math.type(v) == "integer" then return tostring(v) end
  return quote(v)
end

-- Fields in the order they are written; others follow.
local FIELDS = {
  user = {
    "id", "firstName", "lastName", "birthDate", "gender", "title", "position", "language", "isArchived",
    "isDeactivated", "isExternal", "deletedOn", "createdOn", "createdBy", "updatedOn", "updatedBy", "resourceVersion",
  },
  company = {
    "id", "name", "description", "industry", "createdOn", "createdBy", "updatedOn", "updatedBy", "resourceVersion",
  },
}
local LISTS = { user = { "tags", "teams" }, company = { "tags" } }
local EMBEDDED = { user = "userContactInfos", company = "companyContactInfos" }
local INFO_FIELDS = {
  "label", "value", "type", "subType", "addressLine1", "addressLine2", "zipCode", "city", "state", "country",
  "isAddress", "id", "createdOn", "createdBy", "updatedOn", "updatedBy", "isDeleted",
}

-- lower-case name → field, for filters and orders; false: a collection
local function names(fields, collections)
  local map = {}
  for _, name in ipairs(fields) do map[name:lower()] = name end
  for _, name in ipairs(collections or {}) do map[name:lower()] = false end
  return map
end

--- What can be filtered and ordered by.
model.field_names = {
  user = names(FIELDS.user, { "tags", "teams", "userContactInfos" }),
  company = names(FIELDS.company, { "tags", "companyContactInfos" }),
  info = names(INFO_FIELDS),
}

local function info_json(d)
  return '{"label":' .. value(d.label) .. ',"value":' .. value(d.value) .. ',"type":' .. value(d.type)
    .. ',"subType":' .. value(d.subType) .. ',"addressLine1":' .. value(d.addressLine1)
    .. ',"addressLine2":' .. value(d.addressLine2) .. ',"zipCode":' .. value(d.zipCode) .. ',"city":' .. value(d.city)
    .. ',"state":' .. value(d.state) .. ',"country":' .. value(d.country)
    .. (d.isAddress and ',"isAddress":true,"id":"' or ',"isAddress":false,"id":"') .. d.id
    .. '","createdOn":' .. value(d.createdOn) .. ',"createdBy":' .. value(d.createdBy)
    .. ',"updatedOn":' .. value(d.updatedOn) .. ',"updatedBy":' .. value(d.updatedBy) .. ',"isDeleted":false}'
end

--- An empty model. `clock()` returns the server's time as ISO 8601.
-- @param seed ids and invented people follow from it
-- @param max_contact_infos how many a record keeps (the oldest goes), or nil
function model.new(seed, clock, max_contact_infos)
  local self = setmetatable({ clock = clock, max = max_contact_infos, seq = 0, version = 0 }, model)
  self.random = seed
  for _, kind in ipairs { "user", "company" } do
    self[kind] = { kind = kind, by_id = {}, list = {}, changes = 0, extra = {} }
  end
  return self
end

-- 32 random bits, from a splitmix64 of our own: the same ids for the same seed, whatever else uses math.random.
local function random(self)
  self.random = self.random + 0x9E3779B97F4A7C15
  local z = self.random
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  return (z ~ (z >> 31)) >> 32
end

--- A new GUID (version 4 by its looks).
function model:guid()
  local a, b, c, d = random(self), random(self), random(self), random(self)
  return ("%08x-%04x-4%03x-%04x-%04x%08x"):format(a, b >> 16, b & 0xfff, c >> 18 | 0x8000, c & 0xffff, d)
end

--- The record or one of its contact infos changed.
function model:touch(record, by)
  self.version = self.version + 1
  local data = record.data
  data.resourceVersion = self.version
  data.updatedOn, data.updatedBy = self.clock(), by
  record.json = nil
  local set = self[record.kind]
  set.changes = set.changes + 1
end

-- Nested nulls stay as cjson.null: the data goes back out by cjson.
local function scalar(v)
  if v == null then return nil end
  if type(v) == "number" then return math.tointeger(v) or v end
  return v
end

--- Add a user or company. `fields` may hold anything a record has; contact infos under `contact_infos` or the
-- embedded name. Returns the record, or nil and a message.
function model:add(kind, fields)
  local set = self[kind]
  local data, infos = {}, nil
  for name, v in pairs(fields) do
    if name == "contact_infos" or name == EMBEDDED[kind] then
      infos = v
    else
      data[name] = scalar(v)
      if model.field_names[kind][tostring(name):lower()] == nil then set.extra[name] = true end
    end
  end
  data.id = data.id and tostring(data.id):lower() or self:guid()
  if set.by_id[data.id] then return nil, "there are two of id " .. data.id end
  if infos ~= nil and type(infos) ~= "table" then return nil, "contact infos must be a list" end
  local now = self.clock()
  data.createdOn = data.createdOn or now
  data.updatedOn = data.updatedOn or data.createdOn
  if kind == "user" then
    data.isArchived, data.isDeactivated = data.isArchived or false, data.isDeactivated or false
    data.isExternal, data.language = data.isExternal or false, data.language or "en"
  end
  self.seq = self.seq + 1
  self.version = self.version + 1
  data.resourceVersion = data.resourceVersion or self.version
  local record = { kind = kind, id = data.id, seq = self.seq, data = data, infos = {}, by_id = {}, changes = 0 }
  set.by_id[data.id] = record
  set.list[#set.list + 1] = record
  set.changes = set.changes + 1
  for _, info in ipairs(infos or {}) do
    local copy = {}
    for name, v in pairs(info) do copy[name] = scalar(v) end
    self:add_info(record, copy, nil, true)
  end
  return record
end

--- Forget all users, or all companies.
function model:clear(kind)
  local set = self[kind]
  set.by_id, set.list, set.extra, set.kept, set.sorted = {}, {}, {}, nil, nil
  set.changes = set.changes + 1
end

--- Remove a user or company.
function model:remove(record)
  local set = self[record.kind]
  set.by_id[record.id] = nil
  for i, other in ipairs(set.list) do
    if other == record then
      table.remove(set.list, i)
      break
    end
  end
  set.changes = set.changes + 1
end

--- Add a contact info; `data` becomes the model's own.
-- @param quiet keep the record's version (for what is there from the start)
function model:add_info(record, data, by, quiet)
  local now = self.clock()
  data.id = data.id and data.id:lower() or self:guid()
  data.createdOn = data.createdOn or now
  data.updatedOn = data.updatedOn or now
  data.createdBy = data.createdBy or by
  data.updatedBy = data.updatedBy or by
  data.isDeleted, data.isAddress = false, data.isAddress or false
  self.seq = self.seq + 1
  local info = { id = data.id, seq = self.seq, data = data, json = info_json(data) }
  local infos = record.infos
  infos[#infos + 1] = info
  record.by_id[info.id] = info
  if self.max and #infos > self.max then record.by_id[table.remove(infos, 1).id] = nil end
  record.changes = record.changes + 1
  if not quiet then self:touch(record, by) end
  return info
end

--- Replace a contact info's whole form.
function model:put_info(record, info, form, by)
  local old = info.data
  form.id, form.createdOn, form.createdBy = old.id, old.createdOn, old.createdBy
  form.updatedOn, form.updatedBy = self.clock(), by
  form.isDeleted, form.isAddress = false, form.isAddress or false
  info.data, info.json = form, info_json(form)
  record.changes = record.changes + 1
  self:touch(record, by)
end

--- Remove a contact info.
function model:remove_info(record, info, by)
  record.by_id[info.id] = nil
  local infos = record.infos
  for i = 1, #infos do
    if infos[i] == info then
      table.remove(infos, i)
      break
    end
  end
  record.changes = record.changes + 1
  self:touch(record, by)
end

--- `[…]` of the records (or contact infos) from..to of a list.
function model.json_list(records, from, to, json_of)
  local parts, n = {}, 0
  for i = from, to do
    n = n + 1
    parts[n] = json_of(records[i])
  end
  return "[" .. concat(parts, ",") .. "]"
end

--- A contact info's JSON.
function model.info_json(info)
  return info.json
end

--- A user's or company's JSON, contact infos embedded: all of them, or those given.
function model:json(record, infos)
  infos = infos or record.infos
  local whole = infos == record.infos
  if whole and record.json then return record.json end
  local kind, data = record.kind, record.data
  local parts, n = {}, 0
  for _, name in ipairs(FIELDS[kind]) do
    n = n + 1
    parts[n] = '"' .. name .. '":' .. value(data[name])
  end
  for name in pairs(self[kind].extra) do
    if data[name] ~= nil then
      n = n + 1
      parts[n] = quote(name) .. ":" .. quote(data[name])
    end
  end
  for _, name in ipairs(LISTS[kind]) do
    local list = data[name]
    n = n + 1
    parts[n] = '"' .. name .. '":' .. (list and #list > 0 and quote(list) or "[]")
  end
  n = n + 1
  parts[n] = '"' .. EMBEDDED[kind] .. '":' .. model.json_list(infos, 1, #infos, model.info_json)
  local json = "{" .. concat(parts, ",") .. "}"
  if whole then record.json = json end
  return json
end

-- Invented people ---------------------------------------------------------------------------------------------------

local FIRST = {
  "Ada", "Björn", "Carla", "Dmitri", "Elif", "Finn", "Greta", "Håkon", "Ines", "Jonas", "Kateřina", "Luis", "Mira",
  "Noah", "Olga", "Pär", "Quynh", "Rosa", "Søren", "Tomás", "Ute", "Viktor", "Wanda", "Xenia", "Yusuf", "Zoë",
}
local LAST = {
  "Albrecht", "Brandt", "Çelik", "Dubois", "Eriksen", "Fuchs", "García", "Hoffmann", "Ivanova", "Jansen", "Kowalska",
  "Lindqvist", "Müller", "Novák", "O'Brien", "Petersen", "Quandt", "Rossi", "Schäfer", "Tanaka", "Unger", "Vogel",
  "Weiß", "Yıldız", "Zimmermann",
}
local POSITIONS = { "Designer", "Developer", "Project lead", "Accountant", "Copywriter", "Office manager" }
local TOWNS = {
  { "10119", "Berlin", "DE" }, { "20095", "Hamburg", "DE" }, { "1010", "Wien", "AT" }, { "8001", "Zürich", "CH" },
  { "75001", "Paris", "FR" },
}

local function invented_info(i, j, domain)
  local turn = (i + j) % 4
  if turn == 0 then
    return { type = "phone", subType = domain == "user" and "work" or "central",
      value = ("+49 30 %07d"):format((i * 7919 + j) % 10000000) }
  elseif turn == 1 then
    return { type = "email", subType = domain == "user" and "work" or "central",
      value = ("p%d.%d@example.org"):format(i, j) }
  elseif turn == 2 then
    local town = TOWNS[(i + j) % #TOWNS + 1]
    return { type = "address", subType = domain == "user" and "work" or "central", isAddress = true,
      addressLine1 = ("Torstraße %d"):format(i % 200 + 1), zipCode = town[1], city = town[2], country = town[3] }
  end
  return { type = domain == "user" and "urls" or "url", subType = domain == "user" and "work" or "primary",
    value = ("https://example.org/%d/%d"):format(i, j) }
end

--- Add `count` invented users or companies with `infos` contact infos each.
function model:invent(kind, count, infos)
  for i = 1, count do
    local fields = { contact_infos = {} }
    if kind == "user" then
      fields.firstName = FIRST[(i - 1) % #FIRST + 1]
      fields.lastName = LAST[(i - 1) // #FIRST % #LAST + 1]
      fields.position = POSITIONS[(i - 1) % #POSITIONS + 1]
    else
      fields.name = LAST[(i - 1) % #LAST + 1] .. " " .. (i % 2 == 0 and "GmbH" or "& Co")
    end
    for j = 1, infos do fields.contact_infos[j] = invented_info(i, j, kind) end
    self:add(kind, fields)
  end
end

return model
