--- Clients.
local contact_infos = require "awork.contact_infos"
local core = require "awork.core"
local errors = require "awork.error"
local hooks = require "awork.hooks"
local json = require "awork.json"
local oauth = require "awork.oauth"
local option_list = require "awork.options"
local permissions = require "awork.permissions"
local resource = require "awork.resource"
local session = require "awork.session"
local users = require "awork.users"

-- Desired state is loaded when it is first asked for: most scripts, and most states of a host, never do.
local function desired_state()
  return require "awork.desired"
end

--- A client: connections, a rate limiter and tasks of its own, nothing shared with other clients.
--
-- Called plainly a method blocks; in a task (`client:spawn`) it yields and other tasks run meanwhile. A client belongs
-- to one lua_State. Close it with `client:close()`, a to-be-closed variable, or leave it to the garbage collector.
---@class awork.Client
---@field contact_infos awork.ContactInfos of users
---@field company_contact_infos awork.ContactInfos of companies
---@field users awork.Users
---@field companies awork.Companies
---@field base_url string
---@field engine userdata for C hosts (awork_toengine in awork.h)
local Client = { __name = "awork.client" }
Client.__index = Client

-- The session of a client, out of the sight of whoever prints the client's fields. Keys are weak: an entry lives as
-- long as its client.
local sessions = setmetatable({}, { __mode = "k" })

local client = {}

-- The session of `self`; raises if it is no client, or a closed one that must not be.
local function session_of(self, name, may_be_closed)
  local found = sessions[self]
  if not found then
    error(("bad argument #1 to '%s' (awork.client expected; call it with a colon)"):format(name), 3)
  elseif found.closed and not may_be_closed then
    error("awork: the client is closed", 3)
  end
  return found
end

-- Bytes of a path, and of the headers that a caller may add to one request.
local PATH_MAX, HEADERS_MAX = 8192, 8192

-- What is wrong with headers that a caller sets, for all requests ("client") or one ("request"); core.header_fault
-- knows the rule for each.
local function header_fault(headers, by)
  local bytes, count, seen = 0, 0, {}
  for name, value in next, headers do
    local fault = core.header_fault(name, value, by)
    if fault then
      return fault
    end
    local folded = core.lower(name)
    if seen[folded] then
      return ("the header '%s' is there twice"):format(folded)
    end
    seen[folded] = true
    bytes, count = bytes + #name + #value, count + 1
  end
  if bytes > HEADERS_MAX or count > 32 then
    return ("%d headers of %d bytes, at most 32 of %d bytes can be sent"):format(count, bytes, HEADERS_MAX)
  end
  return nil
end

-- The engine's options of a client's.
local function engine_options(checked, events)
  local out = { events = events, base_url = checked.base_url }
  for _, option in ipairs(option_list.list) do
    if option.engine then
      out[option.engine == true and option.name or option.engine] = checked[option.name]
    end
  end
  return out
end

-- What the world got wrong of a client's options: an error, or nil.
local function world_fault(checked)
  local token, allow_http = checked.token, checked.allow_http
  if token == nil then
    return errors.invalid("token-missing", "token", "required", "no token was given",
      "is the environment variable or setting that it comes from set?")
  elseif type(token) == "string" then
    local fault = core.token_fault(token)
    if fault then
      return errors.invalid("token-invalid", "token", "token", "the token can't be used: " .. fault)
    end
  end
  -- What it says of a URL that is good is whether that is this machine: then no proxy is used.
  local fault, more = core.base_url_fault(checked.base_url, allow_http)
  if fault then
    return errors.invalid(more and "insecure-base-url" or "invalid-base-url", "base_url", "url",
      "'base_url' " .. fault, more and "allow_http = true permits it" or nil)
  end
  local loopback, url = more, oauth.is(token) and oauth.token_url(token)
  if url then
    fault, more = core.url_fault(url, allow_http)
    if fault then
      return errors.invalid(more and "insecure-base-url" or "invalid-base-url", "token_url", "url",
        "'token_url' of awork.oauth " .. fault, more and "allow_http = true permits it" or nil)
    end
  end
  local proxy = checked.proxy
  if proxy then
    fault = core.proxy_fault(proxy)
  elseif proxy == nil and not loopback then
    fault = core.proxy_fault()
  end
  if fault then
    return errors.invalid("invalid-proxy", "proxy", "url",
      (proxy and "'proxy' " or "https_proxy of the environment ") .. fault)
  end
  return nil
