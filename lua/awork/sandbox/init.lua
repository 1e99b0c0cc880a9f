--- awork.sandbox: an awork-like server inside the process, for tests.
--
--     local sandbox = require "awork.sandbox".start { users = 10 }
--     local client  = require "awork".client { base_url = sandbox.url, token = sandbox.token }
--     …
--     sandbox.stop()
--
-- It runs on a thread of its own with a lua_State of its own and listens on loopback. Several may run at once.
local cjson = require "cjson".new()
local core = require "awork.sandbox.core"

local sandbox = {}

cjson.encode_sparse_array(true, 1, 0)

-- null → nil, whole numbers → integers, all the way down
local function plain(v)
  if type(v) == "table" then
    for key, inner in pairs(v) do v[key] = plain(inner) end
    if v.resourceVersion then -- comes as text, so that no digit is lost
      v.resourceVersion = math.tointeger(tonumber(v.resourceVersion))
    end
  elseif v == cjson.null then
    return nil
  elseif type(v) == "number" then
    return math.tointeger(v) or v
  end
  return v
end

local LOCAL_OPTIONS = { port = true, host = true, body_limit = true, idle_timeout = true, tls = true }
local TLS_KINDS = { valid = true, expired = true, wrong_host = true, self_signed = true }

local function tls_of(v)
  local kind, priorities = v, nil
  if type(v) == "table" then kind, priorities = v.certificate or "valid", v.priorities end
  if not kind then return nil end
  if kind == true then kind = "valid" end
  if not TLS_KINDS[kind] then
    error("tls must be true, 'expired', 'wrong_host', 'self_signed', or a table with certificate and priorities", 3)
  end
  return kind, priorities
end

