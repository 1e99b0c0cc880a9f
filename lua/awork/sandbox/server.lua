--- The sandbox's script: runs on the server's thread, in a lua_State of its own, and decides what to answer.
-- C calls `handle` for each request, `early` for one whose header alone is there (only while a fault wants it), and
-- `command` for what the starter asks. Nothing here blocks.
require "awork.sandbox.ascii".install() -- before the modules that keep string.lower
local answers = require "awork.sandbox.answers"
local commands = require "awork.sandbox.commands"
local routes = require "awork.sandbox.routes"

local quote = answers.encode
local match = string.match

-- The one server of this state: `host` (what C offers), `original` (the options of the start, JSON), and what
-- commands.setup puts there.
local world = {}
local req = answers.new()

-- Faults --------------------------------------------------------------------------------------------------------------

local STATUS_CODES = {
  [400] = "invalid-operation", [401] = "unauthorized", [404] = "not-found", [409] = "concurrency-violation",
  [413] = "request-body-too-large", [500] = "server-error",
}

local function html(status)
  return ("<html><head><title>%d</title></head><body><h1>%d</h1><hr>gateway</body></html>\n"):format(status, status)
end

-- awork has no code for it: status, body, content type
local function too_many()
  return 429, "Too many requests\n", "text/plain"
end

-- An error answer as the fault wants it: status, body, content type
local function status_fault(f)
  req:clear_headers()
  local status, body, content_type = f.status and math.tointeger(f.status) or 500, nil, f.content_type
  if f.body ~= nil then
    body = type(f.body) == "table" and quote(f.body) or tostring(f.body)
  elseif status == 403 and not f.code then
    req:header("X-Edge-Ref", ("sandbox-edge-%d"):format(req.trace_count))
    body, content_type = html(403), content_type or "text/html"
  elseif status >= 502 and status <= 504 and not f.code then
    body, content_type = html(status), content_type or "text/html"
  elseif status == 429 and not f.code and not f.description then
    status, body, content_type = too_many()
  elseif status ~= 204 and status ~= 304 then
    body = req:error_body(f.code or STATUS_CODES[status] or "server-error", f.description or "A fault of the sandbox.")
  end
  return status, body, content_type
end

-- status, body, content type, action
local function apply_fault(f)
  local kind = f.kind
  local status, body
  if f.effect then status, body = routes.answer(world, req) end
  local content_type = f.content_type
  local action = { how = f.how, delay = kind ~= "trickle" and f.seconds or nil }
  f.action = action
  if kind == "delay" then
    action.delay = f.seconds or 1
  elseif kind == "reset_before" or kind == "reset_after" then
    action.drop = f.how or "reset"
  elseif kind == "cut" then
    action.cut = f.bytes or 0
  elseif kind == "cut_response" then
    action.cut_response = f.bytes or 0
  elseif kind == "trickle" then
    action.step, action.pause = math.max(1, f.bytes or 1), f.seconds or 0.01
  elseif kind == "garbage" then
    status, body = f.status or (status ~= 204 and status) or 200, f.data or '\0\1\2{"not json'
  elseif kind == "raw" then
    action.raw = f.data
  elseif kind == "redirect" then
    req:clear_headers()
    req:header("Location", f.location or "https://elsewhere.example/")
    status, body = f.status or 302, ""
  elseif kind == "rate_limit" then
    req:clear_headers()
    status, body, content_type = too_many()
    if f.retry_after then req:header("Retry-After", f.retry_after) end
  elseif kind == "status" then
    status, body, content_type = status_fault(f)
  end
  if f.headers then
    for name, v in pairs(f.headers) do req:header(name, tostring(v)) end
  end
  return status, body, content_type, action
end

-- Entry points --------------------------------------------------------------------------------------------------------

-- Returns the request's place in the log, nil when there is none.
local function log_request(method, target, headers, body, connection)
  local clock = world.clock
  world.counts.requests = world.counts.requests + 1
  if not world.log then return nil end
  return world.log:add(method, target, headers, body, connection, clock:epoch(), clock.mono - world.started)
end

local function find_token(authorization)
  local name = authorization and match(authorization, "^[Bb]earer%s+(%S+)$")
  local token = name and world.tokens[name]
  if token and token.expires and token.expires <= world.clock:epoch() then return nil end
  return token