end

--- Makes a client. Opens no connection yet.
--
-- Raises on an unknown option and on one of a wrong type or out of its range. Returns `nil, err` for what comes from
-- outside the program: no token (an unset environment variable), one that can't be a token, a base_url that is none or
-- not https, a proxy's URL that can't be used, a file of certificates that is not there.
--
-- The options with their defaults and units are listed in lua/awork/options.lua and docs/api.md.
---@param options table
---@return awork.Client? client
---@return table? err
function client.new(options)
  if type(options) ~= "table" then
    error(("bad argument #1 to 'client' (table expected, got %s)"):format(type(options)), 2)
  end
  local checked, message = option_list.check(options)
  if not checked then
    error(("bad argument #1 to 'client' (%s)"):format(message), 2)
  end
  message = checked.headers and header_fault(checked.headers, "client")
  if message then
    error(("bad argument #1 to 'client' (option 'headers': %s)"):format(message), 2)
  end
  message = checked.user_agent and header_fault({ ["user-agent"] = checked.user_agent }, "client")
  if message then
    error(("bad argument #1 to 'client' (option 'user_agent': %s)"):format(message), 2)
  end
  local err = world_fault(checked)
  if err then
    return nil, err
  end
  -- Found out now, not with the first request. A host may have taken io away.
  local file = checked.ca_file and io and io.open(checked.ca_file, "rb")
  if file then
    file:close()
  elseif checked.ca_file and io then
    return nil, errors.new {
      kind = "tls", code = "ca-file", description = "the file of certificates can't be read: " .. checked.ca_file,
      hint = "check the option ca_file", retryable = false,
    }
  end
  local codec = json.codec(checked.max_depth, checked.max_values)
  local observers = hooks.new(checked, codec)
  local engine, why = core.engine(engine_options(checked, observers and observers.wants_events or false))
  if not engine then
    return nil, errors.new {
      kind = why:find("certificate", 1, true) and "tls" or "protocol", code = "engine", description = why,
      retryable = false,
    }
  end
  local found = session.new(checked, engine, codec, observers)
  local self = setmetatable({
    contact_infos = contact_infos.new(found, "user"),
    company_contact_infos = contact_infos.new(found, "company"),
    users = users.users(found),
    companies = users.companies(found),
    base_url = found.base,
    engine = engine,
  }, Client)
  sessions[self] = found
  return self
end

-- A path that stays below base_url: it is the caller's, and may have ids from anywhere in it.
local function path_fault(path)
  if #path > PATH_MAX then
    return ("it has %d bytes, at most %d can be sent"):format(#path, PATH_MAX)
  elseif path:sub(1, 1) ~= "/" or path:sub(1, 2) == "//" then
    return "it must begin with one '/'"
  elseif path:find "[?#]" then
    return "a query goes into the option 'query', a fragment nowhere"
  elseif path:find "[^0-9A-Za-z%-._~!$&'()*+,;=:@%%/]" or path:find "%%%X" or path:find "%%.%X"
    or path:find "%%.?$" then
    return "what is not a letter, digit or plain punctuation must be percent-encoded"
  end
  for segment in path:gmatch "[^/]+" do
    local plain = segment:gsub("%%(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
    end)
    if plain == "." or plain == ".." then
      return "'.' and '..' can't be segments of it"
    elseif plain:find "[/\\\0-\31\127]" then
      return "a segment holds a slash, a backslash or a control character"
    end
  end
  return nil
end

local METHODS = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true }

local REQUEST_OPTIONS = {
  query = { table = true }, body = { table = true, string = true }, headers = { table = true },
  timeout = { number = true }, start_within = { number = true },
  retry = { boolean = true, number = true }, idempotent = { boolean = true },
}

