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
  clock_offset = true, seed = true, page_size = true }

-- What can be given at the start alone.
local FIXED = { seed = true, now = true, token = true, max_contact_infos = true }

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
  local user_ids, company_ids = {}, {}
  for i, record in ipairs(store.user.list) do user_ids[i] = record.id end
  for i, record in ipairs(store.company.list) do company_ids[i] = record.id end
  local first = world.tokens[settings.token]
  local client = world.oauth
  return quote {
    user_ids = user_ids, company_ids = company_ids, me_id = first and first.user and first.user.id or nil,
    token = settings.token, workspace_id = world.workspace_id,
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

local function rights_of(list)
  local rights = {}
  for _, name in ipairs(list or {}) do rights[name] = true end
  return rights
end

local TOKEN_FIELDS = { token = true, user = true, admin = true, rights = true, expires_in = true }

local function add_token(world, t)
  if type(t) ~= "table" or type(t.token) ~= "string" then misuse "a token must be a table with the field token" end
  for name in pairs(t) do
    if not TOKEN_FIELDS[name] then misuse("a token has no field '" .. tostring(name) .. "'") end
  end
  world.tokens[t.token] = {
    user = user_of(world, t.user), admin = t.admin == true, rights = rights_of(t.rights),
    expires = t.expires_in and world.clock:epoch() + t.expires_in or nil,
  }
end

local function set_tokens(world, list)
  world.tokens = {}
  world.tokens[world.settings.token] = { admin = true, user = world.store.user.list[1], rights = {} }
  for _, t in ipairs(list or {}) do add_token(world, t) end
end

local function set_oauth(world, options)
  if options == false then
    world.oauth = nil
    return
  end
  options = options or {}
  local user = options.user == nil and world.store.user.list[1] or user_of(world, options.user)
  world.oauth = oauth.new(options, { user = user, admin = options.admin ~= false, rights = rights_of(options.rights) })
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
  world.store = model.new(math.tointeger(options.seed or 1) or 1, function() return world.clock:iso() end, max)
  world.workspace_id = world.store:guid()
  fill(world, "user", options.users or DEFAULT_USERS, settings.per_user)
  fill(world, "company", options.companies or DEFAULT_COMPANIES, settings.per_company)
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
  return '{"users":' .. model.json_list(store.user.list, 1, #store.user.list, json_of) .. ',"companies":'
    .. model.json_list(store.company.list, 1, #store.company.list, json_of) .. "}"
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
