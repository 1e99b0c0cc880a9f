--- What the sandbox holds: users and companies, each with its contact infos, and teams.
--
-- A record is `{ kind=, id=, seq=, data=, infos=, by_id= }`; `data` holds the fields, null as nil. Each contact info
-- and each record keeps its JSON until it changes, so that a list is a concatenation. What is sent is what awork's
-- description has, and no more, but for what the starter asked for (`extra_fields`, fields of its own records).
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

-- Fields in the order they are written.
local FIELDS = {
  user = {
    "firstName", "lastName", "birthDate", "gender", "title", "position", "language", "id", "status", "createdOn",
    "createdBy", "updatedOn", "updatedBy", "isArchived", "isDeactivated", "isAgent", "deactivatedOn", "deletedOn",
    "hasImage", "shouldMigrateToConnect", "userContactInfos", "resourceVersion", "tags", "teams", "isExternal",
  },
  company = {
    "name", "description", "industry", "id", "hasImage", "companyContactInfos", "createdOn", "createdBy", "updatedOn",
    "updatedBy", "resourceVersion", "tags", "projectsCount", "projectsInProgressCount", "isExternal",
  },
  team = {
    "name", "icon", "color", "id", "createdOn", "createdBy", "updatedOn", "updatedBy",
  },
  api_user = { "name", "roleId", "clientId", "id", "createdOn", "createdBy", "updatedOn", "updatedBy" },
  status = { "invitationAccepted", "isDeactivated" },
  tag = { "id", "name", "color" },
  team_of_user = { "id", "name", "icon", "color" },
  info = {
    "label", "value", "type", "subType", "addressLine1", "addressLine2", "zipCode", "city", "state", "country",
    "isAddress", "id", "createdOn", "createdBy", "updatedOn", "updatedBy",
  },
}

-- What a record has that says nothing of it.
local DEFAULTS = {
  user = { isArchived = false, isDeactivated = false, isAgent = false, hasImage = false, shouldMigrateToConnect = false,
    isExternal = false, language = "en" },
  company = { name = "", hasImage = false, projectsCount = 0, projectsInProgressCount = 0, isExternal = false },
}

local EMBEDDED = { user = "userContactInfos", company = "companyContactInfos" }

-- lower-case name → what query.lua wants to know
local function names(fields, nested)
  local map = {}
  for _, name in ipairs(fields) do map[name:lower()] = name end
  for name, spec in pairs(nested or {}) do map[name:lower()] = spec end
  return map
end

local function list_of(name, fields)
  return { name = name, list = true, fields = names(FIELDS[fields]) }
end

--- What can be filtered and ordered by.
model.field_names = {
  user = names(FIELDS.user, {
    status = { name = "status", fields = names(FIELDS.status) }, tags = list_of("tags", "tag"),
    teams = list_of("teams", "team_of_user"), userContactInfos = list_of("userContactInfos", "info"),
  }),
  company = names(FIELDS.company, {
    tags = list_of("tags", "tag"), companyContactInfos = list_of("companyContactInfos", "info"),
  }),
  team = names(FIELDS.team),
  info = names(FIELDS.info),
}

local function info_json(d, extra)
  return '{"label":' .. value(d.label) .. ',"value":' .. value(d.value) .. ',"type":' .. value(d.type)
    .. ',"subType":' .. value(d.subType) .. ',"addressLine1":' .. value(d.addressLine1)
    .. ',"addressLine2":' .. value(d.addressLine2) .. ',"zipCode":' .. value(d.zipCode) .. ',"city":' .. value(d.city)
    .. ',"state":' .. value(d.state) .. ',"country":' .. value(d.country)
    .. (d.isAddress and ',"isAddress":true,"id":"' or ',"isAddress":false,"id":"') .. d.id
    .. '","createdOn":' .. value(d.createdOn) .. ',"createdBy":' .. value(d.createdBy)
    .. ',"updatedOn":' .. value(d.updatedOn) .. ',"updatedBy":' .. value(d.updatedBy) .. extra .. "}"
end

-- `{…}` of these fields of a table
local function object(fields, t)
  local parts = {}
  for i, name in ipairs(fields) do parts[i] = '"' .. name .. '":' .. value(t[name]) end
  return "{" .. concat(parts, ",") .. "}"
end

local function objects(fields, list)
  local parts = {}
  for i, t in ipairs(list or {}) do parts[i] = object(fields, t) end
  return "[" .. concat(parts, ",") .. "]"
end