--- Any other endpoint.
--
--     local projects, res = client:request("GET", "/projects", { query = { page = 1, pageSize = 100 } })
--
-- Options:
--   query      table: names to strings, numbers, booleans, or lists of them (the name is given once for each)
--   body       table, sent as JSON; or string, sent as it is (application/json unless `headers` says otherwise)
--   headers    table: name to value; not Authorization and what the engine sets
--   timeout    seconds, the client's by default
--   start_within  seconds: if its turn (rate limit, connections) comes later it is not sent, kind "rate_limit"
--   retry      false: only one attempt; a number: so many retries
--   idempotent true: may be sent again although it may have taken effect. GET, HEAD, PUT, DELETE and OPTIONS always
--              are, POST and PATCH are not
--
-- The response: { status =, headers = { [lowercase] = value }, body = raw text, url =, http_version =, attempts =,
-- timings = { queue, wait, connect, tls, first_byte, total, in seconds } }.
---@param method string GET, POST …
---@param path string below base_url; begins with "/", percent-encoded where need be, without a query
---@param options? table
---@return any body decoded, JSON null being absent; true if there is none (204, or null); nil if it failed
---@return table response_or_err the response; err if it failed
function Client:request(method, path, options)
  local found = session_of(self, "request")
  if type(method) ~= "string" or not METHODS[method] then
    error("bad argument #1 to 'request' (GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS expected)", 2)
  elseif type(path) ~= "string" then
    error(("bad argument #2 to 'request' (string expected, got %s)"):format(type(path)), 2)
  elseif options ~= nil and type(options) ~= "table" then
    error(("bad argument #3 to 'request' (table expected, got %s)"):format(type(options)), 2)
  end
  options = options or {}
  for name, value in next, options do
    local kinds = REQUEST_OPTIONS[name]
    if not kinds then
      error(("bad argument #3 to 'request' (unknown option '%s')"):format(tostring(name)), 2)
    elseif not kinds[type(value)] then
      error(("bad argument #3 to 'request' (option '%s' can't be a %s)"):format(name, type(value)), 2)
    end
  end
  local timeout, retry, start_within = options.timeout, options.retry, options.start_within
  if timeout and not (timeout > 0 and timeout < math.huge) then
    error("bad argument #3 to 'request' (option 'timeout': seconds above 0 expected)", 2)
  elseif start_within and not (start_within > 0 and start_within < math.huge) then
    error("bad argument #3 to 'request' (option 'start_within': seconds above 0 expected)", 2)
  elseif retry == true or (retry and (math.type(retry) ~= "integer" or retry < 0 or retry > 100)) then
    error("bad argument #3 to 'request' (option 'retry': false or an integer from 0 to 100 expected)", 2)
  end
  local fault = path_fault(path)
  if fault then
    return nil, errors.invalid("invalid-path", "path", "path", "the path can't be used: " .. fault)
  end
  local query, message = resource.query(options.query)
  if not query then
    return nil, errors.invalid("invalid-query", "query", "type", message)
  end
  local body = options.body
  if type(body) == "table" then
    local where
    body, message, where = found.codec.encode(body)
    if not body then
      return nil, errors.invalid("invalid-body", where ~= "" and where or "body", "type", message)
    end
  end
  local headers
  if options.headers then
    headers = {}
    for name, value in next, body and found.json_headers or found.plain_headers do
      headers[name] = value
    end
    fault = header_fault(options.headers, "request")
    if fault then
      return nil, errors.invalid("invalid-header", "headers", "header", fault)
    end
    for name, value in next, options.headers do
      headers[core.lower(name)] = value
    end
  end
  local safe = options.idempotent or (method ~= "POST" and method ~= "PATCH")
  local value, result = found:call(method, path, body, {
    query = query, headers = headers, timeout = timeout, start_within = start_within, retry = retry, safe = safe,
  })
  return value, result
end

--- Makes a task of a function: a coroutine in which the methods of this client yield while they wait, so that others
-- run. It does not run before the next `step`, `wait`, `loop` or `task:wait()`. The methods of another client block in
-- it, and so do this one's in coroutines that the function makes itself. `coroutine.yield()` in it lets others run.
---@param fn function
---@param ... any its arguments
---@return awork.Task
function Client:spawn(fn, ...)
  local found = session_of(self, "spawn")
  if type(fn) ~= "function" then
    error(("bad argument #1 to 'spawn' (function expected, got %s)"):format(type(fn)), 2)
  end
  return found.scheduler:spawn(fn, ...)
end

