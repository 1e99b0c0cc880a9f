--- Drives the client, and the sandbox, for openapi.mjs, which judges what passes:
--
--     lua5.4 prove/openapi.lua mock URL
--     lua5.4 prove/openapi.lua proxy COUNT      prints the sandbox's URL, reads the one to ask from stdin
--
-- Every method of the client is called, else the program fails. At the proxy follow COUNT requests at random, right and
-- wrong ones, by tokens of every kind.
local awork = require "awork"
local sandbox = require "awork.sandbox"

local mode, parameter = arg[1], arg[2]

-- The methods of an object, noted when they are called.
local called, known = {}, {}
local function watched(name, object)
  for _, t in ipairs { object, getmetatable(object).__index } do
    for method, f in pairs(type(t) == "table" and t or {}) do
      if type(f) == "function" and not method:find "^_" then known[name .. ":" .. method] = true end
    end
  end
  return setmetatable({}, {
    __index = function(_, method)
      local f = object[method]
      if type(f) ~= "function" then return f end
      called[name .. ":" .. method] = true
      return function(_, ...) return f(object, ...) end
    end,
  })
end

-- What asks nothing of the server.
for _, name in ipairs { "close", "is_closed", "loop", "sleep", "sockets", "spawn", "stats", "step", "timeout", "wait",
  "yield" } do
  called["client:" .. name] = true
end

local function exhaust(iterator, ...)
  local n = 0
  for item in iterator, ... do
    n = n + 1
    if not item or n > 3000 then break end
  end
end

-- Calls every method. At the mock results mean nothing: it answers with examples.
-- @param ids `user`, `other`, `victim` (to be deleted), `company`
local function drive(real, ids)
  local users, companies = watched("users", real.users), watched("companies", real.companies)
  local client = watched("client", real)
  local function done(...)
    if mode == "proxy" and not select(1, ...) then
      local _, err = ...
      error("a call failed: " .. tostring(err), 2)
    end
    return ...
  end
  done(client:check())
  done(client:request("GET", "/users", { query = { page = 1, pageSize = 2, showArchived = true } }))
  done(users:me())
  done(users:api_users())
  done(client:permissions())
  done(users:list { page = 1, pageSize = 5, orderby = "lastName,firstName desc", showArchived = true,
    filterby = awork.filter("firstName eq ? or createdOn gt ?", "Ada", awork.filter.datetime "2018-04-03T00:00") })
  done(users:list())
  exhaust(users:each { pageSize = 100 })
  exhaust(users:each { pageSize = 2, filterby = "tags/any(t: t/name eq 'lead') eq false" })
  done(users:get(ids.user))
  done(users:update(ids.other, { firstName = "Ada", lastName = "Ümläut 日", birthDate = "1984-05-23T00:00:00Z",
    gender = "female", title = "Dr.", position = "Chair", language = "de" }))
  done(users:update(ids.other, { firstName = "Ada", birthDate = "1984-05-23T00:00:00+02:00", lastName = awork.null }))
  done(users:deactivate(ids.other))
  done(users:activate(ids.other))
  done(users:deactivate(ids.other, { include_summary = true }))
  done(users:activate(ids.other))
  done(users:set_archived(ids.other, true))
  done(users:set_archived(ids.other, false))
  done(users:autofill "ada.lovelace@example.org")
  done(users:autofill "info+x@example.org")
  done(users:delete(ids.victim))
  done(companies:list { pageSize = 5 })
  exhaust(companies:each { pageSize = 100 })
  done(companies:get(ids.company))

  for _, owner in ipairs { "user", "company" } do
    local name = owner == "user" and "contact_infos" or "company_contact_infos"
    local infos, id = watched(name, real[name]), ids[owner]
    local sub = owner == "user" and "work" or "central"
    local info = done(infos:create(id, { type = "phone", subType = sub, value = "+49 30 1234567" }))
    local info_id = type(info) == "table" and info.id or ids.user
    done(infos:create(id, { type = "address", subType = sub, addressLine1 = "Torstraße 1", zipCode = "10119",
      city = "Berlin", country = "DE", isAddress = true }))
    done(infos:create(id, { type = "custom", label = "Badge", value = "7" }))
    if owner == "company" then
      done(infos:create(id, { type = "url", subType = "primary", value = "https://a.example" }))
    end
    done(infos:list(id, { page = 1, pageSize = 3, orderby = "createdOn desc", filterby = "type eq 'phone'" }))
    exhaust(infos:each(id, { pageSize = 1 }))
    done(infos:get(id, info_id))
    done(infos:update(id, info_id, { type = "phone", subType = sub, value = "+49 30 7654321" }))
    done(infos:patch(id, info_id, { value = "+49 30 777" }))
    done(infos:ensure(id, { type = "email", subType = sub, value = "a@example.org" }))
    done(infos:ensure(id, { type = "email", subType = sub, value = "a@example.org" }))
    done(infos:find { phone = "+49 30 777" })
    done(infos:find { email = "a@example.org", archived = true })
    local rows = {}
    for i = 1, 20 do
      rows[i] = { [owner .. "_id"] = id, info = { type = "email", subType = sub, value = i .. "@example.org" } }
    end
    done(infos:create_many(rows))
    done(infos:delete(id, info_id))
  end

  local journal = os.tmpname()
  os.remove(journal)
  local plan, err = client:plan({ { user = ids.user, contact_infos = {
    { type = "phone", subType = "mobile", value = "+49 170 1234567" },
    { type = "email", subType = "work", value = "n@example.org" },
  } } }, { prune = true })
  if plan then
    done(client:apply(plan, { journal = journal }))
    done(client:undo(journal, { journal = false }))
  else
    done(nil, err)
    called["client:apply"], called["client:undo"] = true, true
  end
  os.remove(journal)
  for name in pairs(known) do
    if not called[name] then error("nobody called " .. name) end
  end