--- Start a sandbox.
--
-- @param options table, all optional:
--   `users`, `companies`: a number of invented ones (3 and 2), or a list of tables with a record's fields, contact
--     infos under `contact_infos`;
--   `contact_infos_per_user`, `contact_infos_per_company` (0): for the invented ones; `max_contact_infos`: how many
--     one record keeps, the oldest goes (no limit); `seed` (1): ids and people follow from it;
--   `token` ("sandbox-token"): the admin's; `tokens`: a list of `{ token=, user= (id, or place in the list; none: an
--     API key with an API user of its own), name= (the API user's), admin=, rights = { "user-master-data:read", … },
--     guest=, blocked=, teams= (what it is limited to: true, its user's; or a list), expires_in= (seconds) }`;
--   `teams`: a list of `{ name=, icon=, color=, id=, users= (ids, or places in the list) }`;
--   `extra_fields`: `{ user=, company=, contact_info= }`, tables of what answers have beyond awork's description;
--   `list_order` ("created"): of a list without orderby, or "shuffled" anew with every request;
--   `oauth`: `{ client_id=, client_secret=, public= (no secret needed), refresh_token=, expires_in=86400, user=1,
--     admin=true, rights= }`, or false;
--   `rate_limit`: `{ second=50, minute=1000, window="fixed"|"sliding", second_seconds=1, minute_seconds=60,
--     retry_after=false|true|value }`, or false for none;
--   `page_size` (10): of a list that does not say; `body_limit` (1 MiB); `idle_timeout` (0, never): seconds until an
--     idle connection is closed;
--   `log` (10000): how many requests are kept, false for none;
--   `now`: the server's clock starts there (seconds since the epoch); `clock_offset` (0): seconds it is ahead;
--   `port` (0, any free one), `host` ("127.0.0.1");
--   `tls` (false): true, or the certificate's flaw: "expired", "wrong_host", "self_signed", or
--     `{ certificate=, priorities= (of gnutls) }`.
-- @return the handle: `url` (with /api/v1), `origin`, `port`, `token`, `user_ids`, `company_ids`, `team_ids`,
--   `api_user_ids`, `me_id`, `workspace_id`, `oauth` (client_id, client_secret, refresh_token), `ca_file` (TLS), and
--   the functions below, which work with `.` and `:` alike; or nil and a message when it can't listen. A wrong option
--   raises.
function sandbox.start(options)
  if options == nil then options = {} end
  if type(options) ~= "table" then error("options must be a table", 2) end
  local kind, priorities = tls_of(options.tls)
  local inner = {}
  for name, v in pairs(options) do
    if not LOCAL_OPTIONS[name] then inner[name] = v end
  end
  -- an empty list must not become an object
  local ok, json = pcall(cjson.encode, inner)
  if not ok then error("options can't be handed over: " .. tostring(json), 2) end
  local address = options.host or "127.0.0.1"
  local server, info, port, ca_file = core.start {
    path = package.path, cpath = package.cpath, options = json, host = address, port = options.port,
    body_limit = options.body_limit, idle_timeout = options.idle_timeout, tls = kind, priorities = priorities,
  }
  if not server then
    local misuse = info:match "^misuse: (.*)$"
    if misuse then error(misuse, 2) end
    return nil, info
  end

  local handle = {}
  local function take_over(t)
    for name, v in pairs(t) do handle[name] = v end
  end
  take_over(cjson.decode(info))
  local shown = address:find(":", 1, true) and "[" .. address .. "]" or address
  handle.port, handle.ca_file = port, ca_file
  handle.origin = (kind and "https://" or "http://") .. shown .. ":" .. port
  handle.url = handle.origin .. "/api/v1"

  -- Ask the server. A misuse raises at the caller's caller; what the world can cause raises too: the sandbox is for
  -- tests, and a test that lost its server is over.
  local function ask(command)
    local encoded, text = pcall(cjson.encode, command)
    if not encoded then error("can't be handed over: " .. tostring(text), 3) end
    local reply, message = server:call(text, 30)
    if not reply then error(message, 3) end
    local answer = cjson.decode(reply)
    if not answer.ok then error(answer.error, 3) end
    return plain(answer.result)
  end

  -- `f(x)`, `handle.f(x)` and `handle:f(x)` are the same.
  local function argument(a, b)
    if a == handle then return b end
    return a
  end

  --- End it: its thread, its sockets, its temporary files. May be called again.
  function handle.stop()
    server:stop()
  end

  --- Let requests go wrong: see awork.sandbox.faults for the kinds.
  -- @return the fault's number
  function handle.fault(a, b)
    local spec = argument(a, b)
    if type(spec) ~= "table" then error("a fault must be a table", 2) end
    local copy = {}
    for name, v in pairs(spec) do copy[name] = v end
    if copy.times == math.huge then copy.times = 2 ^ 60 end
    return ask { command = "fault", fault = copy }
  end

  --- Forget all faults, or the one of this number.
  function handle.clear_faults(a, b)
    ask { command = "clear_faults", id = argument(a, b) }
  end

  --- The faults there are: `{ id=, kind=, method=, path=, fired=, left=, length= }`.
  function handle.faults()
    return ask { command = "faults" }
  end

  --- The requests the server got, oldest first: `{ method=, target=, path=, query= (raw), args= (decoded, names in
  -- lower case), headers= (lower case), body=, status= (nil when broken off), time= (the server's clock), elapsed=
  -- (since the start), connection= (number), fault= (kind) }`.
  function handle.requests()
    return ask { command = "requests" }
  end

  --- Empty the log and the counters.
  function handle.clear_requests()
    ask { command = "clear_requests" }
  end

  --- Counters: `requests`, `refused` (429 by the limits), `status` (by status, as strings), `connections`,
  -- `open_connections`, `failures` (of the sandbox itself), `memory` (bytes of its lua_State).
  function handle.stats()
    return ask { command = "stats" }
  end

  --- Everything it holds: `{ users =, companies =, api_users =, teams = }`, contact infos embedded, nulls absent.
  function handle.state()
    return ask { command = "state" }
  end

  --- The contact infos of one user or company.
  -- @param id GUID
  function handle.contact_infos(a, b)
    local id = argument(a, b)
    if type(id) ~= "string" then error("an id must be a string", 2) end
    return ask { command = "contact_infos", id = id }
  end

  --- Change it while it runs: `users`, `companies` (replace all), `contact_infos_per_user`, `tokens`, `oauth`,
  -- `rate_limit`, `log`, `clock_offset`, `page_size`, `list_order`, as in `start`. The handle's fields follow. With
  -- new users come new tokens: the admin's, and those given along; OAuth starts anew, too.
  function handle.set(a, b)
    local o = argument(a, b)
    if type(o) ~= "table" then error("options must be a table", 2) end
    take_over(ask { command = "set", options = o })
  end

  --- Moves the server's clock on: what lags behind, expires or is dated by it follows.
  -- @param seconds a number; negative: back
  function handle.advance(a, b)
    ask { command = "advance", seconds = argument(a, b) }
  end

  --- Back to how it was started: data, tokens, limits, clock; no faults, an empty log.
  function handle.reset()
    take_over(ask { command = "reset" })
  end

  return setmetatable(handle, {
    __name = "awork.sandbox",
    __close = handle.stop,
    __gc = handle.stop,
    __tostring = function() return "awork.sandbox (" .. handle.url .. ")" end,
  })
end

return sandbox