-- `,"name":value` of each field the starter wants added, sorted
local function extra_text(fields)
  local parts = {}
  for name, v in pairs(fields or {}) do parts[#parts + 1] = "," .. quote(name) .. ":" .. quote(v) end
  table.sort(parts)
  return concat(parts)
end

--- An empty model.
-- @param seed ids and invented people follow from it
-- @param clock() returns the server's time as ISO 8601 and in .NET's ticks
-- @param options? `max_contact_infos`: how many a record keeps (the oldest goes); `extra_fields`: tables of what every
--   `user`, `company` and `contact_info` is sent with besides
function model.new(seed, clock, options)
  options = options or {}
  local extra = options.extra_fields or {}
  local self = setmetatable({ clock = clock, max = options.max_contact_infos, seq = 0, version = 0 }, model)
  self.random = seed
  for _, kind in ipairs { "user", "company", "team" } do
    self[kind] = { kind = kind, by_id = {}, list = {}, changes = 0, extra = {}, extra_text = extra_text(extra[kind]) }
  end
  self.info_extra = extra_text(extra.contact_info)
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

--- 32 random bits.
function model:draw()
  return random(self)
end

--- A new GUID (version 4 by its looks).
function model:guid()
  local a, b, c, d = random(self), random(self), random(self), random(self)
  return ("%08x-%04x-4%03x-%04x-%04x%08x"):format(a, b >> 16, b & 0xfff, c >> 18 | 0x8000, c & 0xffff, d)
end

-- The next version: .NET's ticks, greater than every one before. Odd, so that no double can hold it.
local function next_version(self)
  local _, ticks = self.clock()
  self.version = math.max(self.version + 2, ticks | 1)
  return self.version
end

--- The record or one of its contact infos changed.
-- @param by id of who changed it
function model:touch(record, by)
  local data = record.data
  data.resourceVersion = next_version(self)
  data.updatedOn, data.updatedBy = self.clock(), by or data.updatedBy
  record.json = nil
  local set = self[record.kind]
  set.changes = set.changes + 1
end

--- (De)activate a user.
function model:set_deactivated(user, deactivated, by)
  local data = user.data
  data.isDeactivated, data.status.isDeactivated = deactivated, deactivated
  data.deactivatedOn = deactivated and self.clock() or nil
  self:touch(user, by)
end

-- Nested nulls stay as cjson.null: the data goes back out by cjson.
local function scalar(v)
  if v == null then return nil end
  if type(v) == "number" then return math.tointeger(v) or v end
  return v
end

-- A list of tags or teams as given: names, or tables.
local function named(list)
  local out = {}
  for i, item in ipairs(type(list) == "table" and list or {}) do
    local copy = {}
    if type(item) == "table" then
      for name, v in pairs(item) do copy[name] = scalar(v) end
    else
      copy.name = tostring(item)
    end
    out[i] = copy
  end
  return out
end

--- Add a team. `fields`: name, icon, color, id.
function model:add_team(fields)
  local set, now = self.team, self.clock()
  local data = { name = fields.name or "", icon = fields.icon, color = fields.color, createdOn = now, updatedOn = now,
    createdBy = self.founder, updatedBy = self.founder }
  data.id = fields.id and tostring(fields.id):lower() or self:guid()
  self.seq = self.seq + 1
  local team = { kind = "team", id = data.id, seq = self.seq, data = data, users = {} }
  set.by_id[data.id] = team
  set.list[#set.list + 1] = team
  set.changes = set.changes + 1
  return team
end

--- A team by id or name; nil for none.
function model:find_team(key)
  if type(key) ~= "string" then return nil end
  local team = self.team.by_id[key:lower()]
  if team then return team end
  for _, other in ipairs(self.team.list) do
    if other.data.name == key then return other end
  end
end

--- Make a user a member of a team.
function model:join(user, team)
  if team.users[user.id] then return end
  team.users[user.id] = true
  local teams = user.data.teams
  teams[#teams + 1] = team.data
  user.json = nil
  self.user.changes = self.user.changes + 1
end

-- What a user has besides its scalar fields.
local function complete_user(self, record, given)
  local data = record.data
  local status = type(given.status) == "table" and given.status or {}
  data.status = { invitationAccepted = status.invitationAccepted ~= false, isDeactivated = data.isDeactivated }
  data.teams = {}
  for _, wanted in ipairs(named(given.teams)) do
    self:join(record, self:find_team(wanted.id or wanted.name) or self:add_team(wanted))
  end
end

--- Add a user or company. `fields` may hold anything a record has; contact infos under `contact_infos` or the
-- embedded name. Returns the record, or nil and a message.
function model:add(kind, fields)
  local set = self[kind]
  local data, infos = {}, nil
  for name, v in pairs(fields) do
    if name == "contact_infos" or name == EMBEDDED[kind] then
      infos = v
    elseif name ~= "tags" and name ~= "teams" and name ~= "status" then
      data[name] = scalar(v)
      if model.field_names[kind][tostring(name):lower()] == nil and name ~= "accountId" then set.extra[name] = true end
    end
  end
  data.id = data.id and tostring(data.id):lower() or self:guid()
  if set.by_id[data.id] then return nil, "there are two of id " .. data.id end
  if infos ~= nil and type(infos) ~= "table" then return nil, "contact infos must be a list" end
  local now = self.clock()
  data.createdOn = data.createdOn or now
  data.updatedOn = data.updatedOn or data.createdOn
  if not self.founder then self.founder = kind == "user" and data.id or self:guid() end
  data.createdBy = data.createdBy or self.founder
  data.updatedBy = data.updatedBy or data.createdBy
  for name, v in pairs(DEFAULTS[kind]) do
    if data[name] == nil then data[name] = v end
  end
  data.tags = named(fields.tags)
  for _, tag in ipairs(data.tags) do tag.id = tag.id or self:guid() end
  self.seq = self.seq + 1
  data.resourceVersion = data.resourceVersion or next_version(self)
  local record = { kind = kind, id = data.id, seq = self.seq, data = data, infos = {}, by_id = {}, changes = 0 }
  data[EMBEDDED[kind]] = record.infos -- for filters
  if kind == "user" then complete_user(self, record, fields) end
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

--- Add an API user: whom a token that is an API key acts as. Among the users, and marked by the record's field `api`.
-- @param name text
-- @param role_id id of a role, or nil for an admin
function model:add_api_user(name, role_id)
  local record = self:add("user", { firstName = name })
  local data = record.data
  record.api = { name = name, roleId = role_id, id = record.id, createdOn = data.createdOn, createdBy = data.createdBy,
    updatedOn = data.updatedOn, updatedBy = data.updatedBy }
  return record
end

--- Forget all users with their teams, or all companies.
function model:clear(kind)
  local set = self[kind]
  set.by_id, set.list, set.extra = {}, {}, {}
  set.changes = set.changes + 1
  if kind == "user" then
    self.founder = nil
    self:clear "team"
  end
end

-- The place of an item in a list that is in the order of `seq`.
local function place_of(list, item)
  local low, high = 1, #list
  while low < high do
    local middle = (low + high) // 2
    if list[middle].seq < item.seq then
      low = middle + 1
    else
      high = middle
    end
  end
  return list[low] == item and low or nil
end

--- Remove a user or company.
function model:remove(record)
  local set = self[record.kind]
  set.by_id[record.id] = nil
  local place = place_of(set.list, record)
  if place then table.remove(set.list, place) end
  for _, team in ipairs(record.kind == "user" and self.team.list or {}) do team.users[record.id] = nil end
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
  if record.kind == "company" then -- where they are never null
    data.createdBy = data.createdBy or self.founder
    data.updatedBy = data.updatedBy or data.createdBy
    data.type = data.type or ""
  end
  data.isAddress = data.isAddress or false
  self.seq = self.seq + 1
  local info = { id = data.id, seq = self.seq, data = data, json = info_json(data, self.info_extra) }
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
  form.isAddress = form.isAddress or false
  info.data, info.json = form, info_json(form, self.info_extra)
  record.changes = record.changes + 1
  self:touch(record, by)
end

--- Remove a contact info.
function model:remove_info(record, info, by)
  record.by_id[info.id] = nil
  local place = place_of(record.infos, info)
  if place then table.remove(record.infos, place) end
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

-- How the fields that are no scalars are written, contact infos apart.
local WRITERS = {
  status = function(data) return object(FIELDS.status, data.status) end,
  tags = function(data) return objects(FIELDS.tag, data.tags) end,
  teams = function(data) return objects(FIELDS.team_of_user, data.teams) end,
}

--- A user's or company's JSON, contact infos embedded: all of them, or those given.
function model:json(record, infos)
  infos = infos or record.infos
  local whole = infos == record.infos
  if whole and record.json then return record.json end
  local set, data, embedded = self[record.kind], record.data, EMBEDDED[record.kind]
  local parts, n = {}, 0
  for _, name in ipairs(FIELDS[record.kind]) do
    local text
    if name == embedded then
      text = model.json_list(infos, 1, #infos, model.info_json)
    elseif WRITERS[name] then
      text = WRITERS[name](data)
    else
      text = value(data[name])
    end
    n = n + 1
    parts[n] = '"' .. name .. '":' .. text
  end
  for name in pairs(set.extra) do
    if data[name] ~= nil then
      n = n + 1
      parts[n] = quote(name) .. ":" .. quote(data[name])
    end
  end
  local json = "{" .. concat(parts, ",") .. set.extra_text .. "}"
  if whole then record.json = json end
  return json
end

--- A user's JSON with the id of its account, which not every answer has.
-- @param json of the user
-- @param more? what follows: `,"name":…`
function model.extended_json(user, json, more)
  local account = user.data.accountId or "acc0" .. user.id:sub(5)
  return json:sub(1, -2) .. ',"accountId":' .. value(account) .. (more or "") .. "}"
end

--- An API user's JSON, as `/apiusers` has it.
function model.api_user_json(user)
  return object(FIELDS.api_user, user.api)
end

-- The keys of a set in order, as a JSON list
local function keys_json(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = value(key) end
  table.sort(list)
  return "[" .. concat(list, ",") .. "]"
end

--- A team's JSON.
-- @param with_users, with_projects whether the ids of its users (its projects: there are none) are in it
function model.team_json(team, with_users, with_projects)
  return object(FIELDS.team, team.data):sub(1, -2) .. ',"userIds":' .. (with_users and keys_json(team.users) or "null")
    .. ',"projectIds":' .. (with_projects and "[]" or "null") .. "}"
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