end

-- At random -----------------------------------------------------------------------------------------------------------

local int = math.random
local function pick(list) return list[int(#list)] end

local ABSENT = "00000000-0000-4000-8000-000000000000"
local FILTERS = {
  "firstName eq 'Ada'", "startswith(lastName,'B') and not isArchived", "status/invitationAccepted eq true",
  "tags/any(t: t/name eq 'lead')", "tags/any(t: t/name eq 'lead') eq false", "count(teams) gt 0", "id eq me.id",
  "createdOn ge today-30d and updatedOn le now", "createdOn gt datetime'2018-04-03T00:00'", "resourceVersion gt 64L",
  "type eq 'phone'", "nonsense", "firstName is 'x'", "updatedOn lt eom", "'",
  "id in (guid'" .. ABSENT .. "')",
}
local ORDERS = { "createdOn", "lastName,firstName desc", "id", "nonsense", "name", "type", "createdOn desc" }
local FORMS = {
  { type = "phone", subType = "work", value = "1" }, { type = "phone", subType = "central", value = "2" },
  { type = "custom", label = "l", value = ("ü"):rep(1000) }, {}, { type = "url", subType = "primary", value = "x" },
  { type = "urls", subType = "gitHub", value = "x" }, { value = ("x"):rep(1001) }, { type = 7 }, { unknown = true },
  { type = "address", subType = "other", isAddress = true }, "[]", "null", -- no broken JSON: Prism hangs on it
  { type = "address", subType = "other", isAddress = true, addressLine1 = "a", zipCode = "1", city = "c",
    country = "DE", state = awork.null },
}
local USER_FORMS = {
  { firstName = "Ada" }, {}, { birthDate = "1984-05-23T00:00:00.123+01:00", language = "en-GB" },
  { birthDate = "1984" },
  { position = ("x"):rep(1001) }, { isArchived = true }, { title = awork.null, gender = "x" },
}

-- One request at random: method, path, options.
local function request(ids, known_infos)
  local owner = pick { "users", "companies" }
  local id = pick(ids[owner])
  local info = known_infos[id] and known_infos[id][1] and pick(known_infos[id]) or ABSENT
  local query = {}
  if int(3) == 1 then query.filterby = pick(FILTERS) end
  if int(3) == 1 then query.orderby = pick(ORDERS) end
  if int(2) == 1 then query.page, query.pageSize = pick { 1, 2, 3, 0 }, pick { 1, 5, 1000, 1001 } end
  local infos = "/" .. owner .. "/" .. id .. "/contactinfo"
  local what = int(20)
  if what <= 3 then
    if owner == "users" then query.showArchived = pick { true, false } end
    return "GET", "/" .. owner, { query = query }
  elseif what == 4 then
    return "GET", "/" .. owner .. "/" .. id
  elseif what <= 6 then
    return "GET", infos, { query = query }
  elseif what <= 10 then
    return "POST", infos, { body = pick(FORMS) }
  elseif what == 11 then
    return "GET", infos .. "/" .. info
  elseif what == 12 then
    return "PUT", infos .. "/" .. info, { body = pick(FORMS) }
  elseif what == 13 then
    return "DELETE", infos .. "/" .. info
  elseif what == 14 then
    return "PUT", "/users/" .. pick(ids.users), { body = pick(USER_FORMS) }
  elseif what == 15 then
    return "POST", "/users/" .. pick(ids.users) .. "/" .. pick { "activate", "deactivate" },
      { query = { includeSummary = pick { true, false } } }
  elseif what == 16 then
    return "POST", "/users/" .. pick(ids.users) .. "/setarchived",
      { body = pick { { isArchived = true }, { isArchived = false }, { isArchived = false }, { x = 1 } } }
  elseif what == 17 then
    return "GET", pick { "/me", "/users/me", "/me/permissions", "/apiusers", "/teams", "/nothing" }
  elseif what == 18 then
    return "GET", "/teams/" .. pick(ids.teams),
      { query = { includeUserIds = pick { true, false }, includeProjectIds = true } }
  elseif what == 19 then
    return "GET", pick { "/apiusers/" .. pick(ids.api_users), "/users/autofill/" .. pick { "a.b%40example.org", "x" } }
  end
  return pick { "PATCH", "DELETE", "PUT" }, pick { "/users", "/companies", "/users/not-an-id", "/me" }
end

local function walk(url, tokens, server, count)
  math.randomseed(7)
  local ids = { users = server.user_ids, companies = server.company_ids, teams = server.team_ids,
    api_users = server.api_user_ids }
  for _, list in pairs(ids) do list[#list + 1] = ABSENT end
  local clients, known_infos = {}, {}
  for i, token in ipairs(tokens) do
    clients[i] = assert(awork.client { base_url = url, token = token, rate = false, retries = 0 })
  end
  for _ = 1, count do
    local client = clients[int(3) > 1 and 1 or int(#clients)] -- mostly the key, whom nobody deactivates
    local method, path, options = request(ids, known_infos)
    options = options or {}
    options.headers, options.retry = { ["X-Hostile"] = "1" }, false
    local body, response = client:request(method, path, options)
    local owner = path:match "^/%l+/([^/]*)/contactinfo$"
    if method == "POST" and owner and type(body) == "table" and body.id then
      known_infos[owner] = known_infos[owner] or {}
      table.insert(known_infos[owner], body.id)
    end
    if not body and not (response.status and response.status >= 400) then error(tostring(response)) end
  end
  for _, client in ipairs(clients) do client:close() end
end

if mode == "mock" then
  local id = "123e4567-e89b-12d3-a456-426614174000"
  local client <close> = assert(awork.client { base_url = parameter, token = "none", rate = false, retries = 0 })
  drive(client, { user = id, other = id, victim = id, company = id })
  os.exit(true, true)
end

local users = {
  { firstName = "Ada", lastName = "Lovelace", tags = { "lead" }, teams = { "Design" } },
  { firstName = "Grace", lastName = "Hopper", birthDate = "1906-12-09T00:00:00Z", gender = "female", title = "Dr.",
    tags = { { name = "navy", color = "blue" } },
    contact_infos = { { type = "phone", subType = "Work", value = "1", label = "old" } } },
  { firstName = "Old", isArchived = true }, { firstName = "Gone", isDeactivated = true }, {},
}
for i = 6, 40 do
  users[i] = { firstName = "N" .. i, lastName = "M" .. i % 7, teams = i % 2 == 0 and { "Support" } or nil }
end
local server <close> = assert(sandbox.start {
  users = users, companies = 10, contact_infos_per_company = 3, rate_limit = { second = 1000000, minute = 10000000 },
  teams = { { name = "Empty", icon = "image", color = "purple" } }, log = false,
  tokens = {
    { token = "key" },
    { token = "weak-key", rights = { "company-master-data:read" } }, { token = "nothing", user = 2 },
    { token = "team", user = 1, teams = true, rights = { "user-master-data:read", "user-master-data:write" } },
    { token = "guest", user = 6, guest = true }, { token = "blocked", user = 7, blocked = true },
  },
})
print(server.url)
io.stdout:flush()
local url = assert(io.read "l")
for _, token in ipairs { server.token, "key" } do -- a person's, and an API key
  local client <close> = assert(awork.client { base_url = url, token = token, rate = false })
  drive(client, { user = server.user_ids[1], other = server.user_ids[6], victim = table.remove(server.user_ids),
    company = server.company_ids[1] })
end
walk(url, { "key", server.token, "weak-key", "nothing", "team", "guest", "blocked", "wrong" }, server,
  math.tointeger(parameter) or 1000)
server.fault { kind = "rate_limit" }
local client <close> = assert(awork.client { base_url = url, token = "key", rate = false, retries = 0 })
client.users:me()
if server.stats().failures > 0 then error "the sandbox itself failed" end
os.exit(true, true)
