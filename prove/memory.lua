--- The calls whose allocations memory.c lets fail, and the judge of what then comes back.
--
-- Each case gives a function that is called again and again; it returns what the call returns. `pure` ones return the
-- same thing each time, so an answer under failing memory is that very one, or a complaint about memory: never a
-- wrong answer. The others talk to a sandbox; they may also fail as the network can.
local attempt = attempt -- luacheck: globals attempt
local stderr = io.stderr

local LUA, CURL, SYSTEM, SERVER = 1, 2, 4, 8
local ONCE, PAIR, ON = 1, 2, 3 -- the n-th; it and the next (Lua tries again after a collection); all from the n-th on

-- Seconds: what libcurl loses sight of, out of memory, ends by its deadline.
local TIMEOUT = 0.5

local M = {}
local cases = {}

local function case(name, kind, make, more)
  local c = more or {}
  c.name, c.kind, c.make = name, kind, make
  cases[#cases + 1] = c
end

-- A case with thousands of allocations, in parts that go on side by side: each has every eighth.
local PARTS = 8
local function parts(name, make, more)
  for i = 1, PARTS do
    local c = {}
    for key, value in pairs(more) do c[key] = value end
    c.part, c.slow = i, (more.slow or 1) * PARTS
    case(("%s, %d of %d"):format(name, i, PARTS), "net", make, c)
  end
end

-- Any value as text, the same for the same value.
local function text(v, depth)
  depth = depth or 0
  if type(v) == "table" and depth < 12 then
    local keys = {}
    for key in next, v do keys[#keys + 1] = key end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i, key in ipairs(keys) do keys[i] = tostring(key) .. "=" .. text(v[key], depth + 1) end
    return "{" .. table.concat(keys, ",") .. "}"
  elseif type(v) == "table" or type(v) == "function" or type(v) == "userdata" then
    return type(v)
  end
  return math.type(v) == "float" and ("%a"):format(v) or tostring(v)
end

-- A directory of one's own: in memory, where there is such a place, for journals and plans are synced.
local function scratch()
  local name = os.tmpname()
  os.remove(name)
  local posix = require "awork.posix"
  for _, dir in ipairs { (name:gsub("^/tmp", "/dev/shm")), name } do
    if posix.make_dirs(dir) then return dir end
  end
  error("there is no place for files", 0)
end

-- The names of all modules in Lua, and of the core, in one order.
local function modules()
  local list, pipe = { "awork.core" }, assert(io.popen "find lua -name '*.lua' | LC_ALL=C sort")
  for path in pipe:lines() do
    list[#list + 1] = path:match "^lua/(.*)%.lua$":gsub("/init$", ""):gsub("/", ".")
  end
  pipe:close()
  return list
end

-- The world: what the sandbox's process said of itself, as Lua text.
local function load_world(source)
  return source ~= "" and assert(load("return " .. source))() or {}
end

-- ---- what needs no server ----

local PHONE = { type = "phone", subType = "work", value = "+49 30 1234567" }
local ADDRESS = { type = "address", subType = "work", addressLine1 = "Torstraße 140", zipCode = "10119",
  city = "Berlin", country = "DE" }
local CSV = "firstName;lastName;email;Telefon;PLZ;Ort;Straße;Land\n"
  .. 'Anna;"Berg ""B""";anna@example.org;+49 30 1;10119;Berlin;Torstr. 1;DE\nBen;Cohn;ben@example.org;+49 30 2;;;;\n'
local VCARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Berg;Anna;;;\r\nFN:Anna Berg\r\nEMAIL;TYPE=WORK:anna@example.org\r\n"
  .. "TEL;TYPE=CELL,VOICE:+49 170 1\r\nADR;TYPE=HOME:;;Torstr. 1;Berlin;;10119;Germany\r\n"
  .. "NOTE:folded\r\n  line\r\nEND:VCARD\r\n"
local SCIM = [[{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"anna@example.org","name":{
"givenName":"Anna","familyName":"Berg"},"emails":[{"value":"anna@example.org","type":"work"}],
"phoneNumbers":[{"value":"tel:+49-30-1","type":"work"}],"addresses":[{"type":"work","streetAddress":"Torstr. 1",
"locality":"Berlin","postalCode":"10119","country":"DE"}]}]]
local PEOPLE = [=[[{"user":"anna@example.org","contact_infos":[{"type":"phone","subType":"work","value":"+49 30 1"},
{"type":"address","subType":"home","addressLine1":"Torstr. 1","zipCode":"10119","city":"Berlin","country":"DE"}]}]]=]

local function people()
  return { { user = "anna@example.org", firstName = "Anna", lastName = "Berg", contact_infos = {
    { type = "phone", subType = "work", value = "+49 30 1" }, { type = "email", subType = "work",
      value = "anna@example.org" }, { type = "address", subType = "home", addressLine1 = "Torstr. 1",
      zipCode = "10119", city = "Berlin", country = "DE", isAddress = true } } } }
end

case("awork.validate", "pure", function(awork)
  return function() return awork.validate(PHONE) end
end)
case("awork.validate, refused", "pure", function(awork)
  local bad = { type = "phone", subtype = "work", subType = "mobil", value = 4930, country = "Germany", zip = "1" }
  return function() return select(2, awork.validate(bad)) end
end)
case("awork.validate, company", "pure", function(awork)
  return function() return awork.validate({ type = "url", subType = "primary", value = "example.com" }, "company") end
end)
case("awork.contact_info", "pure", function(awork)
  return function() return awork.contact_info(ADDRESS) end
end)
for _, name in ipairs { "types", "fields", "countries", "rules", "error_codes" } do
  case("awork." .. name, "pure", function(awork)
    return function() return awork[name]() end
  end)
end
case("awork.country_code", "pure", function(awork)
  return function() return awork.country_code "Deutschland" end
end)
case("awork.filter", "pure", function(awork)
  return function()
    return awork.filter("lastName eq ? and createdOn gt ? and id eq ?", "O'Neil", awork.filter.datetime(86400),
      awork.filter.guid "123e4567-e89b-12d3-a456-426614174000")
  end
end)
case("awork.filter.quote, is_error", "pure", function(awork)
  return function() return { awork.filter.quote "O'Neil", awork.is_error(7) } end
end)
case("core, text", "pure", function()
  local core = require "awork.core"
  local posix = require "awork.posix"
  return function()
    return { core.escape "a b/ü", core.utf8 "ü", core.header_safe "x", core.is_guid "x", posix.isatty(0),
      core.guid_bytes "123e4567-e89b-12d3-a456-426614174000", core.now() > 0, posix.terminal_width(0) == nil }
  end
end)
case("core, rules", "pure", function()
  local core = require "awork.core"
  return function()
    return { core.url_fault "https://api.awork.com/x", core.base_url_fault "http://127.1" or "none",
      core.proxy_fault "http://user:password@host:1" or "none", core.proxy_fault "x://h", core.base64 "abcd",
      core.header_fault("te", "x", "client"), core.token_fault "a b",
      core.redact({ "a secret", { "secret" }, "none" }, "secret"), core.redact("a secret", "secret") }
  end
end)
case("core, JSON", "pure", function()
  local core = require "awork.core"
  return function()
    return { core.form_json(ADDRESS), core.compact { 1, core.null, { 2.0, core.null } }, (core.check_json { { 1 } }),
      select(2, core.check_json { print }), (core.form_json { type = "phone", subType = "mobil" }) }
  end
end)
case("core, with a stack that must grow", "pure", function(awork)
  local core = require "awork.core"
  local bad, deep = { type = "phone", subType = "mobil" }, { { { { { { { { 1 } } } } } } } }
  return function()
    return { coroutine.wrap(function()
      return core.decode(PEOPLE), core.encode(deep), core.check_json(deep), awork.validate(bad)
    end)() }
  end
end, { whole = LUA }) -- it was said that JSON nests too deep
case("posix.catch_signals", "pure", function()
  local posix = require "awork.posix"
  return function()
    local signals <close> = assert(posix.catch_signals())
    return { signals:pending() or "none" }
  end
end)
case("posix.read_private", "pure", function()
  local posix, path = require "awork.posix", os.tmpname()
  assert(posix.write_file(path, "secret"))
  return function() return assert(posix.read_private(path)) end, function() os.remove(path) end
end)
case("json, decoding", "pure", function()
  local codec = require "awork.json".codec(64)
  return function() return codec.decode(PEOPLE) end
end)
case("json, decoding in turns", "pure", function()
  local core = require "awork.core"
  local list = "[" .. ('{"a b":[1,2.5,"x"],"n":null},'):rep(150) .. '"' .. ("\\\\n"):rep(3000) .. '"]'
  return function()
    local turns = 0
    local value, code
    local co = coroutine.wrap(function()
      value, code = core.decode(list, 64, false, 100000, coroutine.yield)
      return true
    end)
    while not co() do
      turns = turns + 1
    end
    return { value and #value or code, turns > 2 }
  end
end)
case("json, encoding", "pure", function()
  local codec = require "awork.json".codec(64)
  return function() return codec.encode { 1, "a", { value = "ü", n = 3.5 } } end
end, { whole = SYSTEM + LUA }) -- lua-cjson ended the process
case("an error from a response", "pure", function()
  local errors, codec = require "awork.error", require "awork.json".codec(64)
  local body = '{"code":"validation-failed","description":"d","traceId":"t","details":["x"],"validationErrors":'
    .. '[{"property":"Name","message":"\'Name\' should not be empty."}]}'
  return function()
    local err = errors.from_response({ status = 400, headers = { ["trace-id"] = "q" }, body = body, attempts = 1 },
      "POST", "/users", codec)
    return { err, tostring(err) }
  end
end)
case("an error from a gateway's page", "pure", function()
  local errors, codec = require "awork.error", require "awork.json".codec(64)
  return function()
    return tostring(errors.from_response({ status = 502, headers = {}, body = ("<p>Bad\xff</p>"):rep(50) }, "GET", "/x",
      codec))
  end
end)
case("time.parse_iso, parse_http, format_iso", "pure", function()
  local time = require "awork.time"
  return function()
    return { time.parse_iso "2024-01-15T09:30:00.1234567Z", time.parse_http "Sun, 06 Nov 1994 08:49:37 GMT",
      time.format_iso(0) }
  end
end)
case("awork.oauth", "pure", function(awork)
  return function() return awork.oauth { client_id = "id", client_secret = "s", refresh_token = "r" } end
end)
-- In this order: each state has the same cases under the same numbers.
for _, text_of in ipairs { { "csv", CSV }, { "vcard", VCARD }, { "scim", SCIM }, { "json", PEOPLE } } do
  case("format.load, " .. text_of[1], "pure", function()
    local format = require "awork.format"
    return function() return format.load { text = text_of[2] } end
  end)
end
for _, name in ipairs { "csv", "vcard", "scim", "json", "jsonl" } do
  case("format.encode, " .. name, "pure", function()
    local format, list = require "awork.format", people()
    return function() return format.encode(list, { format = name }) end
  end)
end
case("format.detect, where, from_user", "pure", function()
  local format = require "awork.format"
  local user = { id = "123e4567-e89b-12d3-a456-426614174000", firstName = "Anna", lastName = "Berg",
    userContactInfos = { PHONE, ADDRESS } }
  return function()
    local person = format.from_user(user)
    return { format.detect(VCARD), format.detect(CSV), person, format.where(people()[1], 1, "value") }
  end
end)
case("format.chunks", "pure", function()
  local format, list = require "awork.format", people()
  return function()
    local out = {}
    for chunk in format.chunks(list, { format = "jsonl" }) do out[#out + 1] = chunk end
    return table.concat(out)
  end
end)
case("reader:next, close", "pure", function()
  local format = require "awork.format"
  return function()
    local reader = assert(format.read { text = CSV })
    local first = reader:next()
    reader:close()
    return first
  end
end)
case("format.read, a file", "pure", function()
  local format, path = require "awork.format", os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(CSV)
  file:close()
  return function() return format.collect((format.read(path, { format = "csv" }))) end, function() os.remove(path) end
end)
case("format.write, a file", "pure", function()
  local format, list, path = require "awork.format", people(), os.tmpname()
  return function() return format.write(list, path, { format = "vcard" }) end, function() os.remove(path) end
end)

-- People as awork has them, for a plan without a server.
local function snapshot()
  return { users = { { id = "123e4567-e89b-12d3-a456-426614174000", firstName = "Anna", userContactInfos = {
    { id = "123e4567-e89b-12d3-a456-426614174001", type = "email", subType = "work", value = "anna@example.org" },
    { id = "123e4567-e89b-12d3-a456-426614174002", type = "phone", subType = "work", value = "+49 30 9" } } } } }
end
local function wanted()
  return { { user = "anna@example.org", contact_infos = { { type = "phone", subType = "work", value = "+49 30 1" },
    { type = "email", subType = "work", value = "anna@example.org" } } } }
end
local function plan_of()
  local options = require "awork.desired.options".plan { prune = true }
  return assert(require "awork.desired.plan".compute(snapshot(), wanted(), options))
end
case("a plan, computed", "pure", function()
  return function() return plan_of().changes end
end)
case("plan:to_json", "pure", function()
  local plan = plan_of()
  return function() return plan:to_json() end
end)
case("plan:to_text", "pure", function()
  local plan = plan_of()
  return function() return plan:to_text() end
end)
case("plan:print, exit_code, is_empty", "pure", function()
  local plan = plan_of()
  return function()
    local out = {}
    plan:print { write = function(_, piece) out[#out + 1] = piece end }
    return { table.concat(out), plan:exit_code(), plan:is_empty() }
  end
end)
case("report:print, to_text, exit_code", "pure", function()
  local plan = plan_of()
  return function()
    local report, out = require "awork.desired.report".new(plan), {}
    report:_finish()
    report:print { write = function(_, piece) out[#out + 1] = piece end }
    return { table.concat(out), report:to_text(), report:exit_code() }
  end
end)
case("plan:save", "pure", function()
  local plan, dir = plan_of(), scratch()
  return function() return plan:save(dir .. "/plan") end, function() os.execute("rm -r '" .. dir .. "'") end
end)
case("awork.load_plan", "pure", function(awork)
  local json = plan_of():to_json()
  return function() return awork.load_plan(json) end
end)
case("awork.undo_plan", "pure", function(awork)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  for _, rest in ipairs { '"awork":"journal","version":2,"workspace":"123e4567-e89b-12d3-a456-426614174002"}',
    '"n":1,"intent":{"op":"create","owner":"user","owner_id":"123e4567-e89b-12d3-a456-426614174000","form":'
    .. '{"type":"phone","subType":"work","value":"+49 30 1"}}}', '"n":1,"sent":{"at":1790000000000,"within":30000}}',
    '"n":1,"result":{"status":"done","id":"123e4567-e89b-12d3-a456-426614174001"}}' } do
    file:write(('{"crc":"%08x",%s\n'):format(require "awork.posix".crc32(rest), rest))
  end
  file:close()
  return function()
    local plan, err = awork.undo_plan(path)
    return plan and plan.changes, err
  end, function() os.remove(path) end
end)

-- ---- what talks to the sandbox ----

local function client_of(awork, world, more)
  local options = { token = world.token, base_url = world.url, rate = false, timeout = TIMEOUT, retries = 1,
    list_lag = 0, random = function() return 0 end }
  for name, value in pairs(more or {}) do options[name] = value end
  return assert(awork.client(options))
end

-- A case with a client that lives through all of the sweep.
local function net(name, make, more)
  case(name, "net", function(awork, world)
    local client = client_of(awork, world, more and more.options)
    local fn, stop = make(client, world.user_ids[1], awork, world)
    return fn, function()
      if stop then stop() end
      client:close()
    end
  end, more)
end

case("awork.client, close", "net", function(awork, world)
  return function()
    local client, err = awork.client { token = world.token, base_url = world.url, rate = false }
    if not client then return nil, err end
    client:close()
    return true
  end
end)
case("awork.client, left to the collector", "net", function(awork, world)
  return function()
    local client, err = awork.client { token = world.token, base_url = world.url, rate = false, timeout = TIMEOUT }
    if not client then return nil, err end
    return client.users:me()
  end
end)
parts("a client over TLS", function(awork, world)
  return function()
    local client, err = awork.client { token = world.token, base_url = world.tls_url, ca_file = world.ca_file,
      rate = false, timeout = TIMEOUT, retries = 0 }
    if not client then return nil, err end
    local me, failure = client.users:me()
    client:close()
    return me, failure
  end
end, { slow = 20 })

net("contact_infos:create", function(client, id)
  return function() return client.contact_infos:create(id, PHONE) end
end)
net("contact_infos:create, an address", function(client, id)
  return function() return client.contact_infos:create(id, ADDRESS) end
end)
net("contact_infos:create, refused", function(client, id)
  return function()
    local info, err = client.contact_infos:create(id, { type = "phone", subType = "mobil" })
    return info == nil and err
  end
end)
net("company_contact_infos:create", function(client, _, _, world)
  return function()
    return client.company_contact_infos:create(world.company_ids[1], { type = "phone", subType = "central",
      value = "+49 30 1" })
  end
end)
net("contact_infos:list", function(client, id)
  return function() return client.contact_infos:list(id, { pageSize = 10, filterby = "type eq 'phone'" }) end
end)
net("contact_infos:each", function(client, id)
  return function()
    local n = 0
    for info, err in client.contact_infos:each(id) do
      if not info then return nil, err end
      n = n + 1
    end
    return n
  end
end)

-- One that stays, of a user that nobody else writes to.
local function with_info(make)
  return function(client, _, awork, world)
    local id = world.user_ids[2]
    local info = assert(client.contact_infos:create(id, PHONE))
    return make(client, id, info.id, awork)
  end
end
net("contact_infos:get", with_info(function(client, id, info)
  return function() return client.contact_infos:get(id, info) end
end))
net("contact_infos:update", with_info(function(client, id, info)
  return function() return client.contact_infos:update(id, info, PHONE) end
end))
net("contact_infos:patch", with_info(function(client, id, info)
  return function() return client.contact_infos:patch(id, info, { value = "+49 30 77" }) end
end), { whole = CURL }) -- a request went out with the method of another one
net("contact_infos:delete", function(client, id)
  return function()
    local ok, err = client.contact_infos:delete(id, "123e4567-e89b-12d3-a456-426614174000")
    if err and err.status == 404 then return true end
    return ok, err
  end
end)
net("contact_infos:create_many", function(client, id)
  return function()
    local report, err = client.contact_infos:create_many({ { user_id = id, info = PHONE },
      { user_id = id, info = { type = "nonsense" } }, { user_id = id, info = ADDRESS } }, { concurrency = 2 })
    if not report then return nil, err end
    if report.created == 2 then return true end
    for _, row in ipairs(report.results) do
      if row.err and row.err.code ~= "validation-failed" then err = row.err end
    end
    return nil, err
  end
end)
net("contact_infos:find", function(client)
  return function() return client.contact_infos:find { phone = "+49 30 77", limit = 1 } end
end)
net("contact_infos:ensure", function(client, _, _, world)
  return function() return client.contact_infos:ensure(world.user_ids[3], PHONE) end
end)
for _, call in ipairs { { "me" }, { "list", { pageSize = 5 } }, { "get", "id" }, { "update", "id", { title = "" } },
  { "activate", "id" }, { "deactivate", "id" }, { "set_archived", "id", false }, { "autofill", "a@example.org" } } do
  local name = call[1]
  net("users:" .. name, function(client, _, _, world)
    if call[2] == "id" then call[2] = world.user_ids[4] end
    return function()
      local value, err = client.users[name](client.users, table.unpack(call, 2))
      if err == nil then return true end
      return value, err
    end
  end)
end
net("users:each", function(client)
  return function()
    local n = 0
    for user, err in client.users:each() do
      if not user then return nil, err end
      n = n + 1
    end
    return n
  end
end)
net("users:delete", function(client)
  return function()
    local ok, err = client.users:delete "123e4567-e89b-12d3-a456-426614174000"
    if err and err.status == 404 then return true end
    return ok, err
  end
end)
net("companies:list", function(client)
  return function() return client.companies:list() end
end)
net("companies:get", function(client, _, _, world)
  return function() return client.companies:get(world.company_ids[1]) end
end)
net("companies:each", function(client)
  return function()
    for company, err in client.companies:each() do
      if not company then return nil, err end
    end
    return true
  end
end)
net("client:request", function(client)
  return function()
    return client:request("GET", "/users", { query = { pageSize = 2, page = 1 }, headers = { ["X-A"] = "b" } })
  end
end)
net("client:spawn, loop", function(client, id)
  return function()
    client:loop() -- what an earlier call left behind
    local results = {}
    for i = 1, 3 do
      client:spawn(function() results[i] = table.pack(client.contact_infos:list(id)) end)
    end
    local ok, err = client:loop()
    if not ok then return nil, err end
    for i = 1, 3 do
      if not results[i] then return nil, { kind = "lost" } end
      if not results[i][1] then return nil, results[i][2] end
    end
    return true
  end
end, { whole = LUA }) -- tasks were lost
net("task:wait, cancel", function(client, id)
  return function()
    local a = client:spawn(function() return client.contact_infos:list(id) end)
    local b = client:spawn(function() return client:sleep(60) end)
    local list, err = a:wait()
    b:cancel()
    if not list then return nil, err end
    return list
  end
end)
net("client:step, timeout, sockets, wait", function(client, id)
  return function()
    local task = client:spawn(function() return client.contact_infos:list(id) end)
    for _ = 1, 1000 do
      if task:done() then break end
      client:step()
      local _, _ = client:timeout(), client:sockets()
      client:wait(0.01)
    end
    if not task:done() then return nil, { kind = "timeout" } end
    return task:wait()
  end
end)
net("client:sleep", function(client)
  return function() return client:sleep(0) end
end)
net("client:stats", function(client)
  return function() return client:stats() end
end)
net("hooks, log", function(client)
  return function() return client.users:me() end
end, { options = { on_request = function() end, on_response = function() end, on_retry = function() end,
  log = function() end, log_level = "debug" } })
net("client:check", function(client)
  return function() return client:check() end
end)
case("core.engine, its methods", "net", function(_, world)
  local core = require "awork.core"
  return function()
    local engine <close>, message = core.engine { events = true, rate = false, allow_http = true, retries = 0,
      timeout = TIMEOUT, base_url = world.url, proxy = "http://user:password@127.0.0.1:1" }
    if not engine then return nil, { kind = "network", message } end
    core.set_token(engine, world.token)
    core.hide(engine, { "a " .. world.token, { world.token } })
    local request = { method = "GET", url = world.url .. "/users/me", auth = true }
    local first = engine:run(request)
    local id = engine:submit(request)
    engine:sleep(0)
    local second
    for _ = 1, 1000 do
      engine:wait(0.01)
      for key, result in engine.next, engine do
        if key == id then second = result end
      end
      if second then break end
    end
    local _, _, _, _ = engine:sockets(), engine:timeout(), engine:stats(), engine:events()
    engine:take_retry()
    engine:cancel(id)
    if not second then return nil, { kind = "lost" } end
    if not (first.status and second.status) then return nil, first.status and second or first end
    return first.status == 200 and second.status == 200
  end
end)
case("close with requests in flight", "net", function(awork, world)
  return function()
    local client, err = awork.client { token = world.token, base_url = world.url, rate = false, timeout = TIMEOUT }
    if not client then return nil, err end
    for _ = 1, 3 do
      client:spawn(function() return client.users:list() end)
    end
    client:step()
    client:close()
    return true
  end
end)
-- A refresh token that is lost with its answer is gone, as awork has it: then the server begins anew.
case("oauth, a refresh", "net", function(awork)
  local server = assert(require "awork.sandbox".start { users = 1, rate_limit = false })
  local stored = server.oauth.refresh_token
  return function()
    local source = awork.oauth { client_id = server.oauth.client_id, client_secret = server.oauth.client_secret,
      refresh_token = stored, on_refresh = function(token)
        stored = token
        return true
      end }
    local client, err = awork.client { token = source, base_url = server.url, timeout = TIMEOUT, retries = 0 }
    if not client then return nil, err end
    local me, failure = client.users:me()
    client:close()
    return me, failure
  end, server.stop
end, { may_end = true })

local function desired_of(world)
  return { { user = world.user_ids[5], contact_infos = { { type = "phone", subType = "work", value = "+49 30 555" },
    { type = "urls", subType = "work", value = "https://example.org" } } } }
end
net("client:plan", function(client, _, _, world)
  return function() return client:plan(desired_of(world)) end
end)
net("client:apply, undo", function(client, _, _, world)
  local dir = scratch()
  return function()
    local plan, err = client:plan(desired_of(world))
    if not plan then return nil, err end
    local report
    report, err = client:apply(plan, { journal_dir = dir, concurrency = 1 })
    if not report then return nil, err end
    if report.journal then
      local undone
      undone, err = client:undo(report.journal, { journal = false })
      os.remove(report.journal)
      if not undone then return nil, err end
    end
    return true
  end, function() os.execute("rm -rf '" .. dir .. "'") end
end)
parts("sandbox.start, stop", function()
  local sandbox = require "awork.sandbox"
  return function()
    local server, message = sandbox.start { users = 1, companies = 1, rate_limit = false }
    if not server then return nil, { kind = "file", message } end -- where Lua can't open a module
    server.stop()
    return true
  end
end, { sources = { LUA, SYSTEM, SERVER, LUA + SYSTEM + SERVER }, slow = 4 })
-- Not over TLS: gnutls ends the process where it has no memory for a key.
case("sandbox, its methods", "net", function()
  local server = assert(require "awork.sandbox".start { users = 1, rate_limit = false })
  return function()
    server:reset()
    server:fault { kind = "status", status = 500, times = 1 }
    local _ = server:faults()
    server:clear_faults()
    server:set { page_size = 5 }
    local _, _, _, _ = server:requests(), server:state(), server:stats(), server:contact_infos(server.user_ids[1])
    server:clear_requests()
    return true
  end, server.stop
end, { sources = { LUA, SYSTEM, SERVER, LUA + SYSTEM + SERVER } })
-- Each module by itself, the ones it needs being there.
for _, name in ipairs(modules()) do
  case("require " .. name, "net", function()
    require "awork.cli.read"
    require "awork.sandbox"
    local loaded = require(name)
    return function() return require(name) and true end, function() package.loaded[name] = loaded end, function()
      package.loaded[name] = nil
    end
  end, { sources = { LUA, CURL, LUA + CURL } })
end

require "memory_commands"(case, scratch)

-- ---- the sweep ----

function M.count(_, world)
  load_world(world)
  return #cases, 0
end

function M.name(i)
  case_name = cases[i].name -- luacheck: globals case_name
  return 0, 0
end

-- In other words than this file's name, which is in the messages of what it calls.
local function mentions_memory(v)
  return text(v):gsub("memory[%w_]*%.lua", ""):lower():find "memory" ~= nil
end

local NET_KINDS = { network = true, timeout = true, tls = true, protocol = true, closed = true, callback = true,
  cancelled = true, file = true }

-- Is this a way in which a call may end when memory fails? nil, or what is wrong.
local function judge(c, reference, returned, value, err)
  if not returned then
    return not mentions_memory(value) and "raised " .. text(value) or nil
  elseif c.kind == "command" then
    return nil -- seen to by its inspect()
  elseif value then
    return c.kind == "pure" and text(value) ~= reference and "a wrong answer: " .. text(value) or nil
  elseif mentions_memory(err) then
    return nil
  elseif c.kind == "pure" then
    return "nil, " .. text(err)
  elseif type(err) ~= "table" then
    return "an error that is none: " .. text(err)
  elseif not NET_KINDS[err.kind] and not (c.may_end and err.kind) then
    return "an error of another kind: " .. text(err)
  end
  return nil
end

-- So many calls in a row without a failure, and n is beyond the last allocation: their number varies a little.
local ENDS = 3

-- The sources whose allocations fail, apart and together; those of which the case has none are left out.
local function sources_of(c, call)
  local has, list, known = 0, {}, {}
  for _, source in ipairs { LUA, CURL, SYSTEM, SERVER } do
    local _, _, count = call(source, ON, math.maxinteger)
    if count > 0 then has = has | source end
  end
  for _, sources in ipairs(c.sources or { LUA, CURL, SYSTEM, LUA + CURL + SYSTEM }) do
    local those = sources & has
    if those ~= 0 and not known[those] then
      known[those] = true
      list[#list + 1] = those
    end
  end
  return list
end

--- One case: every allocation of it fails. share 0: only made once, for what a process makes but once.
-- @return failures tried, findings
function M.sweep(number, world, share)
  world = load_world(world)
  local c = cases[number]
  local fn, stop, before, inspect = c.make(require "awork", world)
  local tried, findings = 0, 0
  local function finding(where, message)
    findings = findings + 1
    if findings <= 5 then stderr:write(c.name, ", ", where, ": ", message:sub(1, 600), "\n") end
  end
  local function call(sources, how, n)
    if before then before(sources ~= 0) end
    local returned, failed, count, value, err = attempt(fn, sources, how, n)
    if failed and c.kind == "command" then
      -- A command ends with its process: what could not be closed for want of memory, a lock say, goes with it.
      collectgarbage()
      collectgarbage()
    end
    local wrong = inspect and inspect(returned, failed)
    return returned, failed, count, value, err, wrong
  end
  -- The first calls make what stays: connections, caches.
  for _ = 1, 3 do
    local returned, _, _, value, err, wrong = call(0, ONCE, 0)
    if not (returned and value) or wrong then
      finding("without a failure", wrong or text(err or value))
    end
  end
  local reference = c.kind == "pure" and text((fn())) or nil
  if share > 0 then
    -- SHARE below 1: every so manieth. `whole`: a fault was found there once, so a share of the sweep has it too.
    local step = c.part and PARTS or 1
    if share < 1 and not c.whole then
      step = math.floor((c.slow or 1) / share * (c.kind == "pure" and 0.2 or 1) + 0.5)
    end
    for _, sources in ipairs(share < 1 and c.whole and { c.whole } or sources_of(c, call)) do
      -- Of several sources one allocation that fails is one of one of them.
      local apart = sources & (sources - 1) == 0
      for _, how in ipairs(sources == LUA and { ONCE, PAIR, ON } or apart and { ONCE, ON } or { ON }) do
        local n, ends = share < 1 and math.random(0, step - 1) or (c.part or 1) - 1, 0
        local stalled = 0
        while ends < ENDS do
          local returned, failed, _, value, err, wrong = call(sources, how, n)
          if failed then
            ends, tried = 0, tried + 1
            local where = ("source %d, how %d, n %d"):format(sources, how, n)
            wrong = judge(c, reference, returned, value, err) or wrong
            if wrong then finding(where, wrong) end
            local works = returned and value and not wrong
            -- With memory back. On a busy machine a deadline may pass without anybody's fault.
            for _ = 1, works and 0 or 20 do
              returned, _, _, value, err, wrong = call(0, ONCE, 0)
              local late = wrong and wrong:find "Timeout" or type(err) == "table" and err.kind == "timeout"
              if not (returned and not value and late) then break end
            end
            if not (returned and value) and c.may_end then
              -- A refresh token that was lost with its answer is lost: start again with what the server has.
              if stop then stop() end
              fn, stop, before, inspect = c.make(require "awork", world)
            elseif not (returned and value) or wrong then
              finding(where, "afterwards: " .. (wrong or text(err or value)))
              stalled = stalled + 1
              if stalled > 3 then break end
            elseif reference and text(value) ~= reference then
              finding(where, "afterwards a wrong answer: " .. text(value))
            end
          else
            ends = ends + 1
          end
          n = n + step
        end
      end
    end
  end
  if stop then stop() end
  return tried, findings
end

--- The sandbox that the cases talk to, in a process of its own.
function M.serve()
  local sandbox = require "awork.sandbox"
  local options = { users = 8, companies = 2, rate_limit = false, max_contact_infos = 20, log = false }
  local plain = assert(sandbox.start(options))
  options.tls = true
  local tls = assert(sandbox.start(options))
  -- luacheck: globals served
  served = ("{ url = %q, token = %q, tls_url = %q, ca_file = %q, user_ids = { %s }, company_ids = { %q } }")
    :format(plain.url, plain.token, tls.url, tls.ca_file, '"' .. table.concat(plain.user_ids, '","') .. '"',
      plain.company_ids[1])
  M.held = { plain, tls }
  return 0, 0
end

return M