--- Drives all tasks to their end.
---@return true? ok nil, err if one raised and nobody waits for it: the first of them; the others are logged
---@return table? err
function Client:loop()
  local found = session_of(self, "loop")
  local ok, err = found.scheduler:loop()
  found:drain()
  return ok, err
end

--- Moves everything on without blocking.
---@return integer tasks how many are not done
function Client:step()
  local found = session_of(self, "step")
  local live = found.scheduler:pump()
  found:drain()
  return live
end

--- Moves everything on, and blocks until something happens, at most so long.
---@param seconds number
---@return integer tasks how many are not done
function Client:wait(seconds)
  local found = session_of(self, "wait")
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    error("bad argument #1 to 'wait' (seconds expected, 0 or more)", 2)
  end
  local live = found.scheduler:pump(seconds)
  found:drain()
  return live
end

--- When `step` is to be called though no socket is ready.
---@return number? seconds 0: at once; nil: nothing is pending
function Client:timeout()
  return session_of(self, "timeout").scheduler:timeout()
end

--- The sockets to watch for `step`. They change with every step.
---@return { fd: integer, read: boolean, write: boolean }[]
function Client:sockets()
  return session_of(self, "sockets").engine:sockets()
end

--- Sleeps: in a task it yields, elsewhere it blocks.
---@param seconds number
---@return true? ok nil, err if the client was closed meanwhile
---@return table? err
function Client:sleep(seconds)
  local found = session_of(self, "sleep")
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds < math.huge) then
    error("bad argument #1 to 'sleep' (seconds expected, 0 or more)", 2)
  end
  local result = found.scheduler:sleep(seconds)
  if result.kind == "closed" then
    return nil, errors.from_transport(result)
  end
  return true
end

--- Lets others run, if it is time: for a task that computes for long, called after each of many small pieces of work.
-- If the step has run for about a millisecond, the task goes on in the next one; else, and outside a task, it returns
-- at once. What this client does itself in a task (plan, apply, find, decoding) does the same.
--
--     client:spawn(function()
--       for _, row in ipairs(rows) do
--         work_on(row)
--         client:yield()
--       end
--     end)
---@return boolean ended true if the turn was ended, and others ran
function Client:yield()
  return session_of(self, "yield").scheduler:breathe()
end

--- What the client has done so far: the engine's counters (requests, attempts, retries, waits, bytes, connections, time
-- by phase), and adopted, read_backs, reposts (creates in doubt), tasks (live), hook_errors.
---@return table
function Client:stats()
  local found = session_of(self, "stats")
  local stats = found.engine:stats()
  for name, count in next, found.counts do
    stats[name] = count
  end
  stats.tasks = found.scheduler.live
  stats.hook_errors = found.hooks and found.hooks.errors or 0
  return stats
end

--- Plans what is to be done so that people have the contact infos that they should have. Changes nothing.
--
--     local plan = assert(client:plan({
--       { user = "anna@example.org", contact_infos = { { type = "phone", subType = "work", value = "+49 30 1" } } },
--     }))
--     plan:print()
--
-- `desired` is a list (or an iterator) of entries: `user`, an id or an e-mail address that one user has as a contact
-- info, or `company`, an id, an e-mail address or a name; `contact_infos`, a list; and perhaps `source = { row = … }`,
-- which comes back in what is said about the entry. A contact info has the form's fields, and perhaps `id` (which one
-- of those that exist is meant), `absent = true` (it is not to be there) or `replace = true`. A field that is not
-- given is left as it is; `awork.null` empties it.
--
-- All users are read, a thousand a request. A desired info is the existing one with its id, else the one with its type,
-- subtype and normalised value or address (lua/awork/desired/normalise.lua); one without a subtype is any. Where that
-- one differs in a field that is given, it is updated, where none is, one is created. Nothing else is touched, unless
-- `prune = true`: then what the people named have beside that, in the scope of `only`, is deleted, or becomes what is
-- missing. External users, agents, deleted, archived and deactivated ones, and the address someone logs in with (that
-- of a field `email` of the user, else e-mail addresses of subtype work, and the oldest) are left alone unless `touch`
-- names them; the address by which an entry finds someone always is.
--
-- Options: prune, only, replace, default_country, touch, delete_limit, keeps; see lua/awork/desired/options.lua.
--
-- The plan is data: `changes` (each { op = "create"|"update"|"delete", owner =, owner_id =, name =, id =, before =,
-- form =, fields =, why =, source = }), `problems` (what can't be planned: { kind = "invalid"|"not-found"|"ambiguous"|
-- "conflict"|"taken", message =, violations =, source = }), `warnings`, `skipped`, `summary`; with the methods print,
-- to_text, to_json, save, is_empty, state, exit_code.
---@param desired table[]|fun(): table?
---@param options? table
---@return table? plan
---@return table? err
function Client:plan(desired, options)
  local found = session_of(self, "plan")
  local plan, err = desired_state().plan(self, found, desired, options)
  return plan, err