end

local function limit_headers(fault)
  local limiter = world.limiter
  if fault and fault.kind == "rate_limit" then
    local limit = limiter and limiter.second and limiter.second.limit or 50
    local minute = limiter and limiter.minute and limiter.minute.limit or 1000
    local reset = fault.reset or tonumber(fault.retry_after) or 1
    req:header("ratelimit-limit", fault.scope == "minute" and minute or limit)
    req:header("ratelimit-remaining", 0)
    req:header("ratelimit-reset", math.ceil(reset))
    req:header("x-ratelimit-limit-second", limit)
    req:header("x-ratelimit-remaining-second", fault.scope == "minute" and limit or 0)
    req:header("x-ratelimit-limit-minute", minute)
    req:header("x-ratelimit-remaining-minute", fault.scope == "minute" and 0 or minute)
  elseif limiter then
    req.head_n = limiter:headers(req.head, req.head_n)
  end
end

local function handle_request(method, target, authorization, content_type, body, headers, connection, too_large)
  local path, raw_query = match(target, "^([^?]*)%??(.*)$")
  req:begin()
  local at = log_request(method, target, headers, body, connection)

  req.method, req.path, req.query, req.body, req.content_type = method, path, raw_query, body, content_type
  req.authorization, req.too_large = authorization, too_large
  local token = find_token(authorization)
  req.token = token

  local limiter = world.limiter
  local status, text, kind, action
  local admitted, wait = true, nil
  if limiter then
    if token then
      admitted, wait = limiter:take(world.clock.mono)
    else
      limiter:look(world.clock.mono)
    end
  end
  local f
  if not admitted then
    status, text, kind = too_many()
    local retry_after = limiter.retry_after
    if retry_after then
      req:header("Retry-After", retry_after == true and math.ceil(wait) or math.tointeger(retry_after) or retry_after)
    end
  else
    if world.faults.list[1] then f = world.faults:find(method, path, false) end
    if f then
      if limiter and token and f.kind == "reset_before" then limiter:untake() end
      req.fault = f
      status, text, kind, action = apply_fault(f)
    else
      status, text = routes.answer(world, req)
    end
  end

  if text and status ~= 204 then req:header("Content-Type", kind or answers.JSON) end
  local date = world.clock.http_date
  if f and f.date ~= nil then date = world.clock:shifted_date(f.date) end
  if date then req:header("Date", date) end
  req:header("Trace-Id", req.trace_id)
  limit_headers(f)
  local counts = world.counts
  if status then counts[status] = (counts[status] or 0) + 1 end
  if at then
    world.log:finish(at, not (action and (action.drop or action.raw)) and status or false, f and f.kind or false)
  end
  return status or 200, text, req:close_headers(), action
end

local function handle(method, target, authorization, content_type, body, headers, connection, too_large, m, s, t)
  world.clock:set(m, s, t)
  local ok, status, text, names, action = xpcall(handle_request, debug.traceback, method, target, authorization,
    content_type, body, headers, connection, too_large)
  if ok then return status, text, names, action end
  world.counts.failures = world.counts.failures + 1
  return 500, req:error_body("server-error", "The sandbox itself failed: " .. tostring(status)),
    { "Content-Type", answers.JSON, "Date", world.clock.http_date }
end

local function early(method, target, headers, connection, m, s, t)
  local f = world.faults:find(method, match(target, "^[^?]*"), true)
  if not f then return nil end
  world.clock:set(m, s, t)
  world.host.early(world.faults:any_early())
  local at = log_request(method, target, headers, nil, connection)
  if at then world.log:finish(at, false, f.kind) end
  return f.bytes or 0, f.how or "reset"
end

local function command(json)
  return commands.run(world, json)
end

local server = {}

--- Called once by C.
-- @param options JSON
-- @param offered what C offers: early(on), headers(on), connections(), clock(), tls
-- @return handle, early, command, the info for the starter (JSON)
function server.open(options, offered)
  world.host, world.original = offered, options
  local ok, err = pcall(commands.setup, world, answers.decode(options))
  if not ok then error(type(err) == "table" and "misuse: " .. err.misuse or err, 0) end
  return handle, early, command, commands.info(world)
end

return server
