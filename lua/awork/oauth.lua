--- OAuth 2: a source of access tokens that refreshes them.
--
--     local token = awork.oauth {
--       client_id = "…", client_secret = "…", refresh_token = load(), on_refresh = function(new) save(new) end,
--     }
--     local client = awork.client { token = token }
--
-- A refresh voids the old refresh token at once. So the new one goes to `on_refresh` before anything else happens,
-- only one refresh is under way at a time, and it does not end with the call (or task) that needed it.
-- All secrets live in closures: no dump or tostring of the source shows them.
local core = require "awork.core"
local errors = require "awork.error"

local oauth = {}

-- Secrets go through these alone, as they are now: a script that is handed a client can replace what it sees.
local set_token, token_fault, redact, escape, base64 = core.set_token, core.token_fault, core.redact, core.escape,
  core.base64
local pcall, type, tonumber, running = pcall, type, tonumber, coroutine.running
local min = math.min

-- The metatable of a source.
local Source = { __name = "awork.oauth" }
Source.__index = Source
Source.__tostring = function()
  return "awork.oauth"
end

-- What a source can do for a client, out of the sight of whoever has it: source -> { attach =, token_url = }. Keys are
-- weak.
local sources = setmetatable({}, { __mode = "k" })

-- An access token is renewed this many seconds before it expires, or a tenth of its life if that is less.
local MARGIN = 60

-- A token that was got because another one was refused, and that is refused itself when it is younger than this, lacks
-- a permission: a new one would not help. Seconds.
local YOUNG = 60

-- Another process that has used up our refresh token may be about to store its successor. Seconds.
local PAUSE = 0.5

-- Longest lifetime that is believed, in seconds: a hundred years.
local LIFE_MAX = 100 * 365 * 86400

local OPTIONS = {
  client_id = { string = true }, client_secret = { string = true },
  refresh_token = { string = true, ["function"] = true }, access_token = { string = true },
  expires_at = { number = true }, token_url = { string = true }, on_refresh = { ["function"] = true },
  clock = { ["function"] = true },
}

local SECRET_MAX = 8192

-- The error of an answer that is no token.
local function unusable(description)
  return errors.new {
    kind = "protocol", code = "invalid-token-response", description = description, retryable = false,
  }
end

