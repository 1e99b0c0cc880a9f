--- What the starter asks for: the set-up, its changes while the server runs, and what the server holds.
local answers = require "awork.sandbox.answers"
local cjson = require "cjson"
local clock = require "awork.sandbox.clock"
local faults = require "awork.sandbox.faults"
local limits = require "awork.sandbox.limits"
local log = require "awork.sandbox.log"
local model = require "awork.sandbox.model"
local oauth = require "awork.sandbox.oauth"

local quote = answers.encode
local lower = string.lower
local null = cjson.null

local DEFAULT_USERS, DEFAULT_COMPANIES = 3, 2

local commands = {}

--- The options of `start` that this state knows.
local OPTIONS = { users = true, companies = true, contact_infos_per_user = true, contact_infos_per_company = true,
  max_contact_infos = true, token = true, tokens = true, oauth = true, rate_limit = true, log = true, now = true,
  clock_offset = true, seed = true, page_size = true, teams = true, extra_fields = true, list_order = true }

-- What can be given at the start alone.
local FIXED = { seed = true, now = true, token = true, max_contact_infos = true, extra_fields = true, teams = true }

local function misuse(message)
  error({ misuse = message }, 0)
end

local function whole(name, v, low, high)
  local n = math.tointeger(v)
  if not n or n < low or n > high then misuse(("%s must be a whole number from %d to %d"):format(name, low, high)) end
  return n
end