end

--- Applies a plan: reads again whom it touches, skips as stale what is no longer as the plan saw it, notes each change
-- in an undo journal (mode 0600, on disk before the request goes out), and writes.
--
-- The changes of one person are made one after another, deletions last; several people at once. Killed at any moment,
-- the same plan (or a new one) can be applied: what is done already is seen, nothing is made twice.
--
-- Options: partial, delete_limit, concurrency, journal, journal_dir, on_progress, should_stop, recheck; see
-- lua/awork/desired/apply.lua. The report is described in lua/awork/desired/report.lua.
---@param plan table from client:plan, awork.load_plan or awork.undo_plan
---@param options? table
---@return table? report nil if nothing was done: kind "plan", code "problems", "delete-limit" or "other-server"
---@return table? err
---@return table? partial the report, beside an err of a callback that raised
function Client:apply(plan, options)
  local found = session_of(self, "apply")
  local report, err, partial = desired_state().apply(self, found, plan, options)
  return report, err, partial
end

--- Puts back what an apply changed: what it created is deleted, what it updated or deleted is as it was, save what has
-- been changed since (stale). Writes a journal itself. `awork.undo_plan(journal)` is the plan of it, to look at first.
---@param journal string path
---@param options? table as for apply
---@return table? report
---@return table? err
---@return table? partial
function Client:undo(journal, options)
  local found = session_of(self, "undo")
  local report, err, partial = desired_state().undo(self, found, journal, options)
  return report, err, partial
end

--- What the token may do. awork API: GET /me/permissions.
--
-- An admin may do everything; one who is blocked, nothing. A user's own contact infos are always theirs.
---@return awork.Permissions? permissions { user_id =, role_id =, admin =, guest =, blocked =, features = { [feature] =
-- { [level] = true } } as awork names them, users = { read = "all"|"own"|"none", write = the same } and companies =
-- { read = "all"|"none", write = the same } for their contact infos, by_team = whether lists of users are narrowed }
---@return table? err
function Client:permissions()
  local found = session_of(self, "permissions")
  local answer, err = found:fetch("GET", "/me/permissions", nil, {})
  if not answer then
    return nil, err
  end
  local result = permissions.of(answer)
  if not result then
    return nil, errors.unreadable({ status = 200 }, "GET", "/me/permissions", "unexpected-answer",
      "it does not say whose permissions these are")
  end
  return result
end

--- Asks who the token belongs to and what it may do, in three or four requests that change nothing. awork API: GET /me,
-- /me/permissions, /users, /apiusers.
--
-- awork narrows the list of users to teams for some roles, and to one's own user without the permission to read others,
-- without an error: `sees` says what was seen.
---@return table? report see lua/awork/desired/check.lua
---@return table? err
function Client:check()
  session_of(self, "check")
  local report, err = desired_state().check(self)
  return report, err
end

--- Closes the client: idempotent. Connections are closed, requests in flight given up. A task that waits for one gets
-- `nil, err` with `err.kind == "closed"`; one that then waits again, or never ran, is stopped. After that every method
-- but close and tostring raises.
function Client:close()
  local found = session_of(self, "close", true)
  found.closed = true
  found.scheduler:close() -- once; again if memory ran out in it
end

--- True once it is closed.
---@return boolean
function Client:is_closed()
  return session_of(self, "is_closed", true).closed
end

Client.__close = Client.close

Client.__tostring = function(self)
  local found = sessions[self]
  return ("awork.client: %s%s"):format(found.base, found.closed and " (closed)" or "")
end

return client