--- A source of access tokens, for the `token` option of a client.
--
-- awork API: POST /accounts/token, form-encoded; a client with a secret authenticates with Basic, one without sends
-- its client_id in the form.
--
-- Options:
--   client_id      string, needed
--   client_secret  string, of a confidential client
--   refresh_token  string, or a function that returns one; needed. awork's live 30 days. The function is asked when the
--                  first refresh is due, and again when awork calls the token void: another process that shares the
--                  store may have put a newer one there
--   access_token   string, used until it expires or is refused
--   expires_at     number, epoch seconds at which access_token expires
--   on_refresh     function(refresh_token, { access_token =, expires_at = }): stores the new refresh token, before it
--                  is used. If it raises, or returns false or nil and a message, the call that needed the token gets an
--                  error (code `on-refresh-failed`); the tokens are kept and handed to it again the next time. It must
--                  not use the client itself.
--   token_url      string, base_url .. "/accounts/token" by default
--   clock          function, epoch seconds; os.time by default; for tests
---@param options table
---@return table source
function oauth.new(options)
  if type(options) ~= "table" then
    error(("bad argument #1 to 'oauth' (table expected, got %s)"):format(type(options)), 2)
  end
  for name, value in next, options do
    local kinds = OPTIONS[name]
    if not kinds then
      error(("bad argument #1 to 'oauth' (unknown option '%s')"):format(tostring(name)), 2)
    elseif not kinds[type(value)] then
      error(("bad argument #1 to 'oauth' (option '%s': %s expected, got %s)"):format(name,
        kinds.string and kinds["function"] and "string or function" or next(kinds), type(value)), 2)
    end
  end
  for _, name in ipairs { "client_id", "refresh_token" } do
    if not options[name] or options[name] == "" then
      error(("bad argument #1 to 'oauth' (option '%s' is needed)"):format(name), 2)
    end
  end
  for _, name in ipairs { "client_id", "client_secret", "refresh_token", "access_token" } do
    local value = options[name]
    if type(value) == "string" and not core.header_safe(value) then
      error(("bad argument #1 to 'oauth' (option '%s' has a control character)"):format(name), 2)
    elseif type(value) == "string" and name ~= "access_token" and #value > SECRET_MAX then
      error(("bad argument #1 to 'oauth' (option '%s' is longer than 8 KiB)"):format(name), 2)
    end
  end
  local fault = options.token_url and core.url_fault(options.token_url, true)
  if fault then
    error(("bad argument #1 to 'oauth' (option 'token_url' %s)"):format(fault), 2)
  end
  local client_id, client_secret, token_url = options.client_id, options.client_secret, options.token_url
  local on_refresh, clock = options.on_refresh, options.clock or os.time
  local ask = type(options.refresh_token) == "function" and options.refresh_token
  local refresh_token = not ask and options.refresh_token or nil
  local access_token, expires_at = options.access_token, options.expires_at
  if access_token and token_fault(access_token) then
    access_token = nil -- as good as refused
  end
  local obtained_at, obtained -- when we got access_token ourselves: by the clock, and by one that nobody sets
  local refused = false -- the last access_token was, by awork
  local by_refusal = false -- access_token was got because of that
  local unstored = false -- on_refresh has not taken refresh_token yet
  local flight, flight_session, flight_co -- the task that refreshes, whose it is, its coroutine

  -- Epoch seconds; nil if the caller's clock gives none.
  local function time()
    local ok, seconds = pcall(clock)
    return ok and type(seconds) == "number" and seconds == seconds and seconds or nil
  end

  -- The refresh token that the caller has now; or nil, err.
  local function ask_store()
    local ok, token, why = pcall(ask)
    if not ok then
      return nil, redact(errors.raised("token-unavailable", "the function refresh_token", token), refresh_token)
    elseif type(token) ~= "string" or token == "" or #token > SECRET_MAX or not core.header_safe(token) then
      if errors.is(why) then
        return nil, why
      end
      return nil, errors.invalid("token-unavailable", "token", "token", "the function refresh_token returned none that "
        .. "can be sent" .. (why ~= nil and ": " .. errors.text_of(why) or ""))
    end
    return token
  end

  -- Hands the new refresh token over; it is not used before that has worked.
  local function store()
    if on_refresh and unstored then
      local ok, stored, why = pcall(on_refresh, refresh_token, { access_token = access_token, expires_at = expires_at })
      if not ok or stored == false or (stored == nil and why ~= nil) then
        local cause = stored
        if ok then
          cause = why or "it returned false"
        end
        local err = errors.raised("on-refresh-failed", "on_refresh", cause)
        return nil, redact(redact(err, refresh_token), access_token)
      end
    end
    unstored = false
    return true
  end

  local function request(session)
    local form = "grant_type=refresh_token&refresh_token=" .. escape(refresh_token)
    local headers = { ["content-type"] = "application/x-www-form-urlencoded", ["accept"] = "application/json" }
    if client_secret then
      headers["authorization"] = "Basic " .. base64(client_id .. ":" .. client_secret)
    else
      form = form .. "&client_id=" .. escape(client_id)
    end
    return session.scheduler:perform {
      method = "POST", url = token_url or session.base .. "/accounts/token", headers = headers, body = form,
      safe = false,
    }
  end

  -- What came back, without what was sent: as it is, and as the form and the header have it.
  local function without_secrets(value)
    redact(redact(value, refresh_token), escape(refresh_token))
    if client_secret then
      redact(redact(value, client_secret), base64(client_id .. ":" .. client_secret))
    end
    return redact(value, access_token)
  end

  -- One request for tokens: the result, and the error if it is none that has them.
  local function exchange(session)
    local result = request(session)
    if not result.status and result.sent and (result.kind == "network" or result.kind == "timeout") then
      -- The answer is lost. If the old token is void, this says so; if not, it saves the day.
      result = request(session)
    end
    local path, err = "/accounts/token", nil
    if not result.status or result.kind == "rate_limit" then
      err = errors.from_transport(without_secrets(result), "POST", path)
    elseif result.status < 200 or result.status > 299 then
      without_secrets(result)
      err = errors.from_response(result, "POST", path, session.codec)
      -- OAuth's own code says more than awork's, if both are there.
      local body = session.codec.decode(result.body)
      err.code = type(body) == "table" and type(body.error) == "string" and body.error or err.code
      if err.code == "invalid_grant" then
        err.hint = "the refresh token is void or older than 30 days: the user must authorize again"
      elseif err.code == "invalid_client" then
        err.hint = "check client_id and client_secret"
      end
    end
    return result, err
  end

  -- The same; of a refresh token that is void, once more with the one that the store has now, if that is another.
  local function exchange_newest(session)
    local result, err = exchange(session)
    if not (ask and err and err.code == "invalid_grant") then
      return result, err
    end
    local newer, why = ask_store()
    if newer == refresh_token then
      session.scheduler:sleep(PAUSE)
      newer, why = ask_store()
    end
    if not newer then
      return result, why
    elseif newer == refresh_token then
      return result, err
    end
    refresh_token, unstored = newer, false
    return exchange(session)
  end

  -- Takes an answer's tokens. True; or nil, err if there is no access token in it that can be used.
  local function take(answer)
    local fresh, lifetime, successor = answer.access_token, tonumber(answer.expires_in), answer.refresh_token
    if type(successor) == "string" and successor ~= "" and #successor <= SECRET_MAX and core.header_safe(successor) then
      -- Even if the rest is unusable: the old one is void.
      unstored = unstored or successor ~= refresh_token
      refresh_token = successor
    end
    if token_fault(fresh) then
      return nil, unusable "the answer of the token endpoint has no usable access_token"
    end
    access_token, obtained_at, obtained = fresh, time(), core.now()
    expires_at = obtained_at and lifetime and lifetime > 0 and lifetime < LIFE_MAX and obtained_at + lifetime or nil
    by_refusal, refused = refused, false
    return true
  end

  -- Refreshes; runs in a task of its own. True, or nil and err.
  local function refresh(session)
    flight_co = running()
    local err
    if not refresh_token then
      refresh_token, err = ask_store()
      if not refresh_token then
        return nil, err
      end
    end
    local result
    result, err = exchange_newest(session)
    if err then
      return nil, err
    end
    local answer = session.codec.decode(result.body)
    if type(answer) ~= "table" then
      return nil, unusable "the answer of the token endpoint is no JSON object"
    end
    local taken, stored
    taken, err = take(answer)
    if not taken then
      store()
      return nil, err
    end
    stored, err = store()
    return stored, err
  end

  local source = setmetatable({}, Source)

  local function fresh_enough()
    if not access_token then
      return false
    elseif not expires_at then
      return true
    end
    local now, margin = time(), MARGIN
    if obtained_at then
      margin = min(MARGIN, (expires_at - obtained_at) / 10)
    end
    return not now or now < expires_at - margin
  end

  -- Sees to it that access_token can be used; refreshes it if need be. True, or nil and err.
  local function acquire(session)
    if unstored and not (flight and not flight:done()) then
      local stored, err = store()
      if not stored then
        return nil, err
      end
    end
    if not unstored and fresh_enough() then
      return true
    end
    while true do
      if not flight or flight:done() then
        flight, flight_session = session.scheduler:spawn(function()
          return refresh(session)
        end), session
      elseif flight_co == running() then
        return nil, errors.new {
          kind = "callback", code = "token-unavailable", retryable = false,
          description = "on_refresh used the client whose token it is to store",
        }
      end
      local owner = flight_session
      local ok, err = flight:wait()
      if ok and access_token then
        return true
      elseif not ok and (owner == session or err.kind ~= "closed") then
        return nil, err
      end
    end
  end

  -- True if a new access token may help when the present one was answered 401. By two clocks: one may be set back.
  local function may_renew()
    if not (by_refusal and obtained) then
      return true
    end
    local now = time()
    local age = now and obtained_at and now - obtained_at or 0
    return core.now() - obtained >= YOUNG or age < 0 or age >= YOUNG
  end

  -- What a session needs of a source: see token_source in session.lua.
  local function attach(session, engine)
    local function ready()
      if session.closed then
        return true -- the scheduler says so
      end
      local ok, err = acquire(session)
      if ok and not session.closed then
        set_token(engine, access_token)
      end
      return ok, err
    end
    local function renew(generation)
      if session.closed then
        return false
      elseif access_token and set_token(engine, access_token) == generation then
        if not may_renew() then
          return false
        end
        access_token, refused = nil, true
      end
      return ready() and not session.closed
    end
    return ready, renew
  end

  sources[source] = { attach = attach, token_url = token_url }
  return source
end

--- True if the value is a source of this module.
---@param value any
---@return boolean
function oauth.is(value)
  return sources[value] ~= nil
end

--- The token_url that a source was given.
---@param source table
---@return string?
function oauth.token_url(source)
  return sources[source].token_url
end

--- What a session needs of a source: `ready()` and `renew(generation)`, as token_source in session.lua has them.
---@param source table
---@param session table
---@param engine userdata
---@return fun(): true?, table? ready
---@return fun(generation: integer): boolean renew
function oauth.attach(source, session, engine)
  local ready, renew = sources[source].attach(session, engine)
  return ready, renew
end

return oauth