--- What the starter's handle is to know, JSON.
function commands.info(world)
  local store, settings = world.store, world.settings
  local user_ids, company_ids, api_user_ids, team_ids = {}, {}, {}, {}
  for _, record in ipairs(store.user.list) do
    local ids = record.api and api_user_ids or user_ids
    ids[#ids + 1] = record.id
  end
  for i, team in ipairs(store.team.list) do team_ids[i] = team.id end
  for i, record in ipairs(store.company.list) do company_ids[i] = record.id end
  local first = world.tokens[settings.token]
  local client = world.oauth
  return quote {
    user_ids = user_ids, company_ids = company_ids, me_id = first and first.user and first.user.id or nil,
    token = settings.token, workspace_id = world.workspace.id, api_user_ids = api_user_ids,
    team_ids = team_ids,
    oauth = client and {
      client_id = client.client_id, client_secret = client.client_secret, refresh_token = client.refresh_token,
    } or nil,
  }
end

-- Parts of the set-up -------------------------------------------------------------------------------------------------

local function fill(world, kind, what, infos)
  if type(what) == "number" then
    world.store:invent(kind, whole(kind == "user" and "users" or "companies", what, 0, 1000000), infos)
    return
  end
  for _, fields in ipairs(what) do
    if type(fields) ~= "table" then misuse "users and companies must be a number or a list of tables" end
    local record, message = world.store:add(kind, fields)
    if not record then misuse(message) end
  end
end

-- A user by id, or by its place in the list; nil for none.
local function user_of(world, v)
  if v == nil or v == false or v == null then return nil end
  local set = world.store.user
  local user = type(v) == "string" and set.by_id[lower(v)] or set.list[math.tointeger(v) or 0]
  if not user then misuse("there is no user " .. tostring(v)) end
  return user
end

local function rights_of(what, list)
  local rights = {}
  if list ~= nil and type(list) ~= "table" then misuse(what .. ".rights must be a list") end
  for _, name in ipairs(list or {}) do
    if type(name) ~= "string" or not name:find "^[a-z%-]+:[a-z]+$" then
      misuse(what .. ".rights: '" .. tostring(name) .. "' is not like 'user-master-data:read'")
    end
    rights[name] = true
  end
  return rights
end

-- The teams a token is limited to: `true` for those of its user, or a list of ids and names; a set of ids, or nil.
local function teams_of(world, user, v)
  if v == nil or v == false then return nil end
  local teams = {}
  if v == true then
    for _, team in ipairs(user.data.teams) do teams[team.id] = true end
    return teams
  end
  if type(v) ~= "table" then misuse "a token's teams must be true or a list" end
  for _, key in ipairs(v) do
    local team = world.store:find_team(key)
    if not team then misuse("there is no team " .. tostring(key)) end
    teams[team.id] = true
  end
  return teams
end

-- What a token may do. Without a user it is an API key: it acts as an API user of its own.
local function token_entry(world, what, t, user)
  local admin = t.admin == true
  if not user and t.admin == nil and t.rights == nil and not t.guest then admin = true end -- an API user without a role
  local role = admin and "admin" or t.guest and "guest" or "member"
  if not user then
    user = world.store:add_api_user(t.name or "API user", not admin and world.roles[role] or nil)
    table.insert(world.api_users, user)
  end
  return {
    user = user, admin = admin, guest = t.guest == true, blocked = t.blocked == true, role = role,
    rights = rights_of(what, t.rights), teams = teams_of(world, user, t.teams), store = world.store,
  }
end

local TOKEN_FIELDS = { token = true, user = true, admin = true, rights = true, expires_in = true, guest = true,
  blocked = true, teams = true, name = true }

local function add_token(world, t)
  if type(t) ~= "table" or type(t.token) ~= "string" then misuse "a token must be a table with the field token" end
  for name in pairs(t) do
    if not TOKEN_FIELDS[name] then misuse("a token has no field '" .. tostring(name) .. "'") end
  end
  local token = token_entry(world, "a token", t, user_of(world, t.user))
  token.expires = t.expires_in and world.clock:epoch() + t.expires_in or nil
  world.tokens[t.token] = token
end

local function set_tokens(world, tokens)
  for _, user in ipairs(world.api_users or {}) do world.store:remove(user) end
  world.tokens, world.api_users = {}, {}
  add_token(world, { token = world.settings.token, admin = true, user = world.store.user.list[1] and 1 })
  for _, t in ipairs(tokens or {}) do add_token(world, t) end
end

local function set_oauth(world, options)
  if options == false then
    world.oauth = nil
    return
  end
  options = options or {}
  local user = options.user == nil and world.store.user.list[1] or user_of(world, options.user)
  local grant = token_entry(world, "oauth", { admin = options.admin ~= false, rights = options.rights }, user)
  world.oauth = oauth.new(options, grant)
end

-- Teams: tables of a team's fields, with `users` (ids, or places in the list).
local function set_teams(world, teams)
  if type(teams) ~= "table" then misuse "teams must be a list of tables" end
  for _, fields in ipairs(teams) do
    if type(fields) ~= "table" or type(fields.name) ~= "string" then misuse "a team must be a table with a name" end
    local team = world.store:find_team(fields.id or fields.name) or world.store:add_team(fields)
    for _, key in ipairs(fields.users or {}) do world.store:join(user_of(world, key), team) end
  end
end

local function set_list_order(world, v)
  if v ~= "created" and v ~= "shuffled" then misuse "list_order must be 'created' or 'shuffled'" end
  world.settings.list_order = v
end

local EXTRA_KINDS = { user = true, company = true, contact_info = true }

local function check_extra_fields(v)
  if v == nil then return end
  if type(v) ~= "table" then misuse "extra_fields must be a table" end
  for kind, fields in pairs(v) do
    if not EXTRA_KINDS[kind] or type(fields) ~= "table" then
      misuse "extra_fields has the tables user, company and contact_info"
    end
  end
end

local function set_limits(world, options)
  local made, message = limits.new(options, world.host.clock())
  if message then misuse(message) end
  world.limiter = made
end

local function set_log(world, v)
  local limit = v == false and 0 or type(v) == "number" and whole("log", v, 0, 10000000) or 10000
  world.log = limit > 0 and log.new(limit) or nil
  world.host.headers(world.log ~= nil)
end

local function set_clock_offset(world, v)
  if type(v) ~= "number" or v ~= v or math.abs(v) > 1e10 then misuse "clock_offset must be a number of seconds" end
  world.clock:offset(v)
  world.clock:set(world.host.clock())
end

local function clear_counts(world)
  world.counts = { requests = 0, failures = 0 }
end

--- Set everything up as `options` say; raises `{ misuse = message }`.
function commands.setup(world, options)
  for name in pairs(options) do
    if not OPTIONS[name] then misuse("there is no option '" .. tostring(name) .. "'") end
  end
  local host = world.host
  local m, s = host.clock()
  world.started, world.clock = m, clock.new()
  set_clock_offset(world, (options.now and options.now - s or 0) + (options.clock_offset or 0))
  local settings = { token = options.token or "sandbox-token" }
  world.settings = settings
  settings.page_size = options.page_size and whole("page_size", options.page_size, 1, 1000) or 10
  settings.per_user = whole("contact_infos_per_user", options.contact_infos_per_user or 0, 0, 10000)
  settings.per_company = whole("contact_infos_per_company", options.contact_infos_per_company or 0, 0, 10000)
  local max = options.max_contact_infos and whole("max_contact_infos", options.max_contact_infos, 1, 1000000)
  check_extra_fields(options.extra_fields)
  world.store = model.new(math.tointeger(options.seed or 1) or 1,
    function() return world.clock:iso(), world.clock:dotnet_ticks() end,
    { max_contact_infos = max, extra_fields = options.extra_fields })
  local id = world.store:guid()
  world.workspace = { id = id, name = "Sandbox", url = "https://sandbox.awork.com" }
  world.roles = { admin = id:sub(1, 32) .. "000a", member = id:sub(1, 32) .. "000b", guest = id:sub(1, 32) .. "000c" }
  set_list_order(world, options.list_order or "created")
  world.api_users = {}
  fill(world, "user", options.users or DEFAULT_USERS, settings.per_user)
  fill(world, "company", options.companies or DEFAULT_COMPANIES, settings.per_company)
  set_teams(world, options.teams or {})
  set_tokens(world, options.tokens)
  set_oauth(world, options.oauth)
  set_limits(world, options.rate_limit)
  set_log(world, options.log)
  world.faults = faults.new()
  host.early(false)
  clear_counts(world)
end

-- The commands: each returns JSON -------------------------------------------------------------------------------------

local COMMANDS = {}

function COMMANDS.fault(world, c)
  local spec = c.fault
  if type(spec.retry_after) == "number" then -- numbers come as floats
    spec.retry_after = math.tointeger(spec.retry_after) or spec.retry_after
  end
  local id, message = world.faults:add(spec, world.host.tls)
  if not id then misuse(message) end
  world.host.early(world.faults:any_early())
  return quote(id)
end

function COMMANDS.clear_faults(world, c)
  world.faults:clear(c.id)
  world.host.early(world.faults:any_early())
  return "null"
end

function COMMANDS.faults(world)
  local report = world.faults:report()
  return report[1] and quote(report) or "[]"
end

function COMMANDS.requests(world)
  return world.log and world.log:json() or "[]"
end

function COMMANDS.clear_requests(world)
  if world.log then world.log = log.new(world.log.limit) end
  clear_counts(world)
  if world.limiter then world.limiter.refused = 0 end
  return "null"
end

function COMMANDS.stats(world)
  local total, open = world.host.connections()
  local by_status = {}
  for status, n in pairs(world.counts) do
    if type(status) == "number" then by_status[tostring(status)] = n end
  end
  return quote {
    requests = world.counts.requests, failures = world.counts.failures, status = by_status,
    refused = world.limiter and world.limiter.refused or 0, connections = total, open_connections = open,
    memory = collectgarbage "count" * 1024,
  }
end

function COMMANDS.state(world)
  local store = world.store
  local function json_of(record) return store:json(record) end
  local users, api_users = {}, {}
  for _, user in ipairs(store.user.list) do table.insert(user.api and api_users or users, user) end
  local companies, teams = store.company.list, store.team.list
  local text = '{"users":' .. model.json_list(users, 1, #users, json_of) .. ',"companies":'
    .. model.json_list(companies, 1, #companies, json_of) .. ',"api_users":'
    .. model.json_list(api_users, 1, #api_users, json_of) .. ',"teams":'
    .. model.json_list(teams, 1, #teams, function(team) return model.team_json(team, true, true) end) .. "}"
  -- as text: lua-cjson reads numbers as doubles
  return (text:gsub('"resourceVersion":(%d+)', '"resourceVersion":"%1"'))
end

function COMMANDS.contact_infos(world, c)
  local id = lower(c.id)
  local record = world.store.user.by_id[id] or world.store.company.by_id[id]
  if not record then misuse("there is no user or company " .. c.id) end
  return model.json_list(record.infos, 1, #record.infos, model.info_json)
end

function COMMANDS.set(world, c)
  local o, settings = c.options, world.settings
  for name in pairs(o) do
    if not OPTIONS[name] or FIXED[name] then misuse("'" .. tostring(name) .. "' can't be set at run time") end
  end
  if o.contact_infos_per_user then
    settings.per_user = whole("contact_infos_per_user", o.contact_infos_per_user, 0, 10000)
  end
  if o.contact_infos_per_company then
    settings.per_company = whole("contact_infos_per_company", o.contact_infos_per_company, 0, 10000)
  end
  if o.list_order then set_list_order(world, o.list_order) end
  if o.page_size then settings.page_size = whole("page_size", o.page_size, 1, 1000) end
  if o.clock_offset then set_clock_offset(world, o.clock_offset) end
  if o.users then
    world.store:clear "user"
    fill(world, "user", o.users, settings.per_user)
    set_tokens(world) -- they belonged to users who are gone
    set_oauth(world)
  end
  if o.companies then
    world.store:clear "company"
    fill(world, "company", o.companies, settings.per_company)
  end
  if o.tokens then set_tokens(world, o.tokens) end
  if o.oauth ~= nil then set_oauth(world, o.oauth) end
  if o.rate_limit ~= nil then set_limits(world, o.rate_limit) end
  if o.log ~= nil then set_log(world, o.log) end
  return commands.info(world)
end

function COMMANDS.advance(world, c)
  local v = c.seconds
  if type(v) ~= "number" or v ~= v or math.abs(v) > 1e10 then misuse "advance takes a number of seconds" end
  world.clock:advance(v)
  world.clock:set(world.host.clock())
  return "null"
end

function COMMANDS.reset(world)
  commands.setup(world, answers.decode(world.original))
  return commands.info(world)
end

--- Run a command.
-- @param json `{ command = name, … }`
-- @return `{ ok = true, result = }` or `{ ok = false, misuse =, error = }`, JSON
function commands.run(world, json)
  world.clock:set(world.host.clock())
  local ok, result = pcall(function()
    local c = answers.decode(json)
    return COMMANDS[c.command](world, c)
  end)
  if ok then return '{"ok":true,"result":' .. result .. "}" end
  local misused = type(result) == "table" and result.misuse
  return quote { ok = false, misuse = misused ~= nil and misused ~= false, error = misused or tostring(result) }
end

return commands
